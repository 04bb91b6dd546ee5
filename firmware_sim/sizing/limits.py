"""What of a payload fits a board: how long its sets, how fast and how large they may be, each for itself."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import TypeVar

from firmware_sim.sizing.expected import ExpectedSets
from firmware_sim.sizing.sizing import Sizing
from sensorproc.config import Config

SET_FRAMES = range(64, 3, -1)
CADENCES_S = tuple(round(0.1 * 1.1**k, 3) for k in range(97))  # to a thousand seconds
WINDOW_STEP_PX = 64
Value = TypeVar("Value")
Sized = Callable[[ExpectedSets, Config], Sizing]


@dataclass(frozen=True)
class Limits:
    """The largest set [frames], the shortest cadence [s] and the largest square window [px] that fit, all else as configured;
    None where nothing does."""

    set_frames: int | None
    cadence_s: float | None
    window_px: int | None


def limits(sets: ExpectedSets, config: Config, sized: Sized) -> Limits:
    """What fits, by the same sums."""
    side = min(sets.shape)

    def first(values: Iterable[Value], of: Callable[[Value], ExpectedSets]) -> Value | None:
        return next((value for value in values if sized(of(value), config).fits), None)

    return Limits(
        first(SET_FRAMES, lambda n: replace(sets, n_frames=n)),
        first(CADENCES_S, lambda cadence_s: replace(sets, cadence_s=cadence_s)),
        first(range(side, WINDOW_STEP_PX - 1, -WINDOW_STEP_PX), sets.with_window),
    )
