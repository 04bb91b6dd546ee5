"""Covered borders of a detector that no header speaks of: rows and columns at the edges that no light has reached."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from sensorproc.flags import PixelFlag
from sensorproc.onboard.image.lines import line_means
from sensorproc.onboard.image.matched_filter import without
from sensorproc.onboard.products import Flattened, freeze

HALF_LIT_PX = 3  # Pixels next to the cover that are half lit: over them its edge rises, light falls off more slowly.
SIDE_PX = 2  # Lines on either side of those that tell by how much it rises,
STEP = 0.5  # at least this part of the whole step.
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
    """The frames of a set, without data in all of them what is covered in most: a cover does not come and go, but may go unseen
    in a noisy frame."""
    if len(frames) < 2:
        return list(frames)
    lost = [frame.flags & PixelFlag.NO_DATA > 0 for frame in frames]
    columns, rows = (
        2 * np.sum([_at_edges(np.asarray(one.all(axis=axis))) for one in lost], axis=0) > len(frames) for axis in (0, 1)
    )
    return [_without_lines(frame, columns, rows) for frame in frames]


def _at_edges(lost: np.ndarray) -> np.ndarray:
    """Which of some ``lost`` lines (m,) bool reach an edge without a gap: others were lost on the way."""
    return np.logical_and.accumulate(lost) | np.logical_and.accumulate(lost[::-1])[::-1]


def _without_lines(frame: Flattened, columns: np.ndarray, rows: np.ndarray) -> Flattened:
    """The frame, some columns (nx,) bool and rows (ny,) bool of which hold no data."""
    flags = frame.flags | (columns[None, :] | rows[:, None]) * np.uint8(PixelFlag.NO_DATA)
    if (flags == frame.flags).all():
        return frame
    weight = without(frame.weight, flags)
    freeze(flags, weight)
    return replace(frame, flags=flags, weight=weight)


def _covered(image: np.ndarray, usable: np.ndarray, most: float) -> tuple[int, int]:
    n = image.shape[1]
    reach = int(most * n)
    if reach <= HALF_LIT_PX + SIDE_PX:
        return 0, 0
    inner = np.where(usable[::SAMPLED], image[::SAMPLED], np.nan)[:, reach:-reach:SAMPLED]
    inner = inner[np.isfinite(inner)]
    if not len(inner):
        return 0, 0
    low, high = np.percentile(inner, [ONE_SIGMA, 100.0 - ONE_SIGMA])
    spread = 0.5 * float(high - low)
    field = np.s_[:, reach:-reach:SAMPLED]
    lines = line_means(np.where(usable[field], image[field], np.nan), NEAR_SIGMAS * spread)
    # stars make lines differ by more than their pixels' noise; those sampled are farther apart than a star is wide
    jumps = np.diff(lines)
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
