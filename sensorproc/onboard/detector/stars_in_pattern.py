"""Stars that a pattern solved from the set's own frames has swallowed: too faint to be told from it, bright enough to show as the
platform drifts and the detector's temperature changes.

The pattern holds a star at its mean place and as if it were dark current. What is left of it in every frame is therefore known
but for its flux: its image there less the pattern's share. That template is looked for everywhere, and what it finds is taken
out, brightest first.
"""

from dataclasses import dataclass, replace

import cv2
import numpy as np
from scipy.spatial import cKDTree

from sensorproc.onboard.detector.defects import total
from sensorproc.onboard.detector.projection import kept_variance
from sensorproc.onboard.image.matched_filter import correlate, template
from sensorproc.onboard.image.passing_light import in_registered
from sensorproc.onboard.image.star_finding import find_stars
from sensorproc.onboard.products import Candidate, OwnPattern, Registration, Residual, Trail, freeze, pattern_scales
from sensorproc.onboard.stage import stage

LEAST_SNR = 5.0  # Of what a star leaves in all frames together, against the noise and against what it does not explain.
PASSES = 4  # Stars near brighter ones are seen when those are gone.
MOST_STARS = 2000
LEAST_LEFT = 1e-4  # If the frames hold a smaller part of a star's energy apart from the pattern, they tell nothing of it.
LEAST_ENERGY = 0.1  # A place with less of the typical energy of a star on good pixels tells nothing of one.
STAR_SIGMAS = 4.0  # Stars reach so many PSF sigmas.
MODEL_ERROR = 0.1  # Of the PSF, in parts of what was taken out.


@stage(bytes_px=40)
def without_drifting_stars(
    residuals: list[Residual], own: OwnPattern | None, passing: list[Candidate]
) -> tuple[list[Residual], OwnPattern | None]:
    """Residuals of a set whose own pattern was taken out, without what stars in it leave as they drift, and the pattern without
    those stars; others as they are. No star is where an object passes."""
    scales = pattern_scales(residuals)
    if scales is None or own is None:
        return residuals, own
    ny, nx = residuals[0].image_e.shape
    registrations = [r.registration for r in residuals]
    s = registrations[0].psf_sigma_px
    places = _places(registrations, 0.5 * (nx - 1), 0.5 * (ny - 1))
    left = kept_variance(places, np.zeros((len(places), 3)), scales, s, residuals[0].facts.pattern_prior)
    if left < LEAST_LEFT:
        return residuals, own
    images, weights = [r.image_e for r in residuals], [r.weight for r in residuals]
    taught = [r.taught for r in residuals if r.taught is not None]
    told = own.information + own.prior
    kept = np.where(told > 0.0, own.information / np.maximum(told, np.float32(1e-30)), np.float32(1.0))
    cube = _Cube(images, weights, own.pattern_e.copy(), kept, registrations, scales, taught or None)
    ways = [in_registered(c, r.t_frames) for c in passing for r in registrations]
    taboo = np.array([*own.stars, *ways]).reshape(-1, 2)  # what is left of stars that are out already is the PSF's error
    done: list[np.ndarray] = []
    for _ in range(PASSES):
        stars = find_stars(_star_snr(cube, left), LEAST_SNR, max(round(s), 1), MOST_STARS)[:, :2]
        new = cKDTree(taboo).query(stars)[0] > STAR_SIGMAS * s
        out = [star for star in stars[new] if _take_out(cube, *map(float, star))]
        done += out
        if not out:
            break
    freeze(cube.pattern)
    return residuals, replace(own, pattern_e=cube.pattern, stars=np.array([*own.stars, *done]).reshape(-1, 2))


@dataclass(frozen=True, eq=False)
class _Cube:
    """A set's pixels and its pattern, changed as stars are taken out, and where the sky lies in each frame; ``scales`` (n,) are
    the pattern's; of what the frames say of it, ``kept`` (ny, nx) is the part that earlier sets have let stand."""

    images: list[np.ndarray]
    weights: list[np.ndarray]
    pattern: np.ndarray
    kept: np.ndarray
    registrations: list[Registration]
    scales: np.ndarray
    taught: list[np.ndarray] | None

    @property
    def psf_sigma_px(self) -> float:
        """Sigma of the PSF [px]."""
        return self.registrations[0].psf_sigma_px


def _places(registrations: list[Registration], x: float, y: float) -> np.ndarray:
    """Where a place in the registered plane lies in each frame (n, 2) [px]."""
    return np.array([r.transform.to_detector(np.float64(x), np.float64(y)) for r in registrations], float)


