"""Detector-fixed defects where the objects themselves may stand still: a pixel is no point spread function.

In rate track and body-fixed frames the stars sweep over the detector and are gone from the residuals, so the mean over
the set in detector pixels shows what stays: slow objects, blurred by the PSF, and hot pixels, which are not. Each
pixel's own SNR is compared with the best the PSF filter finds on and around it: a delta has 1 / sqrt(4 pi s^2) times
its pixel's SNR after filtering, an object more than its brightest pixel's.
"""

from dataclasses import replace

import cv2
import numpy as np

from sensorproc.flags import PixelFlag
from sensorproc.onboard.find_stars import correlate, template
from sensorproc.onboard.products import Residual, Trail, freeze

TEST_SIGMA = 4.0
CLIP_SIGMA = 8.0  # of a single sample, so that one particle hit makes no defect


def mask_fixed_pixels(residuals: list[Residual]) -> list[Residual]:
    """Residuals with lasting single-pixel excesses flagged HOT; a stare, whose template removed them, is unchanged."""
    if residuals[0].solved.registered.trail.length_px == 0 or len(residuals) < 3:
        return residuals
    signal = sum(np.clip(r.image_e * np.sqrt(r.weight), -CLIP_SIGMA, CLIP_SIGMA) for r in residuals)
    seen = sum((r.weight > 0).astype(np.float32) for r in residuals)
    pixel = np.where(seen > 0, signal / np.sqrt(np.maximum(seen, 1.0)), 0.0).astype(np.float32)
    kernel = template(Trail(), residuals[0].solved.registered.psf_sigma_px)
    filtered = correlate(pixel, kernel) / np.float32(np.sqrt((kernel * kernel).sum()))
    around = cv2.dilate(filtered, np.ones((3, 3), np.uint8))
    # light is never negative: a lasting deficit is a pixel whose dark signal was overestimated
    fixed = ((pixel > TEST_SIGMA) & (pixel > around)) | (pixel < -TEST_SIGMA)
    return [_masked(r, fixed) for r in residuals]


def _masked(residual: Residual, fixed: np.ndarray) -> Residual:
    flags = residual.flags | fixed * np.uint8(PixelFlag.HOT)
    weight = np.where(fixed, np.float32(0.0), residual.weight)
    freeze(flags, weight)
    return replace(residual, flags=flags, weight=weight)
