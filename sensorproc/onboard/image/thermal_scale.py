"""How warm the detector is, told by its own pixels: dark current of all of them scales alike with temperature.

One kelvin is a tenth of every warm pixel's dark current, and thermometers are not on the die. The scale of a known pattern in a
frame is the slope of the frame's pixels over the pattern's: of medians in bins, so that stars and hits do not bend it.
"""

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from sensorproc.onboard.kernels.sorting import sort_columns

LOWEST, HIGHEST = 0.60, 0.997  # Quantiles of the pattern's pixels between which it is compared: cool ones tell nothing, few do.
N_BINS, MIN_IN_BIN = 24, 30  # Bins of equal number, and pixels each of them needs.
MEDIAN_VARIANCE = 1.5708  # Variance of a median of normals over that of their mean.


@dataclass(frozen=True)
class Scale:
    """Factor by which a frame's dark pattern is warmer than the one it is compared with, its error, and how much single pixels
    scatter about it, relative, beyond noise that is alike in all of them and that of their own charge."""

    value: float
    sigma: float
    scatter: float


def spread_out(chosen: np.ndarray, margin: int, most: int) -> tuple[np.ndarray, np.ndarray]:
    """y and x (m,) of at most ``most`` pixels of a map (ny, nx) bool, evenly spread, none within ``margin`` of its border."""
    inside = chosen[margin:-margin, margin:-margin]
    where = np.flatnonzero(inside)
    where = where[:: max(-(-len(where) // most), 1)]
    y, x = np.divmod(where, inside.shape[1])
    return y + margin, x + margin


def sharp(values: np.ndarray, y: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Pixels (m,) less the median of their neighbours, which takes out sky, stray light and most stars; none is at the border."""
    nx = values.shape[1]
    around = [dy * nx + dx for dy in range(-2, 3) for dx in range(-2, 3) if (dy, dx) != (0, 0)]
    flat, at = values.reshape(-1), y * nx + x
    neighbours = np.stack([flat[at + step] for step in around])
    sort_columns(neighbours)
    half = len(around) // 2
    return np.asarray(flat[at] - np.float32(0.5) * (neighbours[half - 1] + neighbours[half]))


def thermal_scale(image: np.ndarray, pattern: np.ndarray, usable: np.ndarray) -> Scale | None:
    """Scale of ``pattern`` (ny, nx) [e-] in an ``image`` of the same shape, from ``usable`` (ny, nx) bool pixels; None if
    they are too few."""
    level = pattern[usable]
    positive = level[level > 0.0]
    if len(positive) < 2 * MIN_IN_BIN:
        return None
    low, high = (float(v) for v in np.quantile(positive, (LOWEST, HIGHEST)))
    chosen = usable & (pattern > low) & (pattern <= high)
    x, y = pattern[chosen].astype(float), image[chosen].astype(float)
    n_bins = min(N_BINS, len(x) // MIN_IN_BIN)
    if n_bins < 2:
        return None
    of_bin = np.searchsorted(np.quantile(x, np.linspace(0.0, 1.0, n_bins + 1))[1:-1], x, side="right")
    bins = np.arange(n_bins)
    count = np.bincount(of_bin, minlength=n_bins)
    if (count < MIN_IN_BIN // 2).any():
        return None  # a pattern of few levels
    middle_x, middle_y = ndimage.median(x, of_bin, bins), ndimage.median(y, of_bin, bins)
    spread = 1.4826 * np.asarray(ndimage.median(np.abs(y - middle_y[of_bin]), of_bin, bins))
    weight = count / (MEDIAN_VARIANCE * np.maximum(spread, 1e-3) ** 2)
    columns = np.stack([middle_x, np.ones(n_bins)], axis=1)
    normal = np.einsum("ba,b,bc->ac", columns, weight, columns)
    determinant = normal[0, 0] * normal[1, 1] - normal[0, 1] ** 2
    if not determinant > 0.0:
        return None
    rhs = np.einsum("ba,b,b->a", columns, weight, middle_y)
    slope = (normal[1, 1] * rhs[0] - normal[0, 1] * rhs[1]) / determinant
    left = middle_y - columns @ [slope, (normal[0, 0] * rhs[1] - normal[0, 1] * rhs[0]) / determinant]
    excess = max(float((weight * left**2).sum()) / max(n_bins - 2, 1), 1.0)
    return Scale(float(slope), float(np.sqrt(excess * normal[1, 1] / determinant)), _scatter(float(slope) * middle_x, spread))


def _scatter(level: np.ndarray, spread: np.ndarray) -> float:
    """Relative scatter s of charges about their ``level`` (b,) [e-] by their ``spread`` (b,): spread^2 = noise^2 + level + s^2
    level^2."""
    weight = 1.0 / np.maximum(spread, 1e-3) ** 4  # of a variance, whose error goes with itself
    columns = np.stack([level**2, np.ones(len(level))], axis=1)
    normal = np.einsum("ba,b,bc->ac", columns, weight, columns)
    determinant = normal[0, 0] * normal[1, 1] - normal[0, 1] ** 2
    rhs = np.einsum("ba,b,b->a", columns, weight, spread**2 - np.maximum(level, 0.0))
    square = (normal[1, 1] * rhs[0] - normal[0, 1] * rhs[1]) / determinant if determinant > 0.0 else 0.0
    return float(np.sqrt(max(square, 0.0)))
