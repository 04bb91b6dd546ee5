"""Find moving objects too faint for one frame: velocity shift-and-add over every box of velocities that needs no cue.

Images filtered for a point are summed at each velocity of a box (:mod:`sensorproc.onboard.search.velocity_boxes`); the trail of a
hypothesis is bound to its velocity, and is a row of points, the same in tiles of a box that are small enough for it. What is
found in the pixels with their signs changed comes from the same sums: it tells how many of the others are false.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from scipy.spatial import cKDTree

from sensorproc.config import Config, Search
from sensorproc.onboard.image.matched_filter import matched_filter
from sensorproc.onboard.kernels.filtered import half_pixel_phases
from sensorproc.onboard.kernels.peaks import local_maxima
from sensorproc.onboard.kernels.shift_add import climb, shift_add
from sensorproc.onboard.products import Candidate, Trail
from sensorproc.onboard.search.tiles import Tile, tiles
from sensorproc.onboard.search.velocity_boxes import Box, search_gain, span
from sensorproc.onboard.stack import Stack
from sensorproc.onboard.stage import Do, stage
from sensorproc.onboard.threads import each, in_rows

SAME_PX = 3.0  # Candidates of two tiles whose ways end and begin so near to one another [px] are one object's.
LEVELS_PER_SIGMA = 16  # Quantised steps of a sigma in int8: they cost 0.006 dB.


@dataclass(frozen=True, eq=False)
class Found:
    """Candidates of a search, strongest first, those in the pixels with their signs changed, and the number of velocities."""

    bright: list[Candidate]
    dark: list[Candidate]
    n_velocities: int


def find(stack: Stack, boxes: list[Box], config: Config, lowest_snr: float, do: Do) -> Found:
    """Candidates above ``lowest_snr`` of every box."""
    parts = [do(search, stack, box, config.search, lowest_snr) for box in boxes]
    bright, dark = [c for part in parts for c in part.bright], [c for part in parts for c in part.dark]
    return Found(bright, dark, sum(part.n_velocities for part in parts))


def velocity_step(stack: Stack, config: Search) -> float:
    """Distance of neighbouring velocities of the grid [px/frame]."""
    return config.max_smear_px / span(stack)


@stage(bytes_px=60, bytes_item=1)
def search(stack: Stack, box: Box, config: Search, lowest_snr: float) -> Found:
    """Candidates in one box above ``lowest_snr``.

    Coarse to fine: the grid's best sums, which may miss an object by a good part of its SNR, are walked uphill between the
    grid's points; what then stays below ``lowest_snr`` is not worth a fit on the pixels. An object between two tiles comes
    from one.
    """
    if span(stack) <= 0:
        return Found([], [], 0)
    parts = tiles(stack, box, velocity_step(stack, config))
    margin = max((tile.margin for tile in parts), default=0)
    phases = _phases(stack, box.middle, config.clip_snr, margin)
    found = [_in_tile(phases, margin, tile, config, lowest_snr) for tile in parts]
    bright, dark = (_strongest([f[side] for f in found], stack.times)[: config.max_candidates] for side in (0, 1))
    return Found(bright, dark, sum(int(tile.wanted.sum()) for tile in parts))


def _strongest(found: list[list[Candidate]], times: np.ndarray) -> list[Candidate]:
    """Candidates of all tiles, strongest first: of those that go the same way in two tiles the stronger one."""
    every = sorted([(c, tile) for tile, some in enumerate(found) for c in some], key=lambda p: (-p[0].snr, p[0].y_px, p[0].x_px))
    if len(found) == 1 or not every:
        return [c for c, _ in every]
    motion = np.array([(c.x_px, c.y_px, c.vx_px_frame, c.vy_px_frame) for c, _ in every])
    ends = np.concatenate([motion[:, :2] + t * motion[:, 2:] for t in (times.min(), times.max())], axis=1)
    again = {j for i, j in cKDTree(ends).query_pairs(SAME_PX) if every[i][1] != every[j][1]}
    return [c for k, (c, _) in enumerate(every) if k not in again]


def _in_tile(
    phases: np.ndarray, margin: int, tile: Tile, config: Search, lowest_snr: float
) -> tuple[list[Candidate], list[Candidate]]:
    """Candidates in one tile of a box, and those of the sign-reversed pixels, strongest first."""
    stack, (taps, scale), (across, down) = tile.stack, tile.trail, tile.shifts
    ny, nx = stack.image_e.shape[1:]
    lowest = int((lowest_snr - config.grid_margin) * LEVELS_PER_SIGMA * np.sqrt(len(stack.times)))
    gain = search_gain(stack, *np.meshgrid(tile.box.middle[0] + tile.grid_x, tile.box.middle[1] + tile.grid_y))
    extreme, index = np.empty((2, ny, nx), np.int16), np.empty((2, ny, nx), np.int32)
    work = phases, taps + tile.way[:, None, :], scale, across, down, np.ascontiguousarray(tile.wanted), gain, margin, tile.reach
    in_rows(ny, lambda a, b: shift_add(*work, lowest, a, b, extreme, index))
    bright, dark = (_climbed(phases, margin, tile, sign, extreme[i], index[i], lowest, config) for i, sign in ((0, 1), (1, -1)))
    return _named(bright, tile, config, lowest_snr), _named(dark, tile, config, lowest_snr)


def _climbed(
    phases: np.ndarray, margin: int, tile: Tile, sign: int, extreme: np.ndarray, index: np.ndarray, lowest: int, config: Search
) -> tuple[np.ndarray, np.ndarray]:
    """Where the peaks of ``sign`` times ``extreme`` lead: x, y, vx, vy (m, 4) less the box's middle, and their SNR (m,)."""
    stack, (taps, scale) = tile.stack, tile.trail
    found = np.empty((8 * config.max_candidates, 2), np.int64)
    peaks = np.multiply(extreme, sign, dtype=np.float32)
    count = min(local_maxima(peaks, float(lowest), 2, found), len(found))
    y, x = found[:count, 0], found[:count, 1]
    order = np.lexsort((x, y, -peaks[y, x]))[: 4 * config.max_candidates]
    iy, ix = np.divmod(index[y[order], x[order]], len(tile.grid_x))
    seeds = np.stack([x[order], y[order], tile.grid_x[ix], tile.grid_y[iy]], axis=1).astype(float)
    sums, step = np.empty(len(seeds)), velocity_step(stack, config)
    climb(phases, taps, scale, stack.times, margin, sign, seeds, sums, 0.5, 0.5 * step)
    gain = search_gain(stack, *(tile.box.middle + seeds[:, 2:]).T)
    return seeds, sums / (LEVELS_PER_SIGMA * np.sqrt(len(stack.times))) * gain


