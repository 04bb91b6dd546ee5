"""How bright one electron a second is: the zero point of a frame from its matched stars, and its limiting magnitude."""

import math

import numpy as np

from sensorproc.onboard.products import Registered
from sensorproc.theory import snr_streak

PLAIN_SNR = 15.0  # of stars whose light is more than noise
MIN_STARS = 5
FLOOR_MAG = 0.005  # of flat fields and passbands
KNOWN_SIGMA_MAG = 0.05  # of a zero point that was only given


def zero_point(frame: Registered, stars: np.ndarray, mag: np.ndarray) -> tuple[float | None, float | None]:
    """Magnitude of 1 e-/s and its sigma, from matched ``stars`` (n, 3) with magnitudes (n,): the median of those well seen."""
    flux = flux_of_snr(frame, stars)
    exposure_s = frame.flattened.calibrated.frame.exposure_s
    usable = (stars[:, 2] > PLAIN_SNR) & (flux > 0)
    if exposure_s <= 0 or usable.sum() < MIN_STARS:
        return known_zero(frame)
    zero = mag[usable] + 2.5 * np.log10(flux[usable] / exposure_s)
    middle = float(np.median(zero))
    scatter = 1.4826 * float(np.median(np.abs(zero - middle)))
    return middle, max(1.25 * scatter / math.sqrt(int(usable.sum())), FLOOR_MAG)


def known_zero(frame: Registered) -> tuple[float | None, float | None]:
    """The zero point that was given with the sensor, if one was."""
    zero = frame.flattened.calibrated.frame.facts.zeropoint_mag
    return zero, (KNOWN_SIGMA_MAG if zero is not None else None)


def flux_of_snr(frame: Registered, stars: np.ndarray) -> np.ndarray:
    """Flux [e-] of matched-filter detections: SNR times the noise of the template's equivalent area."""
    s, length = frame.psf_sigma_px, frame.trail.length_px
    y = np.clip(np.round(stars[:, 1]).astype(int), 0, frame.flattened.sigma_e.shape[0] - 1)
    x = np.clip(np.round(stars[:, 0]).astype(int), 0, frame.flattened.sigma_e.shape[1] - 1)
    return stars[:, 2] * frame.flattened.sigma_e[y, x] / snr_streak(1.0, 1.0, length, s)
