"""Images of stars at every sub-pixel phase: the PSF in closed form, and what the brightest stars show it to lack."""

import numpy as np
from scipy import ndimage

from sensorproc.onboard.kernels.star_bank import PHASES, fill_bank, residual_profile
from sensorproc.onboard.products import Trail
from sensorproc.onboard.stars.psf import Psf

WIDTH_STEP = 0.02  # Relative step of width between the images kept.
FULL_SIGMAS = 3.5  # Half-window of the whole image [wing sigmas].
PER_PX, PROFILE_SIGMA_PX = 4, 0.35  # cells a pixel of the empirical correction, and its smoothing


def image_banks(psf: Psf, trail: Trail) -> tuple[np.ndarray, np.ndarray]:
    """Core widths (w,) that the field needs, and the images of stars that wide at every phase."""
    low, high = sorted((psf.core_px, psf.core_px * (1.0 + psf.growth)))
    n = min(int(np.ceil(np.log(high / low) / np.log1p(WIDTH_STEP))) + 1, 12)
    widths = np.geomspace(low, high, n)
    half = FULL_SIGMAS * psf.wing_ratio * high if psf.wing_fraction > 0 else FULL_SIGMAS * 1.5 * high
    hx, hy = (int(np.ceil(half + 0.5 * abs(d))) for d in (trail.dx_px, trail.dy_px))
    banks = np.empty((n, PHASES + 1, PHASES + 1, 2 * hy + 1, 2 * hx + 1), np.float32)
    fill_bank(trail.length_px, *trail.direction, widths, psf.wing_fraction, psf.wing_ratio, banks)
    return widths, banks


def with_profile(banks: np.ndarray, cube: np.ndarray, weight: np.ndarray, paths: np.ndarray, flux: np.ndarray) -> np.ndarray:
    """Images with what bright stars' residuals have in common added: the empirical part of the PSF (Anderson & King 2000).

    ``cube`` (n, ny, nx) is what the star models leave; ``paths`` (m, n, 2) and ``flux`` (m,) [e-] are the stars that show it.
    """
    hy, hx = np.array(banks.shape[3:]) // 2
    total, norm = (np.zeros((2 * hy * PER_PX + 1, 2 * hx * PER_PX + 1)) for _ in range(2))
    peak = float(banks[0, PHASES // 2, PHASES // 2].max())
    residual_profile(cube, weight, np.ascontiguousarray(paths), flux, PER_PX, peak, total, norm)
    smooth, power = (ndimage.gaussian_filter(part, PROFILE_SIGMA_PX * PER_PX) for part in (total, norm))
    missing = smooth / np.maximum(power, 1e-30)
    # noise of the smoothed mean: independent cells within 4 pi sigma^2
    noise2 = 1.0 / np.maximum(power * 4.0 * np.pi * (PROFILE_SIGMA_PX * PER_PX) ** 2, 1e-30)
    missing *= np.maximum(1.0 - noise2 / np.maximum(missing**2, 1e-30), 0.0)
    phase = np.arange(PHASES + 1) / PHASES - 0.5
    y = (np.arange(-hy, hy + 1)[None, :] - phase[:, None]) * PER_PX + hy * PER_PX  # (phase, pixel)
    x = (np.arange(-hx, hx + 1)[None, :] - phase[:, None]) * PER_PX + hx * PER_PX
    yy = np.broadcast_to(y[:, None, :, None], banks.shape[1:])
    xx = np.broadcast_to(x[None, :, None, :], banks.shape[1:])
    return (banks + ndimage.map_coordinates(missing, [yy, xx], order=1, mode="constant")[None]).astype(np.float32)
