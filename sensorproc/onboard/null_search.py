"""The same search on sign-reversed residuals: there are no negative objects, so whatever it accepts is a false alarm.

It sees every error that is as often negative as positive: wrong noise, wrong dark maps, imperfect star templates.
It cannot see one-sided ones: particle hits, stars that brightened, objects themselves.
"""

from dataclasses import replace

import numpy as np

from sensorproc.config import Match
from sensorproc.onboard.defects import mask_fixed_pixels
from sensorproc.onboard.products import Residual, freeze
from sensorproc.onboard.stars import reject_outliers


def sign_reversed(residuals: list[Residual], config: Match) -> list[Residual]:
    """Residuals with their sign changed and the outlier rejection of the real search applied to them."""
    return mask_fixed_pixels([_reversed(residual, config) for residual in residuals])


def _reversed(residual: Residual, config: Match) -> Residual:
    image = -residual.image_e
    noise = (1.0 / np.sqrt(np.where(residual.weight > 0, residual.weight, 1.0))).astype(np.float32)
    s = residual.solved.registered.psf_sigma_px
    flags, _ = reject_outliers(image, noise, residual.flags, s, config)
    weight = np.where(flags == 0, residual.weight, np.float32(0.0))
    freeze(image, weight, flags)
    return replace(residual, image_e=image, weight=weight, flags=flags)
