"""Stars that a pattern solved from the set's own frames has swallowed: too faint to be told from it, bright enough to show as the
platform drifts.

Each leaves a bright and a dark lobe in the frames that are off the set's mean place. Nothing in the sky is darker than the sky:
dark lobes that go as the drift of the stars tell where it is. There all that goes as the pattern or as the drift is taken out of
the pixels, and frames that alone tell the drift have no say left.
"""

from dataclasses import replace

import cv2
import numpy as np

from sensorproc.onboard.detector.defects import total
from sensorproc.onboard.image.matched_filter import matched_filter
from sensorproc.onboard.products import Registration, Residual, Trail, freeze, pattern_scales
from sensorproc.onboard.stage import stage
from sensorproc.onboard.threads import each

LOBE_SNR = 4.5  # A place so dark through the PSF is no noise;
PAIR_SNR, BRIGHT_SNR = 3.3, 5.0  # nor is a place so dark beside one so bright.
LEAST_RATIO = 0.25  # Of a bright lobe's depth its dark one has at least so much; a bright object's ghost has less.
CLIP_SNR = 50.0  # Of one frame at one place.
EXPLAINED = 2.0  # Each mode of the drift has to explain so many times what is left for every other one of the frames'.
REACH_SIGMAS = 4.0  # The lobes reach so many PSF sigmas around the middle of the dark one.
LEAST_DRIFT_PX = 0.02  # A direction in which stars drift less (rms) has no lobes.
LEAST_LEFT = 0.1  # A frame of which less is left at a pixel tells nothing there.


@stage(bytes_px=16)
def without_drifting_stars(residuals: list[Residual]) -> list[Residual]:
    """Residuals of a set whose own pattern was taken out, without what stars in it leave as they drift; others as they are."""
    scales = pattern_scales(residuals)
    if scales is None:
        return residuals
    snr = each(lambda r: matched_filter(r, Trail(), CLIP_SNR), residuals)
    registrations = [r.registration for r in residuals]
    ny, nx = snr[0].shape
    modes = drift_modes(registrations, scales, 0.5 * (nx - 1), 0.5 * (ny - 1))
    if modes is None:
        return residuals
    reach = round(REACH_SIGMAS * registrations[0].psf_sigma_px)
    darkest = _darkest(snr, modes[:, 1], reach)
    n, labels = cv2.connectedComponents((darkest < 0.0).astype(np.uint8), connectivity=8)
    if n < 2:
        return residuals
    images, weights = [r.image_e.copy() for r in residuals], [r.weight.copy() for r in residuals]
    done = np.zeros(darkest.shape, bool)
    for x, y in _darkest_pixels(darkest, labels, n):
        modes = drift_modes(registrations, scales, x, y)
        if modes is not None and _goes_as(modes, snr, x, y):
            _project(images, weights, done, (x, y), reach, modes)
    freeze(*images, *weights)
    return [replace(r, image_e=i, weight=w) for r, i, w in zip(residuals, images, weights, strict=True)]


def drift_modes(registrations: list[Registration], scales: np.ndarray, x: float, y: float) -> np.ndarray | None:
    """Orthonormal modes (n, m) of time, first the pattern's scales, then the drift of a star at (x, y) in the registered plane:
    its principal direction, and across it where frames are enough for both. None where stars do not drift."""
    places = np.array([r.transform.to_detector(np.float64(x), np.float64(y)) for r in registrations], float)
    first = scales / np.sqrt((scales**2).sum())
    drift = places - np.outer(first, first @ places)
    modes, spread, _ = np.linalg.svd(drift, full_matrices=False)
    n = min(int((spread > LEAST_DRIFT_PX * np.sqrt(len(scales))).sum()), len(scales) - 2)
    return np.column_stack([first, modes[:, :n]]) if n > 0 else None