def _star_snr(cube: _Cube, left: float) -> np.ndarray:
    """SNR (ny, nx) float32, by its own scatter, of what a star at every place of the registered plane leaves in the frames once
    all that goes as the pattern is gone; that is the part ``left`` of its energy."""
    h = template(Trail(), cube.psf_sigma_px).astype(np.float32)
    ny, nx = cube.pattern.shape
    a = cube.scales.astype(np.float32)
    known = total(scale * scale * w for scale, w in zip(a, cube.weights, strict=True))
    common = total(scale * w * e for scale, w, e in zip(a, cube.weights, cube.images, strict=True))
    common /= np.maximum(known, np.float32(1e-30))

    def sums(k: int) -> np.ndarray:
        w, to_detector = cube.weights[k], np.array(cube.registrations[k].transform.inverse)
        both = correlate(w * (cube.images[k] - a[k] * common), h), correlate(w, h * h)
        flags = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
        return np.stack([cv2.warpPerspective(one, to_detector, (nx, ny), flags=flags) for one in both])

    psi, phi = total(sums(k) for k in range(len(cube.images)))  # one after the other: memory for all at once is too much
    energy = np.float32(left) * np.maximum(phi, np.float32(1e-30))
    snr = np.where(phi > LEAST_ENERGY * float(np.median(phi)), psi / np.sqrt(energy), np.float32(0.0))
    scatter = 1.4826 * float(np.median(np.abs(snr[::2, ::2])))
    return np.asarray(snr / np.float32(max(scatter, 1.0)), np.float32)


def _take_out(cube: _Cube, x: float, y: float) -> bool:
    """Fit a star at a place of the registered plane and take out what it leaves, if that is significant: whether it was."""
    s, places = cube.psf_sigma_px, _places(cube.registrations, x, y)
    reach = round(STAR_SIGMAS * s)
    left, top = (max(round(float(c)) - reach, 0) for c in places.mean(axis=0))
    box = np.s_[top : top + 2 * reach + 1, left : left + 2 * reach + 1]
    image, weight = (np.stack([one[box] for one in many]).astype(float) for many in (cube.images, cube.weights))
    if not weight.any():
        return False
    rows, columns = np.ogrid[top : top + image.shape[1], left : left + image.shape[2]]
    dx, dy = columns - places[:, :1, None], rows - places[:, 1:, None]
    light = np.exp(-0.5 * (dx * dx + dy * dy) / (s * s)) / (2.0 * np.pi * s * s)
    a = cube.scales[:, None, None]
    taught = None if cube.taught is None else np.stack([one[box] for one in cube.taught])
    share = _share(light, a, weight, taught) * cube.kept[box]
    shows = light - a * share
    energy = float((weight * shows * shows).sum())
    flux = float((weight * shows * image).sum()) / max(energy, 1e-30)
    if not flux * np.sqrt(energy) > LEAST_SNR * max(_unexplained(image - flux * shows, weight, light, (dx / s, dy / s)), 1.0):
        return False
    cube.pattern[box] -= (flux * share).astype(np.float32)
    for k, (whole, certain) in enumerate(zip(cube.images, cube.weights, strict=True)):
        whole[box] -= (flux * shows[k]).astype(np.float32)
        certain[box] /= (1.0 + weight[k] * (MODEL_ERROR * flux * shows[k]) ** 2).astype(np.float32)
    return True


def _share(light: np.ndarray, a: np.ndarray, weight: np.ndarray, taught: np.ndarray | None) -> np.ndarray:
    """What a star of ``light`` (n, ny, nx) has put into the pattern, as that was found: the median of all frames, or the mean of
    those that have taught it since."""
    median = np.median(light / a, axis=0)
    if taught is None:
        return np.asarray(median)
    say = weight * taught
    known = (a * a * say).sum(axis=0)
    return np.where(known > 0.0, (a * say * light).sum(axis=0) / np.maximum(known, 1e-30), median)


def _unexplained(image: np.ndarray, weight: np.ndarray, light: np.ndarray, apart: tuple[np.ndarray, np.ndarray]) -> float:
    """What the frames (n, ny, nx) show at a star's place besides it, rms in sigmas: light, and light to one side, in each frame.
    ``apart`` are x and y from the star, in PSF sigmas."""
    rows = []
    for shape in (light, light * apart[0], light * apart[1]):
        energy = (weight * shape * shape).sum(axis=(1, 2))
        rows.append((weight * shape * image).sum(axis=(1, 2)) / np.sqrt(np.maximum(energy, 1e-30)))
    return float(np.sqrt(np.mean(np.square(rows))))
