"""Arcs of stray light, steeper than the background's mesh can follow: a finer one does, in all frames of a set or in none.

A mesh leaves what bends within a cell, and takes its spread for noise. A finer one would follow wide objects as well, so it is
for sets in most frames of which a good part of the field is uneven. Frames of one set that were levelled differently would differ
by the very light that is left, which appears and goes as objects do.
"""

from dataclasses import replace
from itertools import pairwise

import numpy as np

from sensorproc.config import Flatten
from sensorproc.onboard.image.background import background_maps, cell_edges, filled_smooth, mesh, noise_map, typical
from sensorproc.onboard.image.smooth_map import SmoothMap
from sensorproc.onboard.pixel_ownership import HandOver
from sensorproc.onboard.products import Flattened
from sensorproc.onboard.stack import typical_weight
from sensorproc.onboard.stage import stage
from sensorproc.onboard.threads import each

ROWS_LOOKED_AT = 32  # So many rows of cells at least tell whether light is uneven.
FINER, LEAST_MESH_PX = 3, 12  # Cells so many times smaller follow arcs of stray light,
UNEVEN, LIT_SHARE = 0.5, 0.2  # where the mesh leaves more than this part of the noise in more than this part of the cells.


@stage(bytes_px=8)
def follow_arcs(frames: HandOver[Flattened], config: Flatten) -> list[Flattened]:
    """The frames of a set, which are taken over, without the arcs of stray light that the mesh has left in most of them."""
    taken = frames.take()
    if not taken or not np.median(each(lambda frame: lit_share(frame, config), taken)) > LIT_SHARE:
        return taken
    left = each(lambda frame: what_is_left(frame, config), taken)
    return [_without(taken.pop(0), cells, config) for cells in left]


def lit_share(frame: Flattened, config: Flatten) -> float:
    """Part of the cells that are uneven, of those in some rows of them; none if all hold too little."""
    cells = what_is_left(frame, config, ROWS_LOOKED_AT)
    noise_e = 1.0 / np.sqrt(typical_weight(frame.weight))
    return 0.0 if cells is None else float((np.abs(cells) > UNEVEN * noise_e).mean())


def what_is_left(frame: Flattened, config: Flatten, n_rows: int | None = None) -> np.ndarray | None:
    """Levels (cells_y, cells_x) float32 [e-] of cells ``FINER`` times smaller than the mesh's, in all rows of them or in
    ``n_rows`` at least; None if all hold too little."""
    finer = replace(config, mesh_px=max(config.mesh_px // FINER, LEAST_MESH_PX))
    rows = list(pairwise(cell_edges(frame.image_e.shape[0], finer.mesh_px).tolist()))
    bands = [np.s_[a:b] for a, b in rows[:: max(len(rows) // (n_rows or len(rows)), 1)]]
    cells = [mesh(frame.image_e[band], frame.flags[band], finer, frame.step_e) for band in bands]
    level, count = (np.concatenate([cell[i] for cell in cells]) for i in (0, 2))
    usable = count >= config.min_good_fraction * finer.mesh_px**2
    return filled_smooth(level, usable) if usable.any() else None


def _without(frame: Flattened, cells: np.ndarray | None, config: Flatten) -> Flattened:
    """The frame without that, in its own arrays, and its noise: what the arcs have added to it goes, what calibration has added
    stays."""
    if cells is None:
        return frame
    shape = frame.image_e.shape
    image, weight = frame.image_e, frame.weight
    SmoothMap.of(cells, shape).subtract_from(image)
    rest, after = background_maps(image, frame.flags, config, frame.step_e)
    rest.subtract_from(image)
    variance = 1.0 / np.where(weight > 0.0, weight, np.float32(np.inf))
    before2 = variance if frame.noise_cells is None else noise_map(frame.noise_cells, shape) ** 2
    variance = np.maximum(variance - before2, np.float32(0.0)) + after**2
    weight[:] = np.where(weight > 0.0, 1.0 / variance, np.float32(0.0))
    return replace(frame, facts=replace(frame.facts, noise_e=typical(after)))
