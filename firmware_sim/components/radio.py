"""The radio: one packet after another at the link's rate, and a ledger of every byte."""

import math
from collections.abc import Generator, Sequence
from dataclasses import dataclass, field
from typing import Any

import simpy

from firmware_sim.ledger import BITS_PER_BYTE, Sent
from firmware_sim.ports import Clock
from sensorproc.timescales import NS_PER_S

APID_MASK = 0x7FF


@dataclass
class Radio:
    """Ports: packets in (from the downlink manager), bytes out (``stream``, what the ground receives)."""

    env: simpy.Environment
    clock: Clock
    bit_s: float
    capacity_bytes: int
    ledger: list[Sent] = field(default_factory=list)
    stream: list[bytes] = field(default_factory=list)
    queued_bytes: int = 0

    def __post_init__(self) -> None:
        self._queue = simpy.Store(self.env)
        self.env.process(self._send())

    def free_bytes(self) -> int:
        """Room in the queue."""
        return self.capacity_bytes - self.queued_bytes

    def put(self, packets: Sequence[bytes]) -> None:
        """Queue packets; the caller has asked for room."""
        for packet in packets:
            self.queued_bytes += len(packet)
            self._queue.put(packet)

    def _send(self) -> Generator[simpy.Event, Any, None]:
        while True:
            packet = yield self._queue.get()
            start = self.clock.now_ns()
            yield self.env.timeout(math.ceil(len(packet) * BITS_PER_BYTE * NS_PER_S / self.bit_s))
            apid = int.from_bytes(packet[:2], "big") & APID_MASK
            self.ledger.append(Sent(start, self.clock.now_ns(), apid, len(packet)))
            self.stream.append(packet)
            self.queued_bytes -= len(packet)
