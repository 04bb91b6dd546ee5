"""The stars of a frame that a plate solution may use: those found, and the saturated ones, which no star filter finds."""

import numpy as np

from sensorproc.flags import PixelFlag
from sensorproc.onboard.image.components import components
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
    saturated = (flat.flags & np.uint8(PixelFlag.SATURATED)) != 0
    rows = []
    ny, nx = saturated.shape
    for part in components(saturated, LEAST_AREA_PX, MOST):
        if max(part.width, part.height) > MOST_ASPECT * max(min(part.width, part.height), 2):
            continue
        x0, x1 = max(part.left - AROUND_PX, 0), min(part.left + part.width + AROUND_PX, nx)
        y0, y1 = max(part.top - AROUND_PX, 0), min(part.top + part.height + AROUND_PX, ny)
        light = np.maximum(flat.image_e[y0:y1, x0:x1].astype(float), 0.0)
        others = saturated[y0:y1, x0:x1].copy()
        others[part.top - y0 :, part.left - x0 :][: part.height, : part.width][part.mine] = False
        light[others] = 0.0  # a neighbour's
        if not light.sum() > 0:
            continue
        y, x = np.mgrid[y0:y1, x0:x1]
        rows.append(
            (float((light * x).sum() / light.sum()), float((light * y).sum() / light.sum()), 1.5 * s / PLACE_SIGMA_PX, part.area)
        )
    return np.array(rows, float).reshape(-1, 4)
