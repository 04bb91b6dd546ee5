"""Steps between amplifiers: parts of a detector that are read side by side, each at a level of its own.

A mesh of cells rounds a step off over a cell, and leaves a wall of light on one side of it and a ditch on the other.
"""

import numpy as np
from scipy import ndimage

from sensorproc.onboard.image.background import MOMENTS_CLIP
from sensorproc.onboard.image.lines import LineSums, line_means

REACH_PX = 8  # Lines on either side whose levels tell a step,
NEAR_PX = 2  # and those next to it, which must tell as much of it:
SHARP = 0.75  # light has no edges so sharp,
LASTING = 0.3  # and a streak of light along a line is dark again farther on. A mesh has taken part of the step there.
FROM_EDGE_PX = 24  # An amplifier has more lines than that; levels beside a cover or an overscan are its own matter.
CLEAR_SIGMAS = 8.0  # A step must stand out of the differences between other lines so far,
LEAST_SIGMA = 0.1  # and be so much of a pixel's noise: a smaller one does no harm.
SAME_SIGMAS = 4.0  # The two halves of a line may have steps of their own if they differ by more.
MIN_LINE_PX = 32  # Half a line needs so many good pixels.
MOST_STEPS = 3  # either way
LARGE_CLIP = 60.0  # Pixels count up to so many sigmas, first: a large step is hidden by a narrower clip, a small one by stars.


def amplifier_levels(image: np.ndarray, sigma: np.ndarray, flags: np.ndarray) -> np.ndarray | None:
    """Level of every pixel's amplifier (ny, nx) float32 over that of the first, None if there are no steps.

    ``image`` (ny, nx) is without background, ``sigma`` its noise.
    """
    good, left, levels = flags == 0, image, None
    for clip in (LARGE_CLIP, MOMENTS_CLIP):
        sums = LineSums.of(left, sigma, flags, clip)
        for across in (False, True):
            for _ in range(MOST_STEPS):
                at = _place(sums.levels(across, MIN_LINE_PX))
                turned = (left.T, sigma.T, good.T) if across else (left, sigma, good)
                heights = None if at is None else _heights_at(*turned, at)
                if at is None or heights is None:
                    break
                if levels is None:
                    levels, left = np.zeros_like(image), image.copy()
                for part, sign in ((left, -1.0), (levels, 1.0)):
                    _add_step(part.T if across else part, at, sign * heights)
                sums = LineSums.of(left, sigma, flags, clip)
    return levels


def _add_step(image: np.ndarray, at: int, heights: np.ndarray) -> None:
    """Add a step to an image in place: a height for the upper and one for the lower half of all columns from ``at`` on."""
    for rows, height in zip(_halves(image), heights.tolist(), strict=True):
        image[rows, at:] += np.float32(height)


def _halves(image: np.ndarray) -> tuple[slice, slice]:
    middle = image.shape[0] // 2
    return np.s_[:middle], np.s_[middle:]


def _place(levels: np.ndarray) -> int | None:
    """The column at which the clearest step of some ``levels`` (2, n) of halves of columns may be, None if there is none."""
    steps, noise = _steps(levels)
    if not steps.size:
        return None
    pull = np.where(np.abs(steps) > LEAST_SIGMA, np.abs(steps) / noise[:, None], 0.0)
    half, x = (int(v) for v in np.unravel_index(int(np.argmax(pull)), pull.shape))
    if pull[half, x] < CLEAR_SIGMAS:
        return None
    # medians jump where half of their lines have: the edge itself is where two lines differ most
    places = np.arange(x + REACH_PX // 2, x + REACH_PX + REACH_PX // 2 + 1)
    edges = np.nan_to_num(levels[half, places] - levels[half, places - 1]) / steps[half, x]
    return int(places[np.argmax(edges)])


def _heights_at(image: np.ndarray, sigma: np.ndarray, good: np.ndarray, at: int) -> np.ndarray | None:
    """Heights (2,) of a step in the upper and the lower half of a column; None if light makes it."""
    if not FROM_EDGE_PX <= at <= image.shape[1] - FROM_EDGE_PX:
        return None
    around = np.s_[at - FROM_EDGE_PX : at + FROM_EDGE_PX]
    heights, edges, lasting, errors = np.zeros(2), np.zeros(2), np.zeros(2), np.zeros(2)
    for k, rows in enumerate(_halves(image)):
        part = np.where(good[rows, around], image[rows, around], np.nan)
        spread = float(np.median(sigma[rows, around]))
        lines = line_means(part, MOMENTS_CLIP * spread)
        before, after = lines[FROM_EDGE_PX - 1 :: -1], lines[FROM_EDGE_PX:]
        if not np.isfinite(lines).all():
            return None
        heights[k] = np.median(after[:REACH_PX]) - np.median(before[:REACH_PX])
        lasting[k] = np.median(after[REACH_PX:]) - np.median(before[REACH_PX:])
        edges[k] = after[:NEAR_PX].mean() - before[:NEAR_PX].mean()
        errors[k] = spread * np.sqrt(2.0 / REACH_PX / len(part))
    if abs(heights[1] - heights[0]) < SAME_SIGMAS * float(np.hypot(*errors)):
        heights, edges, lasting = (np.full(2, v.mean()) for v in (heights, edges, lasting))
    higher = int(np.argmax(np.abs(heights)))
    if abs(heights[higher]) < LEAST_SIGMA * spread:
        return None
    is_step = edges[higher] / heights[higher] > SHARP and lasting[higher] / heights[higher] > LASTING
    return heights if is_step else None


def _steps(levels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Differences (2, m) between the medians of lines after and before every place, less their slow trend, and how much (2,) they
    scatter; empty where there are too few lines."""
    if levels.shape[1] < 8 * REACH_PX or not np.isfinite(levels).any(axis=1).all():
        return np.empty((2, 0)), np.ones(2)
    known = np.isfinite(levels)
    inside = ndimage.binary_erosion(known, np.ones((1, 2 * FROM_EDGE_PX + 1), bool))
    filled = np.where(known, levels, np.nanmedian(levels, axis=1, keepdims=True))
    medians = np.median(np.lib.stride_tricks.sliding_window_view(filled, REACH_PX, axis=1), axis=2)
    heights = medians[:, REACH_PX:] - medians[:, :-REACH_PX]
    steps = heights - ndimage.median_filter(heights, size=(1, 6 * REACH_PX + 1), mode="nearest")
    steps = np.where(inside[:, REACH_PX : 1 - REACH_PX], steps, 0.0)
    return steps, np.maximum(1.4826 * np.median(np.abs(steps), axis=1), 1e-6)
