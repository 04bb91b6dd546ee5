"""What solving the detector's pattern from the set's own frames takes of an object: part of its light and of the noise under it.

A pattern that is fitted to n frames is the mean of what they hold at a pixel, an object that stays there included. What is left
of it is less, and so is the noise, so that a search which divides by the noise of single frames overlooks slow objects twice.
"""

import numpy as np

LEAST_KEPT = 0.1  # Part of the variance that must be left for an object to be searched.
N_ALONG = 5  # Points along each trail whose distances are averaged.


def kept_variance(path: np.ndarray, trails: np.ndarray, scales: np.ndarray, s: float, prior: float = 0.0) -> float:
    """Part of the variance of a faint object's sum over the set that is left; ``scales`` (n,) are those of the pattern, of which
    earlier sets know as much as ``prior`` frames."""
    common = alike(path, trails, s)
    return 1.0 - float(scales @ common @ scales) / (len(scales) * (float(scales @ scales) + prior))


def kept_of_frames(
    path: np.ndarray, trails: np.ndarray, phi: np.ndarray, taught: np.ndarray, s: float, pattern: tuple[np.ndarray, float]
) -> np.ndarray:
    """Part (n,) of each frame's template energy ``phi`` (n,) that is left; ``taught`` (n, n): whether a frame (column) has a
    say in the pattern where the object is in another one (row); ``pattern`` its scales (n,) and prior, as above."""
    scales, prior = pattern
    root = np.sqrt(np.maximum(phi, 0.0))
    common = alike(path, trails, s) * taught * np.outer(scales, scales * root)
    known = (taught * scales[None, :] ** 2).sum(axis=1) + prior
    taken = common.sum(axis=1) / np.maximum(root * known, 1e-30)
    return np.asarray(np.where(known > 0.0, np.clip(1.0 - taken, 0.5 * LEAST_KEPT, 1.0), 1.0))


def alike(path: np.ndarray, trails: np.ndarray, s: float) -> np.ndarray:
    """What the images (n, n) of an object in two frames have in common, 1 where they coincide."""
    along = (np.arange(N_ALONG) + 0.5) / N_ALONG - 0.5
    points = path[:, None, :] + along[None, :, None] * (trails[:, :1] * trails[:, 1:])[:, None, :]
    apart2 = ((points[:, None, :, None, :] - points[None, :, None, :, :]) ** 2).sum(axis=-1)
    common = np.exp(-apart2 / (4.0 * s * s)).mean(axis=(2, 3))
    own = np.sqrt(np.diag(common))
    return np.asarray(common / np.outer(own, own))
