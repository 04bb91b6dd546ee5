"""Cosmic-ray rejection: pixels sharper than any light that came through the optics."""

import cv2
import numpy as np

from sensorproc.config import CosmicRays
from sensorproc.flags import PixelFlag
from sensorproc.onboard.image.components import places
from sensorproc.onboard.image.matched_filter import correlate, template
from sensorproc.onboard.kernels.sharpness import flag_sharp
from sensorproc.onboard.products import Flattened, Trail

OPTICAL_MARGIN = 0.35  # A spike below this part of the PSF's neighbour ratio is no star whatever the focus.
SPIKE_SIGMA = 6.0  # Pixels above it are tested before stars are looked for.
RESOLVED_SIGMA_PX = 1.2  # Wider PSFs are told from compact particle hits by a second, narrower filter.


def spikes(flattened: Flattened, s: float) -> np.ndarray:
    """Flags (ny, nx) uint8 with pixels sharper than a PSF of sigma ``s`` added."""
    marked = flattened.flags.copy()
    gain_noise = 1.0
    arguments = (s, SPIKE_SIGMA, OPTICAL_MARGIN, gain_noise, np.uint8(PixelFlag.COSMIC_RAY))
    flag_sharp(flattened.image_e, flattened.weight, flattened.flags, *arguments, marked)
    return marked


def reject_outliers(
    image: np.ndarray, weight: np.ndarray, flags: np.ndarray, s: float, config: CosmicRays
) -> tuple[np.ndarray, int]:
    """Flags of an image with COSMIC_RAY added, and how many pixels are sharper than the PSF. Strong ones take others along."""
    marked = flags.copy()
    bit = np.uint8(PixelFlag.COSMIC_RAY)
    n = flag_sharp(image, weight, flags, s, config.outlier_sigma, config.sharpness_margin, 1.0, bit, marked)
    if s > RESOLVED_SIGMA_PX:
        hits = _compact_hits(image, weight, marked, s, config.outlier_sigma + 1.0)
        n += int(((hits > 0) & (marked == 0)).sum())
        marked |= hits * bit
    ny, nx = image.shape
    rows, columns = places((marked & bit).view(np.bool_))
    strong = image[rows, columns] * np.sqrt(weight[rows, columns]) > 3.0 * config.outlier_sigma
    for dy in (-1, 0, 1):
        for dx in (-1, 0, 1):
            marked[(rows[strong] + dy).clip(0, ny - 1), (columns[strong] + dx).clip(0, nx - 1)] |= bit
    return marked, n


def _compact_hits(image: np.ndarray, weight: np.ndarray, flags: np.ndarray, s: float, threshold: float) -> np.ndarray:
    """Blobs of several pixels that a filter of half the PSF's width fits better than the PSF itself."""
    z = np.where(flags == 0, image * np.sqrt(weight), np.float32(0.0))
    good = (flags == 0).astype(np.float32)
    maps = []
    for width in (s, 0.5 * s):
        kernel = template(Trail(), width)
        energy = correlate(good, kernel * kernel)
        maps.append(correlate(z, kernel) / np.sqrt(np.maximum(energy, 0.2 * float((kernel * kernel).sum()))))
    wide, narrow = maps
    core = (narrow > threshold) & (narrow > cv2.dilate(wide, np.ones((3, 3), np.uint8)))
    size = 2 * int(np.ceil(s)) + 1
    return cv2.dilate(core.astype(np.uint8), np.ones((size, size), np.uint8))
