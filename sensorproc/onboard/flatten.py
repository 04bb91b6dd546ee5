"""Background and noise maps on a mesh: sky, stray-light gradients, and what is left of bias and dark."""

import cv2
import numpy as np
from scipy import ndimage

from sensorproc.config import Calibrate, Flatten
from sensorproc.errors import FrameSetRejected
from sensorproc.flags import PixelFlag
from sensorproc.onboard.kernels.mesh import cell_statistics
from sensorproc.onboard.products import Calibrated, Flattened, freeze


def flatten(calibrated: Calibrated, config: Flatten, dark: Calibrate) -> Flattened:
    """Electrons above the background, and the noise of every pixel without its sources.

    Raises
    ------
    FrameSetRejected
        ``NO_DATA`` if no mesh cell has enough good pixels; ``FLAT`` if the frame has no noise at all.
    """
    background, sigma = background_maps(calibrated.image_e, calibrated.flags, config)
    noise = float(np.median(sigma))
    if not noise > 0.0:
        raise FrameSetRejected("FLAT", noise_e=noise)
    image = calibrated.image_e - background
    flags = calibrated.flags
    if calibrated.dark_e_s is not None:
        signal = np.maximum(calibrated.dark_e_s * np.float32(calibrated.frame.exposure_s), 0.0)
        variance = signal + (np.float32(dark.dark_error) * signal) ** 2
        hot = variance > (dark.dark_hot_sigma * sigma) ** 2
        flags = flags | hot.astype(np.uint8) * np.uint8(PixelFlag.HOT)
        sigma = np.sqrt(sigma * sigma + variance).astype(np.float32)
    freeze(image, sigma, flags)
    return Flattened(calibrated, image, sigma, flags, float(np.median(background)), noise)


def background_maps(
    image: np.ndarray, flags: np.ndarray, config: Flatten, use_mean: bool = False
) -> tuple[np.ndarray, np.ndarray]:
    """Background and noise maps (ny, nx) float32 of an image.

    ``use_mean`` takes the clipped mean of each cell instead of its median: right for a residual without stars,
    where the two differ by the skewness of the photon noise.
    """
    center, mean, sigma, count = mesh(image, flags, config)
    usable = count >= config.min_good_fraction * np.median(count[count > 0]) if (count > 0).any() else count > 0
    usable &= sigma > 0
    if not usable.any():
        if (sigma <= 0).all() and (count > 0).any():
            raise FrameSetRejected("FLAT", noise_e=0.0)
        raise FrameSetRejected("NO_DATA")
    # without stars no cell is an outlier, and smoothing the mesh would bend the background it follows
    level = _filled(mean, usable) if use_mean else ndimage.median_filter(_filled(center, usable), size=3, mode="nearest")
    noise = ndimage.median_filter(_filled(sigma, usable), size=3, mode="nearest")
    return _enlarge(level, image.shape), np.maximum(_enlarge(noise, image.shape), 0.5 * noise.min())


def mesh(image: np.ndarray, flags: np.ndarray, config: Flatten) -> tuple[np.ndarray, ...]:
    """Median, mean, noise and count of good pixels of each cell, shape (cells_y, cells_x)."""
    ny, nx = image.shape
    edges_y, edges_x = _edges(ny, config.mesh_px), _edges(nx, config.mesh_px)
    shape = len(edges_y) - 1, len(edges_x) - 1
    center, mean, sigma = (np.empty(shape, np.float32) for _ in range(3))
    count = np.empty(shape, np.int64)
    scratch = np.empty(int(np.diff(edges_y).max() * np.diff(edges_x).max()), np.float32)
    cell_statistics(image, flags, edges_y, edges_x, config.clip_sigma, scratch, center, mean, sigma, count)
    return center, mean, sigma, count


def _edges(size: int, cell: int) -> np.ndarray:
    n_cells = max(round(size / cell), 1)
    return np.round(np.linspace(0, size, n_cells + 1)).astype(np.int64)


def _filled(values: np.ndarray, usable: np.ndarray) -> np.ndarray:
    """Cells that hold too little take their nearest neighbour's value."""
    if usable.all():
        return values
    nearest = ndimage.distance_transform_edt(~usable, return_distances=False, return_indices=True)
    return values[tuple(nearest)]


def _enlarge(values: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    interpolation = cv2.INTER_LINEAR if min(values.shape) < 4 else cv2.INTER_CUBIC
    return cv2.resize(values, (shape[1], shape[0]), interpolation=interpolation)
