"""Arcs of stray light, steeper than the background's mesh can follow: a finer one does, in all frames of a set or in none.

A mesh leaves what bends within a cell, and takes its spread for noise. A finer one would follow wide objects as well, so it is
for sets in most frames of which a good part of the field is uneven. Frames of one set that were levelled differently would differ
by the very light that is left, which appears and goes as objects do.
"""

from dataclasses import replace

import numpy as np

from sensorproc.config import Flatten
from sensorproc.onboard.image.background import background_maps, enlarge, filled_smooth, mesh, noise_map, typical
from sensorproc.onboard.pixel_ownership import HandOver
from sensorproc.onboard.products import Flattened, freeze
from sensorproc.onboard.stage import stage

FINER, LEAST_MESH_PX = 3, 12  # Cells so many times smaller follow arcs of stray light,
UNEVEN, LIT_SHARE = 0.5, 0.2  # where the mesh leaves more than this part of the noise in more than this part of the cells.


@stage(bytes_px=8)
def follow_arcs(frames: HandOver[Flattened], config: Flatten) -> list[Flattened]:
    """The frames of a set, which are taken over, without the arcs of stray light that the mesh has left in most of them."""
    taken = frames.take()
    left = [what_is_left(frame, config) for frame in taken]
    shares = [lit_share(frame, cells) for frame, cells in zip(taken, left, strict=True)]
    if not taken or not np.median(shares) > LIT_SHARE:
        return taken
    return [_without(taken.pop(0), cells, config) for cells in left]


def what_is_left(frame: Flattened, config: Flatten) -> np.ndarray | None:
    """Levels (cells_y, cells_x) float32 [e-] of cells ``FINER`` times smaller than the mesh's; None if all hold too little."""
    finer = replace(config, mesh_px=max(config.mesh_px // FINER, LEAST_MESH_PX))
    center, _, count = mesh(frame.image_e, frame.flags, finer, frame.step_e)
    usable = count >= config.min_good_fraction * finer.mesh_px**2
    return filled_smooth(center, usable) if usable.any() else None


def lit_share(frame: Flattened, cells: np.ndarray | None) -> float:
    """Part of the cells that are uneven."""
    return 0.0 if cells is None else float((np.abs(cells) > UNEVEN * typical(frame.sigma_e)).mean())


def _without(frame: Flattened, cells: np.ndarray | None, config: Flatten) -> Flattened:
    """The frame without that, and its noise: what the arcs have added to it goes, what calibration has added stays."""
    if cells is None:
        return frame
    shape = frame.image_e.shape
    image = frame.image_e - enlarge(cells, shape)
    rest, after = background_maps(image, frame.flags, config, frame.step_e)
    image -= rest
    before = frame.sigma_e if frame.noise_cells is None else noise_map(frame.noise_cells, shape)
    sigma = np.sqrt(np.maximum(frame.sigma_e**2 - before**2, np.float32(0.0)) + after**2)
    freeze(image, sigma)
    return replace(frame, facts=replace(frame.facts, noise_e=typical(after)), image_e=image, sigma_e=sigma)
