"""Find moving objects too faint for one frame: velocity shift-and-add over every box of velocities that needs no cue.

Matched-filtered images are summed at each velocity of a box (:mod:`sensorproc.onboard.search.velocity_boxes`); the trail of a
hypothesis is bound to its velocity.
"""

import cv2
import numpy as np

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
    grid's points; what then stays below ``lowest_snr`` is not worth a fit on the pixels.
    """
    if span(stack) <= 0:
        return [], 0
    t, step = stack.times, velocity_step(stack, config)
    grid_x, grid_y = box.grid(step)
    shift_x, shift_y = (np.rint(2.0 * grid[:, None] * t[None, :]).astype(np.int64) for grid in (grid_x, grid_y))
    margin = int(max(np.abs(shift_x).max(), np.abs(shift_y).max())) // 2 + 1
    phases = _phases(stack, box, config.clip_snr, margin)
    wanted = box.wanted(stack, step)
    ny, nx = stack.image_e.shape[1:]
    scale = LEVELS_PER_SIGMA * float(np.sqrt(len(t)))
    best, index = np.empty((ny, nx), np.int16), np.empty((ny, nx), np.int32)
    lowest = int((lowest_snr - config.grid_margin) * scale)
    gain = search_gain(stack, *np.meshgrid(box.middle[0] + grid_x, box.middle[1] + grid_y))
    in_rows(ny, lambda a, b: shift_add(phases, shift_x, shift_y, wanted, gain, margin, lowest, a, b, best, index))
    found = np.empty((8 * config.max_candidates, 2), np.int64)
    count = min(local_maxima(best.astype(np.float32), float(lowest), 2, found), len(found))
    y, x = found[:count, 0], found[:count, 1]
    order = np.lexsort((x, y, -best[y, x].astype(int)))[: 4 * config.max_candidates]
    iy, ix = np.divmod(index[y[order], x[order]], len(grid_x))
    seeds = np.stack([x[order], y[order], grid_x[ix], grid_y[iy]], axis=1).astype(float)
    sums = np.empty(len(seeds))
    climb(phases, t, margin, seeds, sums, 0.5, 0.5 * step)
    rates = box.middle + seeds[:, 2:]
    snr = sums / scale * search_gain(stack, *rates.T)
    good = [i for i in np.lexsort((seeds[:, 0], seeds[:, 1], -snr)) if snr[i] >= lowest_snr][: config.max_candidates]
    candidates = [Candidate.at(seeds[i, :2], rates[i], float(snr[i]), box.name(*rates[i])) for i in good]
    return candidates, int(wanted.sum())


def _phases(stack: Stack, box: Box, clip_snr: float, margin: int) -> np.ndarray:
    """Filtered images resampled so that an object at the middle's velocity stands still: (2, 2, n, ny, nx) int8 with a
    ``margin`` of zeros all around, displaced by half a pixel in y and x."""
    n, ny, nx = stack.image_e.shape
    phases = np.zeros((2, 2, n, ny + 2 * margin, nx + 2 * margin), np.int8)
    rate = box.middle
    trails = stack.trails(*rate)

    def fill(k: int) -> None:
        length, cos, sin = trails[k]
        snr = matched_filter(stack.frames[k], Trail(length * cos, length * sin), clip_snr)
        x, y = rate * stack.times[k]
        move = np.array([[1.0, 0.0, x], [0.0, 1.0, y], [0.0, 0.0, 1.0]])
        to_detector = np.einsum("ij,jk->ik", np.array(stack.registrations[k].transform.inverse), move)
        moved = cv2.warpPerspective(snr, to_detector, (nx, ny), flags=cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP)
        for py in (0, 1):
            for px in (0, 1):
                between = cv2.sepFilter2D(moved, -1, HALFWAY[px], HALFWAY[py], borderType=cv2.BORDER_REPLICATE)
                quantise(between, float(LEVELS_PER_SIGMA), margin, phases[py, px, k])

    each(fill, range(n))
    return phases
