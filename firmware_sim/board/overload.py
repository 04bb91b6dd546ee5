"""What a payload gives up when it is too slow, in a fixed order, and how it knows that it is.

A degraded set says so in its SET and DWELL records, and its configuration digest differs.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from sensorproc.config import Config

LEVELS = ("as configured", "fewer velocities", "no streaks", "every second frame")
MAX_SMEAR_PX = 6.0  # as good as 4 within 0.1 dB, in half as many velocities (benchmarks.quality_ladder)
RELAXED = 0.9  # of a period: a better level whose sets take less is tried again,
PATIENCE = 3  # when so many sets were in time


def degraded(config: Config, level: int) -> Config:
    """The configuration of a level of overload."""
    if level >= 1:
        search = replace(config.search, max_smear_px=max(config.search.max_smear_px, MAX_SMEAR_PX), permuted_every=0)
        config = replace(config, search=search)
    if level >= 2:
        config = replace(config, streaks=replace(config.streaks, enabled=False))
    return config


def frame_step(level: int) -> int:
    """Of how many frames one is used."""
    return 2 if level >= 3 else 1


def useful_levels(config: Config) -> tuple[int, ...]:
    """Levels that take work off a configuration, 0 the first of them: the others change nothing about it."""
    levels = [0]
    for level in range(1, len(LEVELS)):
        before = levels[-1]
        if (degraded(config, level), frame_step(level)) != (degraded(config, before), frame_step(before)):
            levels.append(level)
    return tuple(levels)


@dataclass
class OverloadPolicy:
    """The level for the next set: one worse after a set that was late; one better after some that were not, if sets of the better
    level would not be. What these took is known from when the level was left; work that has become lighter since, or a board that
    has become free, shows in the sets of the level in force, against the first of them."""

    level: int = 0
    n_in_time: int = 0
    work_ns: dict[int, int] = field(default_factory=dict)  # of the last set of every level
    first_ns: int = 0  # of the first set of the level in force

    def finished(self, late_ns: int, work_ns: int, period_ns: int, levels: Sequence[int] = range(len(LEVELS))) -> int:
        """After a set that was ready ``late_ns`` after its last frame and took ``work_ns`` of search; the level from now on, of
        those ``levels`` that help."""
        worse = next((level for level in levels if level > self.level), self.level)
        better = max((level for level in levels if level < self.level), default=0)
        if work_ns:
            self.work_ns[self.level] = work_ns
            self.first_ns = self.first_ns or work_ns
        if late_ns > period_ns:
            self._go(worse)
            return self.level
        self.n_in_time += 1
        lighter = min(work_ns / self.first_ns, 1.0) if work_ns and self.first_ns else 1.0
        if self.level and self.n_in_time >= PATIENCE and lighter * self.work_ns.get(better, 0) < RELAXED * period_ns:
            self._go(better)
        return self.level

    def _go(self, level: int) -> None:
        self.first_ns = self.first_ns if level == self.level else 0
        self.level, self.n_in_time = level, 0
