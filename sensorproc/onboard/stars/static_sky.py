"""What stands still among the stars: the frames of a set gathered in the registered plane, without resampling them."""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from sensorproc.config import Flatten, Stars
from sensorproc.flags import PixelFlag
from sensorproc.onboard.image.background import background_maps
from sensorproc.onboard.image.matched_filter import template, through
from sensorproc.onboard.kernels.gather import gather_steady
from sensorproc.onboard.products import Registered, Residual, Trail
from sensorproc.onboard.stars.psf import Psf
from sensorproc.onboard.threads import in_rows

INNER_HALF = 1.17  # Variance of the mean of the inner half of unit normals, times their number.
CLUTTER_SIGMA = 4.0  # What stands still besides the stars and is fainter is noise.
MAX_PLANE = 2.5  # The registered plane is looked at to so many times the detector's sides.


@dataclass(frozen=True, eq=False)
class Plane:
    """A window of the registered plane: its corner, what stands still in it and the noise of that, and frames seen."""

    x0: int
    y0: int
    steady_e: np.ndarray
    sigma_e: np.ndarray
    count: np.ndarray


def window(frames: list[Registered]) -> tuple[int, int, int, int]:
    """Corner and size (x0, y0, nx, ny) of the registered plane that the frames cover, within reason."""
    ny, nx = frames[0].flattened.image_e.shape
    corners = [(0.0, 0.0), (nx - 1.0, 0.0), (0.0, ny - 1.0), (nx - 1.0, ny - 1.0)]
    places = np.array([[f.transform.to_registered(np.float64(x), np.float64(y)) for x, y in corners] for f in frames])
    low, high = places.min(axis=(0, 1)), places.max(axis=(0, 1))
    more = 0.5 * (MAX_PLANE - 1.0) * np.array([nx, ny])
    low, high = np.maximum(low, -more), np.minimum(high, np.array([nx, ny]) + more)
    x0, y0 = int(np.floor(low[0])), int(np.floor(low[1]))
    return x0, y0, int(np.ceil(high[0])) - x0 + 1, int(np.ceil(high[1])) - y0 + 1


def static_sky_plane(
    cube: np.ndarray, weight: np.ndarray, matrices: np.ndarray, window: tuple[int, int, int, int], config: Stars, flatten: Flatten
) -> Plane:
    """What stands still in the registered plane, and its noise."""
    x0, y0, mx, my = window
    steady, count = np.empty((my, mx), np.float32), np.empty((my, mx), np.uint8)
    in_rows(my, lambda a, b: gather_steady(cube, weight, matrices, x0, y0, a, b, steady, count))
    unseen = (count < config.min_overlap_frames).astype(np.uint8)
    share = np.sqrt(np.maximum(count, 1).astype(np.float32) / np.float32(INNER_HALF))
    level, noise = background_maps(steady * share, unseen, flatten)
    steady = np.where(unseen == 0, steady - level.drawn() / share, np.float32(0.0))
    return Plane(x0, y0, steady, noise / share, count)


def clutter(plane: Plane, psf: Psf, trail: Trail) -> np.ndarray:
    """What stands still without being a known star, where it is significant by the pixel or through the PSF; else 0."""
    z = np.where(plane.count > 0, plane.steady_e / np.maximum(plane.sigma_e, 1e-6), 0.0).astype(np.float32)
    filtered = through(z, template(trail, psf.filter_px))
    strong = (np.abs(z) > CLUTTER_SIGMA).astype(np.uint8)
    around = cv2.dilate((np.abs(filtered) > CLUTTER_SIGMA).astype(np.uint8), np.ones((3, 3), np.uint8))
    return np.where((strong > 0) | (around > 0), plane.steady_e, np.float32(0.0))


def deep_image(residuals: Sequence[Residual]) -> np.ndarray:
    """What stands still in the reference frame's field (ny, nx) [e-], without what only some frames show: for people."""
    cube = np.stack([r.image_e + r.star_e for r in residuals])
    spoilt = ~np.uint8(PixelFlag.SATURATED)  # a saturated pixel is bright all the same
    weight = np.stack([(r.flags & spoilt == 0).astype(np.float32) for r in residuals])
    matrices = np.array([place.transform.inverse for place in (r.registration for r in residuals)])
    image, count = np.empty(cube.shape[1:], np.float32), np.empty(cube.shape[1:], np.uint8)
    in_rows(len(image), lambda a, b: gather_steady(cube, weight, matrices, 0, 0, a, b, image, count))
    return image