def _named(climbed: tuple[np.ndarray, np.ndarray], tile: Tile, config: Search, lowest_snr: float) -> list[Candidate]:
    """Candidates above ``lowest_snr``, strongest first."""
    seeds, snr = climbed
    rates = tile.box.middle + seeds[:, 2:]
    good = [i for i in np.lexsort((seeds[:, 0], seeds[:, 1], -snr)) if snr[i] >= lowest_snr][: config.max_candidates]
    return [Candidate.at(seeds[i, :2], rates[i], float(snr[i]), tile.box.name(*rates[i])) for i in good]


def _phases(stack: Stack, rate: np.ndarray, clip_snr: float, margin: int) -> np.ndarray:
    """Images filtered for a point, resampled so that an object of velocity ``rate`` (2,) stands still: (2, 2, n, ny, nx) int8
    with a ``margin`` all around, displaced by half a pixel in y and x; zero where the detector does not reach."""
    n, ny, nx = stack.image_e.shape
    height, width = ny + 2 * margin, nx + 2 * margin
    phases = np.empty((2, 2, n, height, width), np.int8)

    def fill(k: int) -> None:
        snr = matched_filter(stack.frames[k], Trail(), clip_snr)
        x, y = rate * stack.times[k] - margin
        move = np.array([[1.0, 0.0, x], [0.0, 1.0, y], [0.0, 0.0, 1.0]])
        to_detector = np.einsum("ij,jk->ik", np.array(stack.registrations[k].transform.inverse), move)
        moved = cv2.warpPerspective(snr, to_detector, (width, height), flags=cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP)
        half_pixel_phases(moved, float(LEVELS_PER_SIGMA), *(phases[i, j, k] for i in (0, 1) for j in (0, 1)))

    each(fill, range(n))
    return phases
