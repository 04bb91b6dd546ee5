"""Point spread functions that are no sum of Gaussians, on a grid finer than a pixel."""

import math
from functools import lru_cache

import numpy as np
from scipy import fft, ndimage

from firmware_sim.scene.kernels.scatter import scatter
from firmware_sim.scene.settings.scene import Optics
from sensorproc.conventions import FWHM_PER_SIGMA

FINE = 3  # nodes per pixel, odd: one lies on a pixel's centre
REACH_PX = 30  # half-width of the image of a point; light beyond is lost
APERTURE_NODES = 96
COLOURS = (0.85, 0.93, 1.0, 1.07, 1.15)  # wavelengths of the band, over the middle one
FWHM_OF_AIRY = 1.029  # in wavelength over diameter
SAMPLES = 7  # of a node: the image of a sharp point is not constant over one


class Profile:
    """The image of a point: ``fine`` (m, m) of sum 1 as light falls, blurred by ``blur_px`` but not yet by the pixel."""

    def __init__(self, optics: Optics, fwhm_px: float, blur_px: float):
        ideal = _moffat(fwhm_px, optics.moffat_beta) if optics.family == "moffat" else _diffracted(optics, fwhm_px)
        ideal = ndimage.gaussian_filter(ideal, math.hypot(blur_px, optics.defocus_px) * FINE, mode="constant", truncate=6.0)
        seen = ndimage.uniform_filter(ideal, FINE, mode="constant")  # by a pixel
        self.seen = (seen / seen.sum()).astype(np.float32)
        self._spectra: dict[tuple[int, int], np.ndarray] = {}

    @property
    def core_px(self) -> float:
        """Width (1 sigma) of a Gaussian that is as faint in its pixels: of the same sum of squares, without the pixel's."""
        noise_px = 1.0 / (float((self.seen.astype(float) ** 2).sum()) * FINE**2)
        return math.sqrt(max(noise_px / (4.0 * math.pi) - 1.0 / 12.0, 0.01))

    def add(self, image: np.ndarray, places: np.ndarray, electrons: np.ndarray) -> None:
        """Add points at ``places`` (n, 2) [px] to an image, in place."""
        (ny, nx), pad = image.shape, REACH_PX + 2
        near = ((places > -pad) & (places < [nx + pad, ny + pad])).all(axis=1)
        if not near.any():
            return
        low = np.maximum(np.floor(places[near].min(axis=0)).astype(int) - pad, -pad)
        high = np.minimum(np.ceil(places[near].max(axis=0)).astype(int) + pad + 1, [nx + pad, ny + pad])
        shape = (int(high[1] - low[1]), int(high[0] - low[0]))
        size = tuple(fft.next_fast_len(n * FINE + 2 * REACH_PX * FINE, real=True) for n in shape)
        grid = np.zeros(size, np.float32)
        scatter(grid, np.ascontiguousarray((places[near] - low) * FINE), np.ascontiguousarray(electrons[near]))
        blurred = fft.irfft2(fft.rfft2(grid) * self._spectrum(size), size)
        pixels = blurred[: shape[0] * FINE : FINE, : shape[1] * FINE : FINE] * FINE**2
        x0, y0 = np.maximum(low, 0)
        x1, y1 = np.minimum(high, [nx, ny])
        image[y0:y1, x0:x1] += np.maximum(pixels[y0 - low[1] : y1 - low[1], x0 - low[0] : x1 - low[0]], 0.0)

    def _spectrum(self, size: tuple[int, int]) -> np.ndarray:
        if size not in self._spectra:
            half = REACH_PX * FINE
            centred = np.zeros(size, np.float32)
            centred[: 2 * half + 1, : 2 * half + 1] = self.seen
            self._spectra = {size: fft.rfft2(np.roll(centred, (-half, -half), (0, 1)))} | dict(list(self._spectra.items())[:7])
        return self._spectra[size]


@lru_cache(maxsize=32)
def core_px(optics: Optics, fwhm_px: float) -> float:
    """Width (1 sigma) of the Gaussian whose light stands out of noise as that of a point does, unshaken and in focus."""
    return fwhm_px / FWHM_PER_SIGMA if optics.family == "gaussian" else Profile(optics, fwhm_px, 0.0).core_px


def _moffat(fwhm_px: float, beta: float) -> np.ndarray:
    """Moffat 1969, A&A 3, 455, averaged over every node."""
    half = REACH_PX * FINE
    u = (np.arange((2 * half + 1) * SAMPLES) - (half * SAMPLES + SAMPLES // 2)) / (FINE * SAMPLES)
    alpha = 0.5 * fwhm_px / math.sqrt(2.0 ** (1.0 / beta) - 1.0)
    profile = (1.0 + (u[:, None] ** 2 + u[None, :] ** 2) / alpha**2) ** -beta
    profile = profile.reshape(2 * half + 1, SAMPLES, 2 * half + 1, SAMPLES).sum(axis=(1, 3))
    return np.asarray(profile / profile.sum())


def _diffracted(optics: Optics, fwhm_px: float) -> np.ndarray:
    """Power of the Fourier transform of the aperture, by matrices (Soummer et al. 2007, Opt. Express 15, 15935)."""
    v = (np.arange(APERTURE_NODES) + 0.5) / APERTURE_NODES * 2.0 - 1.0
    x, y = np.meshgrid(v, v)
    r2 = x * x + y * y
    is_open = (r2 <= 1.0) & (r2 >= optics.obscuration**2) & (np.minimum(np.abs(x), np.abs(y)) >= optics.spider)
    waves = optics.defocus_waves * math.sqrt(3.0) * (2.0 * r2 - 1.0)  # Noll 1976, JOSA 66, 207: Z4, Z7, Z6
    waves = (
        waves
        + optics.coma_waves * math.sqrt(8.0) * (3.0 * r2 - 2.0) * y
        + optics.astigmatism_waves * math.sqrt(6.0) * (x * x - y * y)
    )
    nodes = np.arange(-REACH_PX * FINE, REACH_PX * FINE + 1) / (FINE * fwhm_px / FWHM_OF_AIRY)  # in wavelength over diameter
    power = np.zeros((len(nodes), len(nodes)))
    for colour in COLOURS:
        wave = np.exp(-1j * math.pi * np.outer(nodes / colour, v))
        power += np.abs(wave @ (is_open * np.exp(2j * math.pi * waves / colour)) @ wave.T) ** 2 / colour**2
    return np.asarray(power / power.sum())
