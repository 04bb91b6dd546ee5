"""The highest rate that a payload keeps up with: bisection, every step a run like any other."""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from firmware_sim.bench.run import Plan, Progress, Result, at_rate, run

CLOSE = 1.1  # two rates so near to one another end the search


@dataclass(frozen=True, eq=False)
class Step:
    """A rate [Hz] that was tried, and what came of it."""

    rate_hz: float
    result: Result

    @property
    def is_kept(self) -> bool:
        return self.result.outcome == "pass"

    def row(self) -> dict[str, Any]:
        """As it is written."""
        packet = self.result.measured.last_packet
        return {"rate_hz": self.rate_hz, "outcome": self.result.outcome} | packet.row()


def highest_rate(plan: Plan, low_hz: float, high_hz: float, folder: Path, progress: Progress) -> list[Step]:
    """Rates in the order in which they were tried: the lowest first, which must be kept, then the highest, then between them."""
    steps: list[Step] = []

    def is_kept(rate_hz: float) -> bool:
        place = folder / f"step_{len(steps)}"
        place.mkdir()
        steps.append(Step(rate_hz, run(at_rate(plan, 1.0 / rate_hz), place, progress)))
        return steps[-1].is_kept

    if not is_kept(low_hz) or is_kept(high_hz):
        return steps
    while high_hz / low_hz > CLOSE:
        middle = math.sqrt(low_hz * high_hz)
        low_hz, high_hz = (middle, high_hz) if is_kept(middle) else (low_hz, middle)
    return steps


def best(steps: list[Step]) -> Step | None:
    """The highest rate that was kept."""
    return max((step for step in steps if step.is_kept), key=lambda step: step.rate_hz, default=None)
