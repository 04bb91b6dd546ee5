"""One row of the table: the same arrays given to us and to others, their answers judged, their times taken in turn."""

import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

OURS = "sensorproc"


@dataclass(frozen=True)
class Case:
    """What is timed: ``ways`` of doing it by name, ours the first, and what one run of each is of, in units of ``unit``.

    ``judge`` is given the answer of every way and says in words how good each is; it raises AssertionError if ours is not
    what it must be. ``bar`` is the ratio of our time to that of the way it names which we aim at.
    """

    name: str
    unit: str
    amount: Mapping[str, float]
    ways: Mapping[str, Callable[[], Any]]
    judge: Callable[[Mapping[str, Any]], Mapping[str, str]]
    bar: tuple[str, float] | None = None


@dataclass(frozen=True)
class Timing:
    """Median seconds of a run, of all processors and on the wall, and the quartiles of the first."""

    cpu_s: float
    wall_s: float
    low_s: float
    high_s: float
    n: int


@dataclass(frozen=True)
class Row:
    """A case that was run: timings and judgements by way."""

    case: str
    unit: str
    amount: dict[str, float]
    timings: dict[str, Timing]
    said: dict[str, str]
    bar: tuple[str, float] | None = None
    ratios: dict[str, float] = field(default_factory=dict)  # our time per unit over that of another


def run(case: Case, repeats: int) -> Row:
    """The ways are tried once and judged, then timed in turn, so that all see the same machine."""
    said = dict(case.judge({name: way() for name, way in case.ways.items()}))
    spent: dict[str, list[tuple[float, float]]] = {name: [] for name in case.ways}
    for _ in range(repeats):
        for name, way in case.ways.items():
            cpu, wall = time.process_time(), time.perf_counter()
            way()
            spent[name].append((time.process_time() - cpu, time.perf_counter() - wall))
    timings = {name: _timing(of) for name, of in spent.items()}
    ours = timings[OURS].cpu_s / case.amount[OURS]
    ratios = {name: ours / max(t.cpu_s / case.amount[name], 1e-12) for name, t in timings.items() if name != OURS}
    return Row(case.name, case.unit, dict(case.amount), timings, said, case.bar, ratios)


def _timing(spent: Sequence[tuple[float, float]]) -> Timing:
    cpu, wall = ([one[i] for one in spent] for i in (0, 1))
    low, middle, high = statistics.quantiles(cpu, n=4) if len(cpu) > 1 else (cpu[0],) * 3
    return Timing(middle, statistics.median(wall), low, high, len(spent))


def alike(*names: str, amount: float) -> dict[str, float]:
    """The same amount of work for every way."""
    return dict.fromkeys((OURS, *names), amount)
