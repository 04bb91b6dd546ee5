"""The processor: cores that take time and energy. Urgent work interrupts what is less so, and it goes on afterwards."""

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, field
from typing import Any

import simpy

from firmware_sim.ports import Charge, Clock
from firmware_sim.processor_profile import Profile
from firmware_sim.timeline import Timeline
from sensorproc.timescales import NS_PER_S

QUANTUM_NS = NS_PER_S // 20  # after so long, work looks whether something more urgent waits
MOST_SLICES = 20_000  # kept for a report; the timeline has them all


@dataclass(frozen=True)
class Slice:
    """A stage that had the processor: which set, whose turn, from when to when [ns since start]."""

    stage: str
    set_id: int
    lane: str
    start_ns: int
    end_ns: int


@dataclass
class Processor:
    """All cores work on one stage at a time; how much faster that makes it is in the stage's cost."""

    env: simpy.Environment
    clock: Clock
    profile: Profile
    timeline: Timeline
    busy_ns: int = 0
    trace: list[Slice] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._cores = simpy.PriorityResource(self.env, capacity=1)
        self._reported = (0, 0)  # busy time and clock at the last report [ns]

    def spend(
        self, charges: Sequence[Charge], set_id: int, lane: str, priority: int, alive: Callable[[int | None], None]
    ) -> Generator[simpy.Event, Any, None]:
        """Take the time of stages, one after another. ``alive`` is told how long a stage may take from
        now on, whenever it gets the cores, and None while it waits for them.

        Raises
        ------
        simpy.Interrupt
            If the caller is: by a reset.
        """
        for charge in charges:
            left = charge.duration_ns
            while left > 0:
                alive(None)
                with self._cores.request(priority=priority) as turn:
                    yield turn
                    alive(left)
                    start = self.clock.now_ns()
                    try:
                        while left > 0:
                            step = min(left, QUANTUM_NS)
                            yield self.env.timeout(step)
                            left -= step
                            if any(waiting.priority < priority for waiting in self._cores.queue):
                                break
                    finally:
                        self._ran(charge.stage, set_id, lane, start)

    def _ran(self, stage: str, set_id: int, lane: str, start_ns: int) -> None:
        self.busy_ns += self.clock.now_ns() - start_ns
        if len(self.trace) < MOST_SLICES:
            self.trace.append(Slice(stage, set_id, lane, start_ns, self.clock.now_ns()))
        self.timeline.span(stage, lane, start_ns, self.clock.now_ns(), {"set": set_id})

    def since_last_report(self) -> tuple[float, float]:
        """Busy fraction, and energy [J], since this was last asked."""
        now = self.clock.now_ns()
        before_busy, before = self._reported
        self._reported = self.busy_ns, now
        if now == before:
            return 0.0, 0.0
        fraction = (self.busy_ns - before_busy) / (now - before)
        watts = self.profile.idle_w + (self.profile.active_w - self.profile.idle_w) * fraction
        return fraction, watts * (now - before) / NS_PER_S
