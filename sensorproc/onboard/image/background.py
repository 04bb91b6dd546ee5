"""Background and noise maps on a mesh of cells."""

import numpy as np
from scipy import ndimage

from sensorproc.config import Flatten
from sensorproc.errors import FrameSetRejected
from sensorproc.onboard.image.smooth_map import SmoothMap
from sensorproc.onboard.kernels.mesh import cell_moments, cell_statistics

MOMENTS_CLIP = 3.5  # Mean and rms are those of the pixels within so many sigmas,
MOMENTS_RMS = 0.99694  # in which a unit normal has this rms.
EVERY = 7  # Every so manieth pixel either way tells where clipping begins.
SAMPLED = 3  # Every so manieth pixel either way tells what is typical.
CLIP_ROUNDS, LEAST_SAMPLES = 4, 100  # Rounds of clipping, and numbers without which an rms tells nothing.


def background_maps(
    image: np.ndarray, flags: np.ndarray, config: Flatten, count_step: float = 0.0
) -> tuple[SmoothMap, np.ndarray]:
    """Background, and a map (ny, nx) float32 of the noise, of an image with sources: medians and lower quantiles. ``count_step``
    is the smallest difference that its numbers can have, where that is known. Raises as :func:`background_and_noise_cells`."""
    background, cells = background_and_noise_cells(image, flags, config, count_step)
    return background, noise_map(cells, image.shape)


def background_and_noise_cells(
    image: np.ndarray, flags: np.ndarray, config: Flatten, count_step: float = 0.0
) -> tuple[SmoothMap, np.ndarray]:
    """The same background, and the noise of the mesh's cells (cells_y, cells_x) float32, of which :func:`noise_map` makes a map.

    Raises
    ------
    FrameSetRejected
        ``NO_DATA`` if no mesh cell has enough good pixels; ``FLAT`` if nothing has noise.
    """
    center, sigma, usable = _usable_mesh(*mesh(image, flags, config, count_step), config)
    smooth = filled_smooth(center, usable)
    slopes2 = sum(np.gradient(smooth, axis=axis) ** 2 for axis in (0, 1) if smooth.shape[axis] > 1)
    # within a cell a slope spreads the sky evenly, which is no noise
    sigma = np.sqrt(np.maximum(sigma * sigma - slopes2 / np.float32(12.0), 0.5 * sigma * sigma))
    return SmoothMap.of(smooth, image.shape), filled_smooth(sigma, usable)


def residual_background(image: np.ndarray, flags: np.ndarray, config: Flatten) -> SmoothMap:
    """Background of a residual (ny, nx) without sources, by clipped means: its median would be low by the skewness of
    photon noise. No cell is an outlier there, and smoothing the mesh would bend the background it follows."""
    mean, _, usable = _residual_mesh(image, flags, config)
    return SmoothMap.of(_filled(mean, usable), image.shape)


def residual_noise(image: np.ndarray, flags: np.ndarray, config: Flatten) -> np.ndarray:
    """Noise map (ny, nx) float32 of a residual without sources, by clipped rms."""
    _, sigma, usable = _residual_mesh(image, flags, config)
    return noise_map(filled_smooth(sigma, usable), image.shape)


def _residual_mesh(image: np.ndarray, flags: np.ndarray, config: Flatten) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    edges_y, edges_x = (cell_edges(size, config.mesh_px) for size in image.shape)
    return _usable_mesh(*cell_means(image, flags, edges_y, edges_x), config)


def cell_means(
    image: np.ndarray, flags: np.ndarray, edges_y: np.ndarray, edges_x: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Clipped mean, noise and count of the good pixels of every cell between the edges."""
    shape = len(edges_y) - 1, len(edges_x) - 1
    mean, sigma = np.empty(shape, np.float32), np.empty(shape, np.float32)
    count = np.empty(shape, np.int64)
    some = image[::EVERY, ::EVERY]
    scale = 1.4826 * float(np.median(np.abs(some)))
    cell_moments(image, flags, edges_y, edges_x, scale, MOMENTS_CLIP, MOMENTS_RMS, mean, sigma, count)
    return mean, sigma, count


def _usable_mesh(
    level: np.ndarray, sigma: np.ndarray, count: np.ndarray, config: Flatten
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    usable = count >= config.min_good_fraction * np.median(count[count > 0]) if (count > 0).any() else count > 0
    usable &= sigma > 0
    if not usable.any():
        if (sigma <= 0).all() and (count > 0).any():
            raise FrameSetRejected("FLAT", noise_e=0.0)
        raise FrameSetRejected("NO_DATA")
    return level, sigma, usable


def noise_map(cells: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Noise of every pixel (ny, nx) float32 from that of cells."""
    noise = np.empty(shape, np.float32)
    draw_noise(cells, noise)
    return noise


def draw_noise(cells: np.ndarray, noise: np.ndarray) -> None:
    """The same in the array ``noise`` (ny, nx) float32."""
    SmoothMap.of(cells, noise.shape).draw(noise)
    np.maximum(noise, 0.5 * cells.min(), out=noise)


def typical(image: np.ndarray) -> float:
    """Median of some pixels of a map: all of them would cost more than the filter that made it."""
    return float(np.median(image[::SAMPLED, ::SAMPLED]))


def mesh(
    image: np.ndarray, flags: np.ndarray, config: Flatten, count_step: float = 0.0
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Median, noise and count of good pixels of each cell, shape (cells_y, cells_x)."""
    edges_y, edges_x = (cell_edges(size, config.mesh_px) for size in image.shape)
    shape = len(edges_y) - 1, len(edges_x) - 1
    center, sigma = np.empty(shape, np.float32), np.empty(shape, np.float32)
    count = np.empty(shape, np.int64)
    cell_statistics(image, flags, edges_y, edges_x, config.clip_sigma, count_step, center, sigma, count)
    return center, sigma, count


def cell_edges(size: int, cell: int) -> np.ndarray:
    """Edges (cells + 1,) [px] of equal cells, nearly ``cell`` wide, along a side."""
    n_cells = max(round(size / cell), 1)
    return np.round(np.linspace(0, size, n_cells + 1)).astype(np.int64)


def filled_smooth(values: np.ndarray, usable: np.ndarray) -> np.ndarray:
    """Cells (ny, nx) without those that are odd among their neighbours; all are filled."""
    return np.asarray(ndimage.median_filter(_filled(values, usable), size=3, mode="nearest"))


def _filled(values: np.ndarray, usable: np.ndarray) -> np.ndarray:
    """Cells that hold too little take their nearest neighbour's value."""
    if usable.all():
        return values
    nearest = ndimage.distance_transform_edt(~usable, return_distances=False, return_indices=True)
    return values[tuple(nearest)]


def clipped_rms(z: np.ndarray) -> float:
    """Standard deviation of numbers (m,) of zero mean, of which a few may be anything; one where they are too few to tell."""
    z, sigma = np.asarray(z, float), 1.0
    for _ in range(CLIP_ROUNDS):
        inner = z[np.abs(z) < MOMENTS_CLIP * sigma]
        sigma = float(np.sqrt((inner * inner).mean())) / MOMENTS_RMS if len(inner) > LEAST_SAMPLES else 1.0
    return sigma
