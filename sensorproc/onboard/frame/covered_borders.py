"""Covered borders of a detector that no header speaks of: rows and columns at the edges that no light has reached."""

import numpy as np

STEP_PX = 8  # A cover's edge rises to the field's level within so many pixels: light falls off more slowly.
HALF_LIT_PX = 3  # Pixels next to the cover that are half lit.
SAMPLED = 8  # Every so manieth pixel along a line tells its level.
CLEAR_SIGMAS = 12.0  # A step smaller than so many sigmas of a line's level does no harm.
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
    part = np.where(usable[::SAMPLED], image[::SAMPLED], np.nan)
    inner = part[:, reach:-reach:SAMPLED]
    if not np.isfinite(inner).any():
        return 0, 0
    level = float(np.nanmedian(inner))
    error = 1.25 * 1.4826 * float(np.nanmedian(np.abs(inner - level))) / np.sqrt(len(part))
    return _at_edge(part[:, :reach], level, error), _at_edge(part[:, : -reach - 1 : -1], level, error)


def _at_edge(part: np.ndarray, level: float, error: float) -> int:
    """Covered lines at the beginning of some (n, m)."""
    known = np.isfinite(part).any(axis=0)
    if not known.any():
        return 0
    lines = np.where(known, np.nanmedian(np.where(known, part, 0.0), axis=0), np.nan)
    first = int(np.argmax(known))
    lines = lines[first:]
    dark = float(np.nanmin(lines))
    if not level - dark > CLEAR_SIGMAS * error:  # of a frame without noise the error is zero
        return 0
    height = (lines - dark) / (level - dark)
    low = np.flatnonzero(height < COVERED)  # the darkest line is always among them
    end = int(low[-1]) + 1
    is_whole = bool((height[:end] < COVERED).mean() > 0.8)
    is_step = end + STEP_PX <= len(height) and float(np.nanmax(height[end : end + STEP_PX])) > LIT
    return first + end + HALF_LIT_PX if is_whole and is_step else 0
