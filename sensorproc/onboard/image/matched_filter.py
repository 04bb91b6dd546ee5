"""The matched filter: how well a point or a trail explains the pixels around every pixel."""

import cv2
import numpy as np

from sensorproc.onboard.kernels.filtered import to_snr, unflagged
from sensorproc.onboard.kernels.separable import point_snr
from sensorproc.onboard.kernels.trail import draw_trail
from sensorproc.onboard.products import Flattened, Residual, Trail
from sensorproc.onboard.stack import typical_weight

HALF_SIGMAS = 4.0  # Half-width of the window in which light counts [PSF sigmas].

MIN_PHI = 0.15  # A pixel with less of the frame's typical template energy is not searched.
SAME = 1e-6  # Of its top a template may differ from a round one.


def template(trail: Trail, s: float, offset: tuple[float, float] = (0.0, 0.0)) -> np.ndarray:
    """Unit-flux image (odd, odd) float64 of a trailed source, its centre at the middle pixel plus ``offset``."""
    length = trail.length_px
    cos, sin = trail.direction
    half_x = int(np.ceil(4.0 * s + 0.5 * abs(trail.dx_px)))
    half_y = int(np.ceil(4.0 * s + 0.5 * abs(trail.dy_px)))
    image = np.empty((2 * half_y + 1, 2 * half_x + 1))
    draw_trail(half_x + offset[0], half_y + offset[1], length, cos, sin, s, image)
    return image


def correlate(image: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    """Correlation with a small kernel, zero outside the image, float32."""
    return cv2.filter2D(image, cv2.CV_32F, kernel, borderType=cv2.BORDER_CONSTANT)


def through(z: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    """SNR (ny, nx) float32 of a template centred on every pixel of a map of unit noise."""
    return np.asarray(correlate(z, kernel) / np.float32(np.sqrt((kernel * kernel).sum())))


def without(weight: np.ndarray, flags: np.ndarray) -> np.ndarray:
    """The weight (ny, nx) float32 of every pixel, 0 where flagged."""
    kept = np.empty(weight.shape, np.float32)
    unflagged(weight, flags, kept)
    return kept


def noise_at(frame: Flattened, where: tuple) -> np.ndarray:
    """Noise of some pixels of a frame [e-]: its typical one where they are flagged."""
    weight = frame.weight[where]
    return np.where(weight > 0.0, 1.0 / np.sqrt(np.maximum(weight, np.float32(1e-30))), np.float32(frame.facts.noise_e))


def filtered(image: np.ndarray, weight: np.ndarray, kernel: np.ndarray, least: float) -> np.ndarray:
    """Matched-filter SNR (ny, nx) float32 of a template centred on every pixel, 0 where less than ``least`` of the typical
    template energy lies on good pixels."""
    enough = max(least * typical_weight(weight) * float((kernel * kernel).sum()), 1e-30)
    taps = _round_taps(kernel)
    if taps is not None:
        snr = np.empty(image.shape, np.float32)
        point_snr(np.ascontiguousarray(image), np.ascontiguousarray(weight), taps, enough, snr)
        return snr
    psi, phi = correlate(image * weight, kernel), correlate(weight, kernel * kernel)
    to_snr(psi, phi, enough)
    return psi


def _round_taps(kernel: np.ndarray) -> np.ndarray | None:
    """Factors (h + 1,) float32 of a template that is the same in x and in y, from its middle on, h even; None for any other."""
    middle = len(kernel) // 2
    if kernel.shape[0] != kernel.shape[1]:
        return None
    factor = kernel[middle] / np.sqrt(kernel[middle, middle])
    if np.abs(np.outer(factor, factor) - kernel).max() > SAME * kernel[middle, middle]:
        return None
    return np.pad(factor[middle:], (0, middle % 2)).astype(np.float32)


def matched_filter(residual: Residual, trail: Trail, clip_snr: float) -> np.ndarray:
    """Matched-filter SNR (ny, nx) float32, clipped at +-``clip_snr``, 0 where too much of the template is masked."""
    kernel = template(trail, residual.registration.psf_sigma_px)
    snr = filtered(residual.image_e, residual.weight, kernel, MIN_PHI)
    return np.clip(snr, -clip_snr, clip_snr, out=snr)
