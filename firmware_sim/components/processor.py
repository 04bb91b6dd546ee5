"""The processor: cores that take time and energy. Everything that ran is on its trace."""

from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import simpy

from firmware_sim.cost import duration_s, work_of
from firmware_sim.ports import Charge, Clock
from firmware_sim.processor_profile import Profile
from sensorproc.timescales import NS_PER_S


@dataclass(frozen=True)
class Slice:
    """A stage on the trace: which set, which core's turn, from when to when [ns since start]."""

    stage: str
    set_id: int
    lane: str
    start_ns: int
    end_ns: int


class CostMeter:
    """The pipeline's ``do``: runs a stage at once and writes down what it costs."""

    def __init__(self, profile: Profile, rng: np.random.Generator, pixels: float):
        self.profile, self.rng, self.pixels = profile, rng, pixels
        self.charges: list[Charge] = []

    def __call__(self, stage: Callable[..., Any], *arguments: Any) -> Any:
        result = stage(*arguments)
        work = self.pixels * work_of(stage.__name__, arguments, result)
        seconds = duration_s(stage.__name__, work, self.profile, self.rng)
        self.charges.append(Charge(stage.__name__, round(seconds * NS_PER_S)))
        return result


@dataclass
class Processor:
    """Cores shared by priority: frames before sets, since frames do not wait."""

    env: simpy.Environment
    clock: Clock
    profile: Profile
    rng: np.random.Generator
    trace: list[Slice] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._cores = simpy.PriorityResource(self.env, capacity=self.profile.cores)
        self._reported = (0, 0)  # busy core time and clock at the last report [ns]

    def meter(self, pixels: float) -> CostMeter:
        """A ``do`` for work on so many pixels."""
        return CostMeter(self.profile, self.rng, pixels)

    def spend(self, charges: list[Charge], set_id: int, lane: str, priority: int) -> Generator[simpy.Event, Any, None]:
        """Take the time of stages, one after another, each on a core of its own turn."""
        for charge in charges:
            with self._cores.request(priority=priority) as turn:
                yield turn
                start = self.clock.now_ns()
                yield self.env.timeout(charge.duration_ns)
                self.trace.append(Slice(charge.stage, set_id, lane, start, self.clock.now_ns()))

    def since_last_report(self) -> tuple[float, float]:
        """Busy fraction of all cores, and energy [J], since this was last asked."""
        busy, now = sum(s.end_ns - s.start_ns for s in self.trace), self.clock.now_ns()
        before_busy, before = self._reported
        self._reported = busy, now
        if now == before:
            return 0.0, 0.0
        fraction = (busy - before_busy) / (now - before) / self.profile.cores
        watts = self.profile.idle_w + (self.profile.active_w - self.profile.idle_w) * fraction
        return fraction, watts * (now - before) / NS_PER_S
