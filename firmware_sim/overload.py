"""What a payload gives up when it is too slow, in a fixed order, and how it knows that it is.

A degraded set says so in its SET and DWELL records, and its configuration digest differs.
"""

from dataclasses import dataclass, replace

from sensorproc.config import Config

LEVELS = ("as configured", "fewer velocities", "no streaks, coarser background", "every second frame")
MAX_SMEAR_PX = 6.0  # a third of a decibel dearer than 4, in half as many velocities
COARSER = 2  # times the cell of the background's mesh
RELAXED = 0.6  # of a period: sets this quick may be searched better again,
PATIENCE = 3  # when so many have been


def degraded(config: Config, level: int) -> Config:
    """The configuration of a level of overload."""
    if level >= 1:
        search = replace(config.search, max_smear_px=max(config.search.max_smear_px, MAX_SMEAR_PX), permuted_every=0)
        config = replace(config, search=search)
    if level >= 2:
        mesh = min(COARSER * config.flatten.mesh_px, 512)
        config = replace(config, streaks=replace(config.streaks, enabled=False), flatten=replace(config.flatten, mesh_px=mesh))
    return config


def frame_step(level: int) -> int:
    """Of how many frames one is used."""
    return 2 if level >= 3 else 1


@dataclass
class OverloadPolicy:
    """The level for the next set: one worse after a set that was late, one better after some that were quick."""

    level: int = 0
    n_quick: int = 0

    def finished(self, taken_ns: int, period_ns: int) -> int:
        """After a set that took so long from its last frame on; the level from now on."""
        if taken_ns > period_ns:
            self.level, self.n_quick = min(self.level + 1, len(LEVELS) - 1), 0
        elif taken_ns < RELAXED * period_ns and self.level:
            self.n_quick += 1
            if self.n_quick >= PATIENCE:
                self.level, self.n_quick = self.level - 1, 0
        else:
            self.n_quick = 0
        return self.level
