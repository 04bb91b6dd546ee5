"""Dark pattern of the detector from the frames themselves, for payloads that carry no dark map.

A pixel's median over the set is its dark excess, and what stands still in the sky with it. Where the median of a
whole neighbourhood is bright there is a star or another resolved source: there only the excess over the
neighbourhood is subtracted, so sources wider than a pixel keep their flux and their motion can be measured.

It cannot tell an unresolved object that stands still over the detector from a hot pixel: sets whose stars trail
(rate track, body-fixed), where such objects are the targets, are left alone and need a dark map.
"""

from dataclasses import replace

import cv2
import numpy as np

from sensorproc.config import Flatten
from sensorproc.conventions import FWHM_TO_SIGMA
from sensorproc.onboard.image.background import residual_maps, typical
from sensorproc.onboard.image.cosmic_rays import OPTICAL_MARGIN
from sensorproc.onboard.kernels.sharpness import flag_sharp
from sensorproc.onboard.kernels.temporal_median import temporal_median
from sensorproc.onboard.products import MIN_FRAMES, Flattened, freeze
from sensorproc.onboard.stage import stage

NEIGHBOURHOOD_PX = 5  # Side of the median that tells a resolved source from single hot pixels.
BRIGHT_SIGMA = 6.0  # A neighbourhood whose median is brighter is a star, not a dark pattern.


@stage(bytes_px=60)
def subtract_fixed_pattern(frames: list[Flattened], config: Flatten, fwhm_px: float) -> list[Flattened]:
    """The frames without their common dark pattern, noise measured again; unchanged if there are too few."""
    if len(frames) < MIN_FRAMES:
        return frames
    pattern = fixed_pattern(frames, fwhm_px * FWHM_TO_SIGMA)
    cleaned = []
    for frame in frames:
        image = frame.image_e - pattern
        background, sigma = residual_maps(image, frame.flags, config)
        image -= background
        # the pattern carries the shot noise of the dark current it was made of
        sigma = np.sqrt(sigma * sigma + np.maximum(pattern, 0.0))
        freeze(image, sigma)
        cleaned.append(Flattened(replace(frame.facts, noise_e=typical(sigma)), image, sigma, frame.flags))
    return cleaned


def fixed_pattern(frames: list[Flattened], s: float) -> np.ndarray:
    """Dark excess [e-] of every pixel, (ny, nx) float32, for a PSF of at least sigma ``s``."""
    cube = np.stack([frame.image_e for frame in frames])
    invalid = np.stack([frame.flags for frame in frames])
    ny, nx = cube.shape[1:]
    median, count = np.empty((ny, nx), np.float32), np.empty((ny, nx), np.uint8)
    temporal_median(cube, invalid, np.empty(len(cube), np.float32), median, count)
    neighbourhood = cv2.medianBlur(median, NEIGHBOURHOOD_PX)
    # the upper half: hot pixels in the neighbourhood skew it, and they are not stars
    spread = float(np.subtract(*np.percentile(neighbourhood[::3, ::3], [84.13, 50.0])))
    bright = (neighbourhood > BRIGHT_SIGMA * max(spread, 1e-6)).astype(np.uint8)
    grown = cv2.dilate(bright, np.ones((2 * NEIGHBOURHOOD_PX + 1,) * 2, np.uint8)) > 0
    # around a source: only pixels sharper than any PSF, and of them what sticks out
    sharp = np.zeros((ny, nx), np.uint8)
    noise, clear = np.full((ny, nx), max(spread, 1e-6), np.float32), np.zeros((ny, nx), np.uint8)
    flag_sharp(median, noise, clear, s, BRIGHT_SIGMA, OPTICAL_MARGIN, 0.0, np.uint8(1), sharp)
    excess = np.where(sharp > 0, median - neighbourhood, np.float32(0.0))
    return np.where(count < MIN_FRAMES, np.float32(0.0), np.where(grown, excess, median))
