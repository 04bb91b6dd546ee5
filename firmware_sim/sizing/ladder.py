"""Quality against work: what a payload may spend, from the most to the least, and the SNR that each rung was measured to lose."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from importlib import resources
from pathlib import Path

from firmware_sim.board.overload import LEVELS, degraded, frame_step
from firmware_sim.scenarios.scenario import Scenario
from firmware_sim.sizing.expected import ExpectedSets
from sensorproc.config import Config, with_quality
from sensorproc.toml_file import read_toml

LOSSES = Path(str(resources.files("firmware_sim").joinpath("sizing", "losses.toml")))  # written by benchmarks.quality_ladder


@dataclass(frozen=True)
class Rung:
    """A quality, and a level of relief of a board that is late."""

    quality: str
    level: int

    @property
    def text(self) -> str:
        """In words."""
        return f"{self.quality}, {LEVELS[self.level]}" if self.level else self.quality


RUNGS = (
    *(Rung("full", level) for level in range(len(LEVELS))),
    Rung("lean", 0), Rung("survival", 0), Rung("survival", len(LEVELS) - 1),
)  # fmt: skip


@dataclass(frozen=True)
class Loss:
    """SNR lost against a perfect search [dB], and its 95 % interval, from ``n`` targets."""

    value: float
    low: float
    high: float
    n: int


@cache
def losses() -> dict[Rung, Loss]:
    """As measured on skies of 512 x 512 px with a PSF of 2 px."""
    found = {}
    for row in read_toml(LOSSES)["loss"]:
        rung = Rung(row.pop("quality"), row.pop("level"))
        found[rung] = Loss(**row)
    return found


def at_rungs(
    scenario: Scenario, n_objects: int | None = None, n_stars: int | None = None, has_dark_map: bool = True
) -> Iterator[tuple[Rung, ExpectedSets, Config]]:
    """Sets and configuration of a scenario's payload at every rung, the best first."""
    for rung in RUNGS:
        payload = with_quality(scenario.payload, rung.quality)
        sets = ExpectedSets.of(replace(scenario, payload=payload), n_objects, n_stars, has_dark_map)
        yield rung, replace(sets, step=frame_step(rung.level)), degraded(payload, rung.level)
