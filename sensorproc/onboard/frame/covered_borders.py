"""Covered borders of a detector that no header speaks of: rows and columns at the edges that no light has reached."""

import numpy as np

from sensorproc.onboard.image.background import line_means

STEP_PX = 8  # A cover's edge rises to the field's level within so many pixels: light falls off more slowly.
HALF_LIT_PX = 3  # Pixels next to the cover that are half lit.
SAMPLED = 8  # Every so manieth pixel either way tells the field's level.
ONE_SIGMA = 15.87  # Percentile one sigma below the middle.
NEAR_SIGMAS = 1.5  # Pixels so near a line's median tell its level: farther out are the wings of stars.
CLEAR = 8.0  # A step smaller than so many sigmas of a line's level does no harm.
COVERED, LIT = 0.4, 0.6  # of the step's height


def covered_borders(image: np.ndarray, usable: np.ndarray, most: float) -> tuple[int, int, int, int]:
    """How many columns at the left and right and rows at the top and bottom (in order of index) are covered.

    ``image`` (ny, nx); ``usable`` (ny, nx) bool, pixels that tell a level; ``most`` of a side may be covered.
    """
    return (*_covered(image, usable, most), *_covered(image.T, usable.T, most))


def _covered(image: np.ndarray, usable: np.ndarray, most: float) -> tuple[int, int]:
    n = image.shape[1]
    reach = int(most * n)
    if reach <= STEP_PX:
        return 0, 0
    inner = np.where(usable[::SAMPLED], image[::SAMPLED], np.nan)[:, reach:-reach:SAMPLED]
    if not np.isfinite(inner).any():
        return 0, 0
    low, high = np.nanpercentile(inner, [ONE_SIGMA, 100.0 - ONE_SIGMA])
    spread = 0.5 * float(high - low)
    lines = line_means(np.where(usable, image, np.nan)[:, reach:-reach:SAMPLED], NEAR_SIGMAS * spread)
    level = float(np.nanmedian(lines))
    # stars make lines differ by more than their pixels' noise
    error = max(spread / np.sqrt(len(image)), 1.4826 * float(np.nanmedian(np.abs(lines - level))))
    edges = (np.where(usable[:, part], image[:, part], np.nan) for part in (np.s_[:reach], np.s_[: -reach - 1 : -1]))
    left, right = (_at_edge(line_means(edge, NEAR_SIGMAS * spread), level, error) for edge in edges)
    return left, right


def _at_edge(lines: np.ndarray, level: float, error: float) -> int:
    """How many at the beginning of some lines with levels (m,) are covered."""
    known = np.isfinite(lines)
    if not known.any():
        return 0
    first = int(np.argmax(known))
    lines = lines[first:]
    dark = float(np.nanmin(lines))
    if not level - dark > CLEAR * error:  # of a frame without noise the error is zero
        return 0
    height = (lines - dark) / (level - dark)
    low = np.flatnonzero(height < COVERED)  # the darkest line is always among them
    end = int(low[-1]) + 1
    is_whole = bool((height[:end] < COVERED).mean() > 0.8)
    is_step = end + STEP_PX <= len(height) and float(np.nanmax(height[end : end + STEP_PX])) > LIT
    return first + end + HALF_LIT_PX if is_whole and is_step else 0
