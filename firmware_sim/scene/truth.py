"""The truth file: what was where, how bright, and how well an ideal detector could see it."""

import math
from typing import Any

import numpy as np

from firmware_sim.scene import clock
from firmware_sim.scene.render import Exposure, Renderer, Seen

EDGE_PX = 3.0
Row = dict[str, Any]


def frame_truth(renderer: Renderer, exposure: Exposure, file: str) -> Row:
    """Targets of one frame that touch it. ``snr`` is that of the matched filter which knows the target's exact image
    and the exact noise of sky, stars, dark and read-out; other targets are left out of it and of the flag ``blend``."""
    end = clock.after(exposure.t_start, renderer.sensor.exposure_s)
    rows = [_target(renderer, exposure, i, item) for i, item in enumerate(exposure.seen)]
    return {
        "index": exposure.index,
        "file": file,
        "t_start_utc": clock.iso(exposure.t_start),
        "t_end_utc": clock.iso(end),
        "n_hits": exposure.n_hits,
        "targets": [row for row in rows if row is not None],
    }


def _target(renderer: Renderer, exposure: Exposure, number: int, item: Seen) -> Row | None:
    patch, rows, columns = renderer.stamp(item)
    if not patch.size or not item.electrons or patch.sum() < 0.05 * item.electrons:
        return None
    noise2 = exposure.expected_e[rows, columns] + renderer.sensor.read_noise_e**2
    (x0, y0), (x1, y1) = item.path[0], item.path[-1]
    x, y = item.path[1:-1].mean(axis=0)
    ny, nx = renderer.sensor.shape_px
    ends = np.array([x0, x1, y0, y1])
    is_edge = ends.min() < EDGE_PX or max(x0, x1) > nx - 1 - EDGE_PX or max(y0, y1) > ny - 1 - EDGE_PX
    others = exposure.expected_e[rows, columns] - np.median(exposure.expected_e)
    light = patch / patch.sum()
    is_blend = float((others * light).sum()) > 0.5 * float((patch * light).sum())
    peak = float((patch + exposure.expected_e[rows, columns]).max())
    flags = [name for name, holds in
             (("edge", is_edge), ("blend", is_blend), ("saturated", peak > renderer.sensor.full_well_e)) if holds]  # fmt: skip
    a, b, c = item.direction
    return {
        "id": number, "name": item.target.name,
        "x": float(x), "y": float(y), "x0": float(x0), "y0": float(y0), "x1": float(x1), "y1": float(y1),
        "streak_px": math.hypot(x1 - x0, y1 - y0),
        "mag": item.mag, "electrons": item.electrons,
        "snr": float(np.sqrt((patch**2 / noise2).sum())),
        "ra_geo": math.degrees(math.atan2(b, a)) % 360.0, "dec_geo": math.degrees(math.asin(c)),
        "flags": flags,
    }  # fmt: skip


def scene_truth(renderer: Renderer, frames: list[Row]) -> Row:
    """The whole file."""
    scene = renderer.scene
    return {
        "form": "targets per frame; x, y: flux-weighted mean, 0-based, integer = pixel centre; ra_geo, dec_geo: GCRS direction"
        " to where the light left, deg; snr: clairvoyant matched filter in this frame",
        "seed": scene.seed,
        "n_stars_in_table": renderer.stars.n_listed,
        "n_stars_beyond_table": len(renderer.stars.mag) - renderer.stars.n_listed,
        "frames": frames,
    }
