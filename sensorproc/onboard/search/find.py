"""Find moving objects too faint for one frame: velocity shift-and-add over every box of velocities that needs no cue.

Matched-filtered images are summed at each velocity of a box (:mod:`sensorproc.onboard.search.velocity_boxes`); the trail of a
hypothesis is bound to its velocity, in tiles of a box that are small enough for one filter.
"""

from dataclasses import dataclass
from itertools import pairwise, product

import cv2
import numpy as np
from scipy.spatial import cKDTree

from sensorproc.config import Config, Search
from sensorproc.onboard.image.matched_filter import matched_filter
from sensorproc.onboard.kernels.filtered import quantise
from sensorproc.onboard.kernels.peaks import local_maxima
from sensorproc.onboard.kernels.shift_add import climb, shift_add
from sensorproc.onboard.products import Candidate, Trail
from sensorproc.onboard.search.velocity_boxes import Box, search_gain, span
from sensorproc.onboard.stack import Stack
from sensorproc.onboard.stage import Do, stage
from sensorproc.onboard.threads import each, in_rows

# Cubic interpolation at a pixel, and half a pixel on.
HALFWAY = np.array([1.0]), np.array([0.0, -0.0625, 0.5625, 0.5625, -0.0625])
TILE_SIGMAS = 2.0  # A trail that differs by so many PSF sigmas from its filter's along both axes loses 0.15 dB.
SAME_PX = 3.0  # Candidates of two tiles whose ways end and begin so near to one another [px] are one object's.
MOST_POINTS = 10_000  # Velocities on an axis of a box: a box of points is one tile.
LEVELS_PER_SIGMA = 16  # Quantised steps of a sigma in int8: they cost 0.006 dB.


def find(stack: Stack, found: list[Box], config: Config, lowest_snr: float, do: Do) -> tuple[list[Candidate], int]:
    """Candidates above ``lowest_snr`` of every box, and the number of velocities summed."""
    candidates, n_velocities = [], 0
    for box in found:
        near, n = do(search, stack, box, config.search, lowest_snr)
        candidates += near
        n_velocities += n
    return candidates, n_velocities


def velocity_step(stack: Stack, config: Search) -> float:
    """Distance of neighbouring velocities of the grid [px/frame]."""
    return config.max_smear_px / span(stack)


@stage(bytes_px=60, bytes_item=1)
def search(stack: Stack, box: Box, config: Search, lowest_snr: float) -> tuple[list[Candidate], int]:
    """Candidates in one box above ``lowest_snr``, strongest first, and the number of velocities summed.

    Coarse to fine: the grid's best sums, which may miss an object by a good part of its SNR, are walked uphill between the
    grid's points; what then stays below ``lowest_snr`` is not worth a fit on the pixels. An object between two tiles comes
    from one.
    """
    if span(stack) <= 0:
        return [], 0
    step = velocity_step(stack, config)
    grid_x, grid_y = box.grid(step)
    wanted, side = box.wanted(stack, step), _tile_points(stack, step)
    parts = [(y, x) for y, x in product(_parts(len(grid_y), side), _parts(len(grid_x), side)) if wanted[y, x].any()]
    tiles = [Tile(box, grid_x[x], grid_y[y], wanted[y, x]) for y, x in parts]
    found = [_in_tile(stack, tile, config, lowest_snr) for tile in tiles]
    return _strongest(found, stack.times)[: config.max_candidates], int(wanted.sum())


def _strongest(found: list[list[Candidate]], times: np.ndarray) -> list[Candidate]:
    """Candidates of all tiles, strongest first: of those that go the same way in two tiles the stronger one."""
    every = sorted([(c, tile) for tile, some in enumerate(found) for c in some], key=lambda p: (-p[0].snr, p[0].y_px, p[0].x_px))
    if len(found) == 1 or not every:
        return [c for c, _ in every]
    motion = np.array([(c.x_px, c.y_px, c.vx_px_frame, c.vy_px_frame) for c, _ in every])
    ends = np.concatenate([motion[:, :2] + t * motion[:, 2:] for t in (times.min(), times.max())], axis=1)
    again = {j for i, j in cKDTree(ends).query_pairs(SAME_PX) if every[i][1] != every[j][1]}
    return [c for k, (c, _) in enumerate(every) if k not in again]


@dataclass(frozen=True, eq=False)
class Tile:
    """Velocities of a box that one filter serves: grids less the box's middle [px/frame], and which of them are ``wanted``."""

    box: Box
    grid_x: np.ndarray
    grid_y: np.ndarray
    wanted: np.ndarray

    @property
    def middle(self) -> np.ndarray:
        """Velocity (2,) in the middle [px/frame]."""
        return self.box.middle + 0.5 * np.array([g[0] + g[-1] for g in (self.grid_x, self.grid_y)])


