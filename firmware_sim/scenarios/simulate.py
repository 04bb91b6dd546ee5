"""A scene as a recording: frames a payload could have taken, what lay beside them, and the truth."""

import csv
import gzip
import io
import json
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any

from firmware_sim.scenarios.scenario import Scenario
from firmware_sim.scene import clock
from firmware_sim.scene.exposure import Exposure
from firmware_sim.scene.render import Renderer
from firmware_sim.scene.truth import frame_truth, scene_truth
from sensorproc.catalog.stars import shipped
from sensorproc.config import to_toml
from sensorproc.frames import Frame, ObserverState, SensorFacts
from sensorproc.geometry import pointed
from sensorproc.recording.pixels import make_frame
from sensorproc.recording.writer import write_frame
from sensorproc.timescales import NS_PER_S

Progress = Callable[[str, int, int], None]


def simulate(scenario: Scenario, folder: Path, progress: Progress = lambda stage, done, total: None) -> None:
    """Render a scenario into a new folder: ``frames/*.fits``, ``badpix.csv.gz``, ``payload.toml``, ``truth.json``."""
    frames = folder / "frames"
    frames.mkdir(parents=True)
    renderer = Renderer(scenario.scene, shipped())
    truth = []
    for index, exposure in enumerate(renderer.exposures()):
        progress("frame", exposure.index, scenario.scene.n_frames)
        name = f"{scenario.name}_{exposure.index:04d}.fits"
        write_frame(frames / name, as_frame(exposure, scenario, name), cards=_cards(scenario))
        truth.append(frame_truth(renderer, exposure, index, name))
    progress("frame", scenario.scene.n_frames, scenario.scene.n_frames)
    _write_bad_pixels(folder / "badpix.csv.gz", renderer)
    (folder / "payload.toml").write_text(to_toml(scenario.payload), "utf-8")
    (folder / "truth.json").write_text(json.dumps(scene_truth(renderer, truth), indent=1) + "\n", "utf-8")


def as_frame(exposure: Exposure, scenario: Scenario, name: str) -> Frame:
    """What the camera's header says: facts as the payload believes them, attitude and orbit as the host records them."""
    believed = scenario.payload.sensor
    facts = SensorFacts(**{fact.name: getattr(believed, fact.name) for fact in fields(SensorFacts)})
    ny, nx = exposure.data_dn.shape
    exposure_s = believed.exposure_s or scenario.scene.sensor.exposure_s
    mid = clock.tai_ns(exposure.t_start) + round(0.5 * exposure_s * NS_PER_S)
    ifov = facts.ifov_arcsec or scenario.scene.sensor.ifov_arcsec
    position, velocity = exposure.host
    return make_frame(
        exposure.data_dn, name, mid, exposure_s, facts,
        camera=pointed((nx - 1) / 2, (ny - 1) / 2, ifov, *exposure.recorded_pointing_deg),
        observer=ObserverState(tuple(position.tolist()), tuple(velocity.tolist())),
    )  # fmt: skip


def _cards(scenario: Scenario) -> dict[str, Any]:
    """What the header says besides: made-up pixels, and columns that see no light."""
    columns, ny = scenario.scene.detector.overscan_columns, scenario.scene.sensor.shape_px[0]
    overscan = {"BIASSEC": f"[1:{columns},1:{ny}]"} if columns else {}
    return {"DATAMODE": "SIMULATED", **overscan}


def _write_bad_pixels(path: Path, renderer: Renderer) -> None:
    """The payload's calibration: hot pixels with their dark rate and dead columns, not all and not exact; no file if empty."""
    if not renderer.chip.calibration:
        return
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(["x", "y", "dark_e_per_s", "kind"])
    rows.writerows([x, y, f"{max(dark, 0.0):.3f}", kind] for x, y, dark, kind in renderer.chip.calibration)
    path.write_bytes(gzip.compress(text.getvalue().encode("ascii"), mtime=0))