def _darkest(snr: list[np.ndarray], drift: np.ndarray, reach: int) -> np.ndarray:
    """How dark every place (ny, nx) is, in sigmas, in one frame or while the sky lies to one side of its mean place, zero where
    it may be noise; ``drift`` (n,) says to which side and how far. Within ``reach`` [px] of a bright lobe less is believed."""
    side = np.ones((2 * reach + 1,) * 2, np.uint8)

    def lobes(z: np.ndarray) -> np.ndarray:
        brightest = cv2.dilate(z, side)
        least = np.maximum(np.where(brightest > BRIGHT_SNR, PAIR_SNR, LOBE_SNR), LEAST_RATIO * brightest)
        return np.where(z < -least, z, np.float32(0.0)).astype(np.float32)

    sums = []
    for weight in (np.maximum(drift, 0.0), np.maximum(-drift, 0.0)):
        unit = weight / max(float(np.sqrt((weight**2).sum())), 1e-30)
        sums.append(total([np.float32(w) * z for w, z in zip(unit, snr, strict=True)]))
    darkest = np.zeros_like(snr[0])
    for z in each(lobes, [*snr, *sums]):
        np.minimum(darkest, z, out=darkest)
    return darkest


def _darkest_pixels(darkest: np.ndarray, labels: np.ndarray, n: int) -> list[tuple[int, int]]:
    """The darkest pixel of each labelled region, darkest first."""
    y, x = np.nonzero(labels)
    order = np.argsort(darkest[y, x], kind="stable")
    _, first = np.unique(labels[y[order], x[order]], return_index=True)
    return [(int(x[order[i]]), int(y[order[i]])) for i in np.sort(first)]


def _goes_as(modes: np.ndarray, snr: list[np.ndarray], x: int, y: int) -> bool:
    """Whether what a place shows over the frames is the drift's."""
    z = np.array([one[y, x] for one in snr], float)
    n_drift, n_other = modes.shape[1] - 1, len(z) - modes.shape[1]
    explained = float(((modes[:, 1:].T @ z) ** 2).sum())
    left = float((z * z).sum() - ((modes.T @ z) ** 2).sum())
    return explained * n_other > EXPLAINED * left * n_drift


def _project(
    images: list[np.ndarray], weights: list[np.ndarray], done: np.ndarray, place: tuple[int, int], reach: int, modes: np.ndarray
) -> None:
    """Take the modes out of the pixels around a place that are not ``done`` yet, by weighted least squares, each pixel for
    itself; weights fall by what the fit has taken with it."""
    ny, nx = done.shape
    x, y = place
    box = np.s_[max(y - reach, 0) : min(y + reach + 1, ny), max(x - reach, 0) : min(x + reach + 1, nx)]
    v, u = np.ogrid[box[0], box[1]]
    here = ((u - x) ** 2 + (v - y) ** 2 <= reach * reach) & ~done[box]
    done[box] |= here
    w = np.stack([weight[box][here] for weight in weights]).astype(float)
    e = np.where(w > 0, np.stack([image[box][here] for image in images]), 0.0)
    normal = np.einsum("km,kp,kl->pml", modes, w, modes)
    n_modes = modes.shape[1]
    solvable = (w > 0).sum(axis=0) > n_modes
    normal[~solvable] = np.eye(n_modes)
    normal += np.eye(n_modes) * (1e-9 * np.trace(normal, axis1=1, axis2=2) + 1e-30)[:, None, None]
    inverse = np.linalg.inv(normal)
    fitted = np.einsum("km,pml,pl->kp", modes, inverse, np.einsum("kp,kl->pl", w * e, modes))
    leverage = np.einsum("kp,km,pml,kl->kp", w, modes, inverse, modes)
    left = np.where(solvable, np.clip(1.0 - leverage, 0.0, 1.0), 0.0)
    for k, (image, weight) in enumerate(zip(images, weights, strict=True)):
        image[box][here] -= fitted[k].astype(np.float32) * solvable
        weight[box][here] *= np.where(left[k] > LEAST_LEFT, left[k], 0.0).astype(np.float32)
