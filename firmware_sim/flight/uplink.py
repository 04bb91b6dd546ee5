"""The ground's telecommands on their way up, at their times."""

from collections.abc import Generator
from typing import Any

import simpy

from firmware_sim.components.command_handler import CYCLE_NS, PER_CYCLE, CommandHandler


def uplink(
    env: simpy.Environment, commands: CommandHandler, t_ns: int, packets: list[bytes]
) -> Generator[simpy.Event, Any, None]:
    """Packets that arrive from ``t_ns`` [ns since start] on, a few in every cycle."""
    yield env.timeout(t_ns)
    for k, raw in enumerate(packets):
        if k and k % PER_CYCLE == 0:
            yield env.timeout(CYCLE_NS)
        commands.uplink(raw)
