"""How much of the noise is the same in all frames: what calibration leaves of dark current, gain and columns, pixel by pixel.

It does not average out under an object that stays over its pixels, and does under one that moves on. Noise measured by frame
knows nothing of it; the sum over the set does.
"""

import numpy as np

from sensorproc.onboard.detector.defects import lasting
from sensorproc.onboard.image.background import clipped_rms
from sensorproc.onboard.image.matched_filter import template, through
from sensorproc.onboard.products import MIN_FRAMES, Residual, Trail
from sensorproc.onboard.stage import stage


@stage(bytes_px=16)
def rest_sigma(residuals: list[Residual]) -> float:
    """Standard deviation, at least 1, of the matched-filter sum over the set for a point at rest over the detector."""
    if len(residuals) < MIN_FRAMES:
        return 1.0
    pixel = lasting(residuals)
    z = through(pixel, template(Trail(), residuals[0].registration.psf_sigma_px))
    some = np.s_[::2, ::2]  # of a filtered map more would tell nothing new
    good = z[some][pixel[some] != 0.0].astype(float)
    return max(clipped_rms(good), 1.0)


def pattern_sigma(path: np.ndarray, s: float, rest_sigma: float) -> float:
    """Standard deviation of the sum over the set along a ``path`` (n, 2) over the detector, for a PSF of sigma ``s`` [px].

    What two frames share of a fixed pattern is what the PSF overlaps with itself where the object is in both:
    exp(-d^2 / 4 s^2) of it at a distance d.
    """
    apart2 = ((path[:, None, :] - path[None, :, :]) ** 2).sum(axis=-1)
    return float(np.sqrt(1.0 + (rest_sigma**2 - 1.0) * np.exp(-apart2 / (4.0 * s * s)).mean()))
