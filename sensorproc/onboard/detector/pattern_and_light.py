"""The detector's pattern and the light of objects that pass over it, solved together.

An object that hardly leaves its place is in all frames, and no frame tells the pattern without it: its light and the pattern are
solved in turns, with one flux and one straight way for each object.
"""

from collections.abc import Iterator

import numpy as np

from sensorproc.onboard.detector.defects import total
from sensorproc.onboard.image.passing_light import on_detector
from sensorproc.onboard.kernels.track_fit import fit_track, subtract_trail
from sensorproc.onboard.products import Candidate, OwnPattern, Residual

TURNS = 4  # More change nothing.
STEPS, LONGEST_STEP_PX = 5, 1.0  # Of the fit of a way, in each turn.
LIGHT_SIGMAS = 4.0  # Light reaches so many PSF sigmas.


def solve_together(
    residuals: list[Residual], passing: list[Candidate], seen: np.ndarray, scales: np.ndarray, own: OwnPattern
) -> tuple[np.ndarray, np.ndarray]:
    """What is left of the pattern (ny, nx) [e-] in frames that hold ``scales`` (n,) times it, and what is known of it, by the
    frames that are ``seen`` (n, ny, nx) to tell."""

    def weights() -> Iterator[np.ndarray]:  # again each time: all of them would need as much memory as the frames
        return (r.weight * tells for r, tells in zip(residuals, seen, strict=True))

    known = total(a * a * w for a, w in zip(scales, weights(), strict=True))
    norm = np.maximum(known + own.prior, np.float32(1e-30))

    def left(images: list[np.ndarray]) -> np.ndarray:
        told = total(a * w * image for a, w, image in zip(scales, weights(), images, strict=True))
        return np.asarray((told - own.prior * own.pattern_e) / norm)

    shown = [r.image_e for r in residuals]
    ways = [np.array([on_detector(c, r.registration) for r in residuals]) for c in passing]
    for _ in range(TURNS if passing else 0):
        pattern = left(shown)
        shown = [r.image_e.copy() for r in residuals]
        ways = [_without(shown, residuals, scales, pattern, way) for way in ways]
    return left(shown), known


def _without(
    shown: list[np.ndarray], residuals: list[Residual], scales: np.ndarray, pattern: np.ndarray, way: np.ndarray
) -> np.ndarray:
    """Take an object's light out of what is ``shown``, and return its way (n, 2), fitted to the frames less the pattern."""
    s = residuals[0].registration.psf_sigma_px
    low = np.maximum(np.floor(way.min(axis=0) - LIGHT_SIGMAS * s).astype(int), 0)
    high = np.maximum(np.ceil(way.max(axis=0) + LIGHT_SIGMAS * s).astype(int) + 1, low)
    box = np.s_[low[1] : high[1], low[0] : high[0]]
    image = np.stack([r.image_e[box] - a * pattern[box] for r, a in zip(residuals, scales, strict=True)]).astype(np.float32)
    weight = np.stack([r.weight[box] for r in residuals])
    n, times = len(way), np.array([r.registration.t_frames for r in residuals])
    step, summary, sums, normal = np.zeros(4), np.zeros(2), np.zeros(2 * n), np.zeros((5, 5))
    points = np.tile([0.0, 1.0, 0.0], (n, 1))
    half = LIGHT_SIGMAS * s
    fit_track(image, weight, way - low, times, points, s, half, STEPS, LONGEST_STEP_PX, step, summary, sums, normal)
    if not summary[0] > 0:
        return way
    way = way + step[:2] + step[2:] * times[:, None]
    for one, (x, y) in zip(shown, way.tolist(), strict=True):
        subtract_trail(one, x, y, float(summary[1]), 0.0, 1.0, 0.0, s, half)
    return way
