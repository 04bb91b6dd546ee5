"""Covered borders of a detector that no header speaks of: rows and columns at the edges that no light has reached."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from sensorproc.flags import PixelFlag
from sensorproc.onboard.image.background import line_means
from sensorproc.onboard.products import Flattened, freeze

APART_PX = 8  # Lines so far apart differ by stars and noise.
HALF_LIT_PX = 3  # Pixels next to the cover that are half lit: over them its edge rises, light falls off more slowly.
SIDE_PX, STEP = (
    2,
    0.5,
)  # Lines on either side of those that tell by how much, and the part of the whole step that this is at least.
SAMPLED = 8  # Every so manieth pixel either way tells the field's level.
ONE_SIGMA = 15.87  # Percentile one sigma below the middle.
NEAR_SIGMAS = 1.5  # Pixels so near a line's median tell its level: farther out are the wings of stars.
CLEAR = 8.0  # A step smaller than so many sigmas of a line's level does no harm.
COVERED = 0.4  # of the step's height, at most


def covered_borders(image: np.ndarray, usable: np.ndarray, most: float) -> tuple[int, int, int, int]:
    """How many columns at the left and right and rows at the top and bottom (in order of index) are covered.

    ``image`` (ny, nx); ``usable`` (ny, nx) bool, pixels that tell a level; ``most`` of a side may be covered.
    """
    return (*_covered(image, usable, most), *_covered(image.T, usable.T, most))


def with_covers_of_most(frames: Sequence[Flattened]) -> list[Flattened]:
    """The frames of a set, without data in all of them what is covered in half: a cover does not come and go, but may go unseen
    in a noisy frame."""
    flags = [frame.flags for frame in frames]
    covered = [[(f & PixelFlag.NO_DATA > 0).all(axis=axis) for f in flags] for axis in (0, 1)]
    columns, rows = (2 * np.sum(lines, axis=0) >= max(len(frames), 2) for lines in covered)
    return [_without_lines(frame, columns, rows) for frame in frames]


def _without_lines(frame: Flattened, columns: np.ndarray, rows: np.ndarray) -> Flattened:
    """The frame, some columns (nx,) bool and rows (ny,) bool of which hold no data."""
    flags = frame.flags | (columns[None, :] | rows[:, None]) * np.uint8(PixelFlag.NO_DATA)
    if (flags == frame.flags).all():
        return frame
    freeze(flags)
    return replace(frame, flags=flags)


def _covered(image: np.ndarray, usable: np.ndarray, most: float) -> tuple[int, int]:
    n = image.shape[1]
    reach = int(most * n)
    if reach <= APART_PX:
        return 0, 0
    inner = np.where(usable[::SAMPLED], image[::SAMPLED], np.nan)[:, reach:-reach:SAMPLED]
    if not np.isfinite(inner).any():
        return 0, 0
    low, high = np.nanpercentile(inner, [ONE_SIGMA, 100.0 - ONE_SIGMA])
    spread = 0.5 * float(high - low)
    lines = line_means(np.where(usable, image, np.nan)[:, reach:-reach:SAMPLED], NEAR_SIGMAS * spread)
    # stars make lines differ by more than their pixels' noise; steps between amplifiers and gradients do so far apart alone
    jumps = lines[APART_PX:] - lines[:-APART_PX]
    known = jumps[np.isfinite(jumps)]
    if not len(known):
        return 0, 0
    error = max(spread / np.sqrt(len(image)), 1.4826 * float(np.median(np.abs(known - np.median(known)))) / np.sqrt(2.0))
    near = max(len(lines) // 4, 1)
    sides = (np.s_[:reach], lines[:near]), (np.s_[: -reach - 1 : -1], lines[-near:])
    left, right = (
        _at_edge(line_means(np.where(usable[:, part], image[:, part], np.nan), NEAR_SIGMAS * spread), beside, error)
        for part, beside in sides
    )
    return left, right


def _at_edge(lines: np.ndarray, beside: np.ndarray, error: float) -> int:
    """How many at the beginning of some lines with levels (m,) are covered; ``beside`` (l,) are levels of lines in the field."""
    known = np.isfinite(lines)
    if not known.any() or not np.isfinite(beside).any():
        return 0
    level = float(np.nanmedian(beside))
    first = int(np.argmax(known))
    lines = lines[first:]
    dark = float(np.nanmin(lines))
    if not level - dark > CLEAR * error:  # of a frame without noise the error is zero
        return 0
    height = (lines - dark) / (level - dark)
    low = np.flatnonzero(height < COVERED)  # the darkest line is always among them
    end = int(low[-1]) + 1
    is_whole = bool((height[:end] < COVERED).mean() > 0.8)
    before, after = height[max(end - SIDE_PX, 0) : end], height[end + HALF_LIT_PX : end + HALF_LIT_PX + SIDE_PX]
    is_step = bool(np.isfinite(after).any()) and float(np.nanmean(after) - np.nanmean(before)) > STEP
    return first + end + HALF_LIT_PX if is_whole and is_step else 0
