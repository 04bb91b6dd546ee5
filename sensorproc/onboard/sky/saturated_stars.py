"""The stars of a frame that a plate solution may use: those found, and the saturated ones, which no star filter finds."""

import cv2
import numpy as np

from sensorproc.flags import PixelFlag
from sensorproc.onboard.products import Flattened, Registered

LEAST_AREA_PX = 12  # Saturated pixels and their neighbours: a single hot one and its own are nine.
MOST = 100  # Saturated stars of a frame that are placed, largest first.
AROUND_PX = 2  # Pixels so near to the saturated ones are still bright enough to place the star.
PLACE_SIGMA_PX = 0.35  # Error of a saturated star's place: it bleeds, and its peak is lost.
BESIDE_SIGMAS = 4.0  # What was found so near to it [PSF widths] is its wing.
MOST_ASPECT = 4.0  # A star's saturated pixels are no longer than this; charge that has run along a column is.


def sky_stars(frame: Registered) -> np.ndarray:
    """x, y, SNR (n, 3), brightest first; saturated ones come with the SNR their place is worth."""
    s = frame.psf_sigma_px
    bright = saturated_stars(frame.flattened, s)
    if not len(bright):
        return frame.stars
    reach = BESIDE_SIGMAS * s + np.sqrt(bright[:, 3] / np.pi)
    gaps = np.hypot(frame.stars[:, None, 0] - bright[None, :, 0], frame.stars[:, None, 1] - bright[None, :, 1])
    return np.concatenate([bright[:, :3], frame.stars[(gaps > reach).all(axis=1)]])


def saturated_stars(flat: Flattened, s: float) -> np.ndarray:
    """x, y [px], SNR and saturated area [px] (n, 4) of saturated stars, largest first."""
    saturated = ((flat.flags & PixelFlag.SATURATED) != 0).astype(np.uint8)
    if not saturated.any():
        return np.empty((0, 4))
    n, labels, stats, _ = cv2.connectedComponentsWithStats(saturated, connectivity=8)
    area = stats[1:n, cv2.CC_STAT_AREA]
    order = np.argsort(-area, kind="stable")[:MOST] + 1
    rows = []
    ny, nx = saturated.shape
    for i in order.tolist():
        left, top, width, height, size = (int(v) for v in stats[i])
        if size < LEAST_AREA_PX or max(width, height) > MOST_ASPECT * max(min(width, height), 2):
            continue
        x0, x1 = max(left - AROUND_PX, 0), min(left + width + AROUND_PX, nx)
        y0, y1 = max(top - AROUND_PX, 0), min(top + height + AROUND_PX, ny)
        light = np.maximum(flat.image_e[y0:y1, x0:x1].astype(float), 0.0)
        light[(labels[y0:y1, x0:x1] != i) & (saturated[y0:y1, x0:x1] != 0)] = 0.0  # a neighbour's
        if not light.sum() > 0:
            continue
        y, x = np.mgrid[y0:y1, x0:x1]
        rows.append(
            (float((light * x).sum() / light.sum()), float((light * y).sum() / light.sum()), 1.5 * s / PLACE_SIGMA_PX, size)
        )
    return np.array(rows, float).reshape(-1, 4)
