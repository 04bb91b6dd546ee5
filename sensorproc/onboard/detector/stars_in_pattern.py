"""Stars that a pattern solved from the set's own frames has swallowed: too faint to be told from it, bright enough to show as the
platform drifts and the detector's temperature changes.

The pattern holds a star at its mean place and as if it were dark current. What is left of it in every frame is therefore known
but for its flux: its image there less the pattern's share. That template is looked for everywhere, and what it finds is taken
out, brightest first.
"""

from dataclasses import dataclass, replace

import cv2
import numpy as np

from sensorproc.onboard.detector.defects import total
from sensorproc.onboard.detector.projection import kept_variance
from sensorproc.onboard.image.matched_filter import correlate, template
from sensorproc.onboard.image.star_finding import find_stars
from sensorproc.onboard.products import Registration, Residual, Trail, freeze, pattern_prior, pattern_scales
from sensorproc.onboard.detector.projection import kept_variance
from sensorproc.onboard.stage import stage
from sensorproc.onboard.threads import each

LEAST_SNR = 5.0  # Of what a star leaves in all frames together, against the noise and against what it does not explain.
PASSES = 4  # Stars near brighter ones are seen when those are gone.
MOST_STARS = 2000
LEAST_LEFT = 1e-4  # If the frames hold a smaller part of a star's energy apart from the pattern, they tell nothing of it.
REACH_SIGMAS = 4.0  # Stars reach so many PSF sigmas.
MODEL_ERROR = 0.1  # Of the PSF, in parts of what was taken out.


@stage(bytes_px=40)
def without_drifting_stars(residuals: list[Residual]) -> list[Residual]:
    """Residuals of a set whose own pattern was taken out, without what stars in it leave as they drift; others as they are."""
    scales = pattern_scales(residuals)
    if scales is None:
        return residuals
    ny, nx = residuals[0].image_e.shape
    prior, registrations = pattern_prior(residuals), [r.registration for r in residuals]
    s = registrations[0].psf_sigma_px
    places = _places(registrations, 0.5 * (nx - 1), 0.5 * (ny - 1))
    left = kept_variance(places, np.zeros((len(places), 3)), scales, s, prior)
    if left < LEAST_LEFT:
        return residuals
    images, weights = [r.image_e.copy() for r in residuals], [r.weight.copy() for r in residuals]
    cube = _Cube(images, weights, registrations, [r.taught for r in residuals], scales, prior)
    for _ in range(PASSES):
        stars = find_stars(_star_snr(cube, left), LEAST_SNR, max(round(s), 1), MOST_STARS)
        if not sum(_take_out(cube, float(x), float(y)) for x, y, _ in stars):
            break
    freeze(*images, *weights)
    return [replace(r, image_e=i, weight=w) for r, i, w in zip(residuals, images, weights, strict=True)]


@dataclass(frozen=True, eq=False)
class _Cube:
    """A set's pixels, changed as stars are taken out, and where the sky lies in each frame; ``prior`` and ``scales`` (n,) are the
    pattern's."""

    images: list[np.ndarray]
    weights: list[np.ndarray]
    registrations: list[Registration]
    taught: list[np.ndarray]
    scales: np.ndarray
    prior: float

    @property
    def psf_sigma_px(self) -> float:
        """Sigma of the PSF [px]."""
        return self.registrations[0].psf_sigma_px


def _places(registrations: list[Registration], x: float, y: float) -> np.ndarray:
    """Where a place in the registered plane lies in each frame (n, 2) [px]."""
    return np.array([r.transform.to_detector(np.float64(x), np.float64(y)) for r in registrations], float)


def _star_snr(cube: _Cube, left: float) -> np.ndarray:
    """SNR (ny, nx) float32, by its own scatter, of what a star at every place of the registered plane leaves in the frames, of
    whose template the part ``left`` is not the pattern's."""
    h = template(Trail(), cube.psf_sigma_px).astype(np.float32)
    ny, nx = cube.images[0].shape
    a = cube.scales.astype(np.float32)
    known = np.maximum(total([s * s * w for s, w in zip(a, cube.weights, strict=True)]), np.float32(1e-30))
    common = total([s * w * e for s, w, e in zip(a, cube.weights, cube.images, strict=True)]) / known

    def sums(k: int) -> np.ndarray:
        w, to_detector = cube.weights[k], np.array(cube.registrations[k].transform.inverse)
        both = correlate(w * (cube.images[k] - a[k] * common), h), correlate(w, h * h)
        flags = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
        return np.stack([cv2.warpPerspective(one, to_detector, (nx, ny), flags=flags) for one in both])

    psi, phi = total(each(sums, range(len(cube.images))))
    snr = np.where(phi > 0.1 * float(np.median(phi)), psi / np.sqrt(np.maximum(np.float32(left) * phi, np.float32(1e-30))), 0.0)
    scatter = 1.4826 * float(np.median(np.abs(snr[::2, ::2])))
    return np.asarray(snr / np.float32(max(scatter, 1.0)), np.float32)


def _take_out(cube: _Cube, x: float, y: float) -> bool:
    """Fit a star at a place of the registered plane and take out what it leaves, if that is significant: whether it was."""
    s, places = cube.psf_sigma_px, _places(cube.registrations, x, y)
    ny, nx = cube.images[0].shape
    reach = round(REACH_SIGMAS * s)
    (cx, cy) = (round(float(c)) for c in places.mean(axis=0))
    box = np.s_[max(cy - reach, 0) : max(min(cy + reach + 1, ny), 0), max(cx - reach, 0) : max(min(cx + reach + 1, nx), 0)]
    image, weight = (np.stack([one[box] for one in many]).astype(float) for many in (cube.images, cube.weights))
    if not weight.any():
        return False
    v, u = np.mgrid[box]
    dx, dy = u - places[:, :1, None], v - places[:, 1:, None]
    light = np.exp(-0.5 * (dx * dx + dy * dy) / (s * s)) / (2.0 * np.pi * s * s)
    a = cube.scales[:, None, None]
    left = light - a * np.median(light / a, axis=0)
    energy = float((weight * left * left).sum())
    flux = float((weight * left * image).sum()) / max(energy, 1e-30)
    if not flux * np.sqrt(energy) > LEAST_SNR * max(_unexplained(image - flux * left, weight, dx, dy, light, s), 1.0):
        return False
    for k, (whole, certain) in enumerate(zip(cube.images, cube.weights, strict=True)):
        whole[box] -= np.float32(flux) * left[k].astype(np.float32)
        certain[box] /= 1.0 + (certain[box] * (MODEL_ERROR * flux * left[k]) ** 2).astype(np.float32)
    return True


def _unexplained(image: np.ndarray, weight: np.ndarray, dx: np.ndarray, dy: np.ndarray, light: np.ndarray, s: float) -> float:
    """What the frames (n, ny, nx) show at a star's place besides it, rms in sigmas: light, and light to one side, frame by frame."""
    rows = []
    for shape in (light, light * dx / s, light * dy / s):
        energy = (weight * shape * shape).sum(axis=(1, 2))
        rows.append((weight * shape * image).sum(axis=(1, 2)) / np.sqrt(np.maximum(energy, 1e-30)))
    return float(np.sqrt(np.mean(np.square(rows))))
