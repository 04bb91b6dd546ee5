"""The truth file: what was where, how bright, and how well an ideal detector could see it."""

import math
from typing import Any

import numpy as np

from firmware_sim.scene import clock
from firmware_sim.scene.camera.optics import point_noise_e
from firmware_sim.scene.exposure import Exposure, Seen
from firmware_sim.scene.render import Renderer
from sensorproc.conventions import ARCSEC_PER_RAD, EARTH_RATE_RAD_S

EDGE_PX = 3.0
VISIBLE_SNR = 5.0
BLEND_SHARE = 0.5  # of a target's own light under it, from stars: more is a blend
Row = dict[str, Any]


def frame_truth(renderer: Renderer, exposure: Exposure, index: int, file: str) -> Row:
    """Targets of one frame that touch it, ``index`` its number in the recording. ``snr`` is that of the matched filter
    which knows the target's exact image and the exact noise of sky, stars, dark and read-out; other targets are left out
    of it and of the flag ``blend``. In a repeated frame the pixels are of an earlier time: its targets are where the
    pixels show them, and the frame is not judged."""
    end = clock.after(exposure.t_start, renderer.sensor.exposure_s)
    rows = [_target(renderer, exposure, i, item) for i, item in enumerate(exposure.seen)]
    return {
        "index": index,
        "file": file,
        "t_start_utc": clock.iso(exposure.t_start),
        "t_end_utc": clock.iso(end),
        "n_hits": exposure.n_hits,
        "noise_e": _noise_e(renderer, exposure),
        "faults": exposure.faults,
        "targets": [row for row in rows if row is not None],
    }


def _noise_e(renderer: Renderer, exposure: Exposure) -> float:
    """Noise of a typical pixel of the frame [e-, 1 sigma]: of what falls on it, of its read-out, of its last digit."""
    read2 = np.median(renderer.chip.read_noise_e) ** 2
    return float(np.sqrt(np.median(exposure.expected_e) + read2 + renderer.sensor.gain_e_per_dn**2 / 12.0))


def _target(renderer: Renderer, exposure: Exposure, number: int, item: Seen) -> Row | None:
    patch, rows, columns = renderer.stamp(item)
    if not patch.size or not item.electrons or patch.sum() < 0.05 * item.electrons:
        return None
    sensor = renderer.sensor
    signal = patch * renderer.chip.response[rows, columns]
    lost = renderer.link.lost_rows[exposure.index]
    signal[max(lost.start - rows.start, 0) : max(lost.stop - rows.start, 0)] = 0.0
    noise2 = exposure.expected_e[rows, columns] + renderer.chip.read_noise_e[rows, columns] ** 2 + sensor.gain_e_per_dn**2 / 12.0
    (x0, y0), (x1, y1) = item.path[0], item.path[-1]
    x, y = (item.path[1:-1] * item.shares_e[:, None]).sum(axis=0) / item.electrons
    ny, nx = sensor.shape_px
    covered = renderer.scene.defects.covered_px
    left, edge = max(renderer.scene.detector.overscan_columns, covered) + EDGE_PX, covered + EDGE_PX
    is_edge = min(x0, x1) < left or max(x0, x1) > nx - 1 - edge or min(y0, y1) < edge or max(y0, y1) > ny - 1 - edge
    others = exposure.stars_e[rows, columns]
    light = patch / patch.sum()
    is_blend = float((others * light).sum()) > BLEND_SHARE * float((patch * light).sum())
    is_dead = float(signal.sum()) < 0.5 * float(patch.sum()) and not is_edge
    is_saturated = float((patch + exposure.expected_e[rows, columns]).max()) > sensor.full_well_e
    held = (("edge", bool(is_edge)), ("blend", is_blend), ("dead", is_dead), ("saturated", is_saturated))
    flags = [name for name, holds in held if holds]
    a, b, c = item.direction
    return {
        "id": number, "name": item.target.name,
        "x": float(x), "y": float(y), "x0": float(x0), "y0": float(y0), "x1": float(x1), "y1": float(y1),
        "streak_px": math.hypot(x1 - x0, y1 - y0), "star_rate_px_frame": item.star_rate_px_frame,
        "mag": item.mag, "electrons": item.electrons,
        "snr": float(np.sqrt((signal**2 / noise2).sum())),
        "ra_geo": math.degrees(math.atan2(b, a)) % 360.0, "dec_geo": math.degrees(math.asin(c)),
        "flags": flags,
    }  # fmt: skip


def rest_px_frame(renderer: Renderer) -> dict[str, list[float]]:
    """Motion over the detector, x and y, of what stands still: in the detector, among the stars, over the turning Earth."""
    attitude, sensor = renderer.attitude, renderer.sensor
    line = attitude.middle[:, 2]
    turns = {"detector": attitude.spin, "stars": np.zeros(3), "co-rotating": np.array([0.0, 0.0, EARTH_RATE_RAD_S])}
    per_frame = ARCSEC_PER_RAD / sensor.ifov_arcsec * sensor.cadence_s
    moved = {name: attitude.middle.T @ np.cross(turn - attitude.spin, line) * per_frame for name, turn in turns.items()}
    return {name: [float(v[0]), float(v[1])] for name, v in moved.items()}


def scene_truth(renderer: Renderer, frames: list[Row]) -> Row:
    """The whole file."""
    scene = renderer.scene
    return {
        "form": "targets per frame; x, y: flux-weighted mean, 0-based, integer = pixel centre; ra_geo, dec_geo: GCRS direction"
        " to where the light left, deg; snr: clairvoyant matched filter in this frame; sets: the same over each set",
        "seed": scene.seed,
        "exposure_s": scene.sensor.exposure_s,
        "cadence_s": scene.sensor.cadence_s,
        "rest_px_frame": rest_px_frame(renderer),
        "hits_per_frame": scene.radiation.hits_per_frame,
        "stars_per_mpix": _stars_per_mpix(renderer),
        "n_stars_in_table": renderer.stars.n_listed,
        "n_stars_beyond_table": len(renderer.stars.mag) - renderer.stars.n_listed,
        "frames": frames,
        "sets": _sets(frames, scene.set_frames),
    }


def _stars_per_mpix(renderer: Renderer) -> float:
    """Stars whose light would give a point an SNR of 5 in one frame, per million pixels."""
    sensor = renderer.sensor
    ny, nx = sensor.shape_px
    places = renderer.lens.project(renderer.stars.unit, renderer.attitude.middle)
    on_chip = ((places >= 0) & (places < [nx, ny])).all(axis=1)
    noise_e = point_noise_e(renderer.lens.core_px, renderer.sky_e + sensor.read_noise_e**2)
    return float((on_chip & (renderer.star_e > VISIBLE_SNR * noise_e)).sum() / (nx * ny) * 1e6)


def _sets(frames: list[Row], set_frames: int) -> list[Row]:
    """SNR of every target over each set: in quadrature over the frames that count (not repeated, clear of the edge)."""
    n_sets = max(-(-len(frames) // set_frames), 1)
    found = []
    for part in np.array_split(np.arange(len(frames)), n_sets):
        snr2: dict[int, float] = {}
        for k in part.tolist():
            for target in () if "repeated" in frames[k]["faults"] else frames[k]["targets"]:
                if {"edge", "dead"} & set(target["flags"]):
                    continue
                snr2[target["id"]] = snr2.get(target["id"], 0.0) + target["snr"] ** 2
        targets = [{"id": name, "snr": math.sqrt(value)} for name, value in sorted(snr2.items())]
        found.append({"first_frame": int(part[0]) if len(part) else 0, "n_frames": len(part), "targets": targets})
    return found
