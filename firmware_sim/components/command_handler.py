"""The command handler: takes packets from the ground, a few a second, answers them, and carries out stored ones in time."""

from collections import deque
from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from typing import Any

import simpy

from firmware_sim.ports import Clock, Executor, port
from sensorproc.downlink.dictionary import Apid
from sensorproc.timescales import NS_PER_S

CYCLE_NS = NS_PER_S // 10
PER_CYCLE = 4
MOST_WAITING = 32


@dataclass
class CommandHandler:
    """Ports: clock, executor, answers out. Packets that find no room in the queue are counted, and not answered: whoever sends as
    many cannot be answered."""

    env: simpy.Environment
    clock: Clock
    is_over: Callable[[], bool]
    executor: Executor = port()
    answer: Callable[[int, list[bytes]], None] = port()
    is_up: Callable[[], bool] = port()
    n_overflowed: int = 0
    waiting: deque[bytes] = field(default_factory=deque)

    def __post_init__(self) -> None:
        self._called = self.env.event()
        self.env.process(self._run())

    def uplink(self, raw: bytes) -> None:
        """A packet arrives."""
        if len(self.waiting) >= MOST_WAITING:
            self.n_overflowed += 1
            return
        self.waiting.append(raw)
        if not self._called.triggered:
            self._called.succeed()

    def _run(self) -> Generator[simpy.Event, Any, None]:
        while not self.is_over():
            if not self.waiting:
                self._called = self.env.event()
                yield self._called | self.env.timeout(NS_PER_S)  # stored commands are looked at once a second
            else:
                yield self.env.timeout(CYCLE_NS)
            if not self.is_up():
                continue
            now = self.clock.tai_ns()
            answers = self.executor.due(now)
            for _ in range(min(PER_CYCLE, len(self.waiting))):
                answers += self.executor.receive(self.waiting.popleft(), now)
            if answers:
                self.answer(int(Apid.ACK), answers)

    @property
    def n_rejected(self) -> int:
        """Commands answered with a code, and those that found no room."""
        return self.executor.n_rejected + self.n_overflowed
