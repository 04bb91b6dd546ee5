"""Matched filtering: the signal-to-noise ratio of a template centred on every pixel of a residual."""

import numpy as np

from sensorproc.onboard.find_stars import filtered, template
from sensorproc.onboard.products import Residual, Trail

MIN_PHI = 0.15  # of the frame's typical template energy; with less the pixel is not searched


def match(residual: Residual, trail: Trail, clip_snr: float) -> np.ndarray:
    """Matched-filter SNR (ny, nx) float32, clipped at +-``clip_snr``, 0 where too much of the template is masked."""
    kernel = template(trail, residual.solved.registered.psf_sigma_px)
    snr = filtered(residual.image_e, residual.weight, kernel, MIN_PHI)
    return np.clip(snr, -clip_snr, clip_snr, out=snr)