def _tile_points(stack: Stack, step: float) -> int:
    """Velocities on an axis that one filter serves: trails of more would lose too much in that of their middle."""
    reach = TILE_SIGMAS * stack.psf_sigma_px / max(stack.exposure_fraction, 1e-9)
    return int(min(2.0 * reach / step, MOST_POINTS)) + 1


def _parts(n: int, most: int) -> list[slice]:
    """``n`` points in slices of nearly the same number, at most ``most`` each."""
    edges = np.linspace(0, n, -(-n // most) + 1).round().astype(int)
    return [slice(a, b) for a, b in pairwise(edges)]


def _in_tile(stack: Stack, tile: Tile, config: Search, lowest_snr: float) -> list[Candidate]:
    """Candidates in one tile of a box, strongest first."""
    t, step = stack.times, velocity_step(stack, config)
    offset = tile.box.middle - tile.middle
    grid_x, grid_y = tile.grid_x + offset[0], tile.grid_y + offset[1]
    shift_x, shift_y = (np.rint(2.0 * grid[:, None] * t[None, :]).astype(np.int64) for grid in (grid_x, grid_y))
    margin = int(max(np.abs(shift_x).max(), np.abs(shift_y).max())) // 2 + 1
    phases = _phases(stack, tile.middle, config.clip_snr, margin)
    ny, nx = stack.image_e.shape[1:]
    scale = LEVELS_PER_SIGMA * float(np.sqrt(len(t)))
    best, index = np.empty((ny, nx), np.int16), np.empty((ny, nx), np.int32)
    lowest = int((lowest_snr - config.grid_margin) * scale)
    gain = search_gain(stack, *np.meshgrid(tile.middle[0] + grid_x, tile.middle[1] + grid_y))
    wanted = np.ascontiguousarray(tile.wanted)
    in_rows(ny, lambda a, b: shift_add(phases, shift_x, shift_y, wanted, gain, margin, lowest, a, b, best, index))
    found = np.empty((8 * config.max_candidates, 2), np.int64)
    count = min(local_maxima(best.astype(np.float32), float(lowest), 2, found), len(found))
    y, x = found[:count, 0], found[:count, 1]
    order = np.lexsort((x, y, -best[y, x].astype(int)))[: 4 * config.max_candidates]
    iy, ix = np.divmod(index[y[order], x[order]], len(grid_x))
    seeds = np.stack([x[order], y[order], grid_x[ix], grid_y[iy]], axis=1).astype(float)
    sums = np.empty(len(seeds))
    climb(phases, t, margin, seeds, sums, 0.5, 0.5 * step)
    rates = tile.middle + seeds[:, 2:]
    snr = sums / scale * search_gain(stack, *rates.T)
    good = [i for i in np.lexsort((seeds[:, 0], seeds[:, 1], -snr)) if snr[i] >= lowest_snr][: config.max_candidates]
    return [Candidate.at(seeds[i, :2], rates[i], float(snr[i]), tile.box.name(*rates[i])) for i in good]


def _phases(stack: Stack, rate: np.ndarray, clip_snr: float, margin: int) -> np.ndarray:
    """Filtered images resampled so that an object of velocity ``rate`` (2,) stands still: (2, 2, n, ny, nx) int8 with a
    ``margin`` all around, displaced by half a pixel in y and x; zero where the detector does not reach."""
    n, ny, nx = stack.image_e.shape
    height, width = ny + 2 * margin, nx + 2 * margin
    phases = np.empty((2, 2, n, height, width), np.int8)
    trails = stack.trails(*rate)

    def fill(k: int) -> None:
        length, cos, sin = trails[k]
        snr = matched_filter(stack.frames[k], Trail(length * cos, length * sin), clip_snr)
        x, y = rate * stack.times[k] - margin
        move = np.array([[1.0, 0.0, x], [0.0, 1.0, y], [0.0, 0.0, 1.0]])
        to_detector = np.einsum("ij,jk->ik", np.array(stack.registrations[k].transform.inverse), move)
        moved = cv2.warpPerspective(snr, to_detector, (width, height), flags=cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP)
        for py in (0, 1):
            for px in (0, 1):
                between = cv2.sepFilter2D(moved, -1, HALFWAY[px], HALFWAY[py], borderType=cv2.BORDER_REPLICATE)
                quantise(between, float(LEVELS_PER_SIGMA), phases[py, px, k])

    each(fill, range(n))
    return phases
