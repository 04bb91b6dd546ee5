"""Stars of one frame: matched filtering with a point or a trail, peaks, sub-pixel positions, PSF width."""

import numpy as np

from sensorproc.onboard.image.matched_filter import filtered, template, without
from sensorproc.onboard.kernels.filtered import best_near
from sensorproc.onboard.kernels.peaks import local_maxima
from sensorproc.onboard.kernels.psf_scan import width_misfits
from sensorproc.onboard.products import Flattened, Trail

STAR_ENERGY = 0.3  # A star needs this part of the typical template energy on good pixels.
WIDTHS = np.geomspace(0.45, 4.0, 28)  # Sigmas of the PSFs tried [px].
MIN_LONELY, MAX_LONELY = 3, 60  # Isolated stars that a measurement needs, and uses.
TRAIL_GAIN = 1.02  # If a trail misfits so many times worse than the best point, a camera that turned held still meanwhile.


def significance(flattened: Flattened, flags: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    """Matched-filter SNR of every pixel for the given template, flagged pixels left out."""
    return filtered(flattened.image_e, without(flattened.weight, flags), kernel, STAR_ENERGY)


def find_stars(snr: np.ndarray, threshold: float, radius: int, n_max: int) -> np.ndarray:
    """Peaks of a significance map: (n, 3) float64 x, y, SNR, brightest first; sub-pixel positions by :func:`_vertex`."""
    found = np.empty((max(20 * n_max, 1000), 2), np.int64)
    count = min(local_maxima(snr, threshold, radius, found), len(found))
    y, x = found[:count, 0], found[:count, 1]
    inside = (y > 0) & (x > 0) & (y < snr.shape[0] - 1) & (x < snr.shape[1] - 1)
    y, x = y[inside], x[inside]
    order = np.lexsort((x, y, -snr[y, x]))[:n_max]
    y, x = y[order], x[order]
    dx, dy = _vertex(np.array([[snr[y + v, x + u] for u in (-1, 0, 1)] for v in (-1, 0, 1)], float))
    return np.stack([x + dx, y + dy, snr[y, x].astype(float)], axis=1)


def wide_enough(stars: np.ndarray, flattened: Flattened, flags: np.ndarray, trail: Trail, s: float) -> np.ndarray:
    """The stars (n, 3) that a narrower filter does not fit better: clusters of hot pixels drop out.

    For a star of width s a Gaussian filter of width t has SNR 2 s t / (s^2 + t^2) of the matched one; for less than
    a PSF it has more. The cut is nearer to one, since neither ``s`` nor the Gaussian is exact.
    """
    narrow = max(0.5 * s, 0.45)
    expected = 2.0 * s * narrow / (s * s + narrow * narrow)
    kernel = template(trail, narrow)
    least = STAR_ENERGY * float((kernel.astype(np.float32) ** 2).sum()) / flattened.facts.noise_e**2
    sharpest = snr_near(flattened.image_e, without(flattened.weight, flags), kernel, stars, least)
    return stars[sharpest < (0.75 + 0.25 * expected) * stars[:, 2] + 2.0]


def snr_near(image: np.ndarray, weight: np.ndarray, kernel: np.ndarray, points: np.ndarray, least: float = 0.0) -> np.ndarray:
    """Highest SNR (m,) of a template at and around points x, y, SNR (m, 3), where it has more than ``least`` energy."""
    best = np.empty(len(points))
    best_near(image, weight, kernel.astype(np.float32), np.rint(points[:, :2]).astype(np.int64), least, best)
    return best


def _vertex(around: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Offsets (dx, dy) of the maximum of a Gaussian surface through 3 x 3 samples (3, 3, n), [row, column].

    The cross term matters: the filtered image of a slanting trail is a slanting ridge, and the maxima along its row
    and its column lie to either side of the ridge's own. Where the surface has no maximum, row and column must do.
    """
    f = np.where((around > 0).all(axis=(0, 1)), np.log(np.maximum(around, 1e-30)), around)
    gx, gy = 0.5 * (f[1, 2] - f[1, 0]), 0.5 * (f[2, 1] - f[0, 1])
    hxx, hyy = f[1, 2] + f[1, 0] - 2 * f[1, 1], f[2, 1] + f[0, 1] - 2 * f[1, 1]
    hxy = 0.25 * (f[2, 2] + f[0, 0] - f[0, 2] - f[2, 0])
    determinant = hxx * hyy - hxy * hxy
    is_peak = (hxx < 0) & (hyy < 0) & (determinant > 0)
    safe = np.where(is_peak, determinant, 1.0)
    alone = [np.where(h < 0, -g / np.minimum(h, -1e-12), 0.0) for g, h in ((gx, hxx), (gy, hyy))]
    dx = np.where(is_peak, (hxy * gy - hyy * gx) / safe, alone[0])
    dy = np.where(is_peak, (hxy * gx - hxx * gy) / safe, alone[1])
    return np.clip(dx, -1.0, 1.0), np.clip(dy, -1.0, 1.0)


def psf_sigma(flattened: Flattened, flags: np.ndarray, stars: np.ndarray, trail: Trail) -> float | None:
    """Sampled PSF sigma [px] from bright, isolated, unflagged stars (n, 3): the width of the best-fitting template.

    None with fewer than three usable stars.
    """
    curves = _misfits(flattened, flags, stars, trail, lonely(flattened, flags, stars, trail.length_px))
    return float(np.median(WIDTHS[np.argmin(curves, axis=1)])) if len(curves) >= MIN_LONELY else None


def is_trailed(flattened: Flattened, flags: np.ndarray, stars: np.ndarray, trail: Trail) -> bool:
    """Whether stars are trails rather than points of any width: the median star decides, False if there are too few."""
    chosen = lonely(flattened, flags, stars, trail.length_px)
    if len(chosen) < MIN_LONELY:
        return False
    as_trail, as_point = (_misfits(flattened, flags, stars, shape, chosen, trail).min(axis=1) for shape in (trail, Trail()))
    return float(np.median(as_trail / np.maximum(as_point, 1e-12))) < TRAIL_GAIN


def lonely(flattened: Flattened, flags: np.ndarray, stars: np.ndarray, length_px: float) -> list[int]:
    """Indices of the brightest stars with a good core, room to the edge, and no other star near."""
    room = int(np.ceil(8 + 0.5 * length_px))
    ny, nx = flattened.image_e.shape
    found: list[int] = []
    for i, (x, y, _) in enumerate(stars[: 4 * MAX_LONELY]):
        ix, iy = round(float(x)), round(float(y))
        if not (room <= iy < ny - room and room <= ix < nx - room) or len(found) >= MAX_LONELY:
            continue
        near = np.abs(stars[:, 0] - x) + np.abs(stars[:, 1] - y)
        core = np.s_[iy - 2 : iy + 3, ix - 2 : ix + 3]
        if not ((flags[core] != 0).any() or (np.sort(near)[1:2] < 10 + length_px).any()):
            found.append(i)
    return found


def _misfits(
    flattened: Flattened, flags: np.ndarray, stars: np.ndarray, trail: Trail, chosen: list[int], window: Trail | None = None
) -> np.ndarray:
    """Misfit (n, widths) of templates of every width to chosen stars, over a box that holds ``window``."""
    held = window or trail
    half = np.array([int(np.ceil(8 + 0.5 * abs(d))) for d in (held.dx_px, held.dy_px)])
    curves = np.empty((len(chosen), len(WIDTHS)))
    places = np.ascontiguousarray(stars[chosen, :2], float)
    width_misfits(flattened.image_e, flags, places, half, trail.length_px, *trail.direction, WIDTHS, curves)
    return curves
