"""One sky of one case, through the whole chain: rendered to files, processed, downlinked, decoded, scored."""

import json
import math
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from firmware_sim.scenarios.scenario import Scenario
from firmware_sim.scenarios.simulate import simulate
from firmware_sim.scene.camera.psf import core_px
from firmware_sim.scene.settings.scene import Scene
from firmware_sim.validation.suite import Case, scenario_of
from sensorproc import processing as replay
from sensorproc.config import Config, merged, parse
from sensorproc.recording import open_recording
from sensorproc.run_folder.building import building
from sensorproc.scoring.fates import fates_and_sets, read_run
from sensorproc.scoring.truth import Row, load_truth
from sensorproc.theory import sampled_sigma, search_curvatures, static_sky_loss, threshold


def run_task(case: Case, place: int, run_seed: int, k: int, over: dict[str, Any], out: Path, key: str) -> Path:
    """Fates and sets of one sky as a JSON file, written in one step; ``over`` is what the payload believes otherwise."""
    with tempfile.TemporaryDirectory() as folder:
        scenario, recording = scenario_of(case, place, run_seed, k), Path(folder, "recording")
        simulate(scenario, recording)
        rows, sets = judged(case, k, scenario, over, recording)
    temporary = out.with_suffix(".tmp")
    temporary.write_text(json.dumps({"key": key, "targets": rows, "sets": sets}) + "\n", "utf-8")
    return temporary.replace(out)


def judged(case: Case, k: int, scenario: Scenario, over: dict[str, Any], recording: Path) -> tuple[list[Row], list[Row]]:
    """Fates and sets of the rendered ``recording`` of a case's ``k``-th sky."""
    config: Config = parse(merged(asdict(scenario.payload), over))  # type: ignore[call-overload]
    with tempfile.TemporaryDirectory() as folder:
        with building(Path(folder, "run"), {}) as run:
            replay.process(open_recording(recording), config, None, None, run)
        tables = read_run(Path(folder, "run"))
    truth = load_truth(recording / "truth.json")
    rest = json.loads((recording / "truth.json").read_text("utf-8"))["rest_px_frame"]
    about = {"case": case.name, "seed": k, "preset": case.preset or "", "limit_snr": limit_snr(scenario.scene, config, rest)}
    rows, sets = fates_and_sets(tables, truth, about)
    if case.own_pattern:
        times = range(min(scenario.scene.set_frames, scenario.scene.n_frames))
        for row in rows:
            row["limit_snr"] /= static_sky_loss(row["rate_px_frame"], times, scene_sigma(scenario.scene)) or math.nan
    return rows, sets


def scene_sigma(scene: Scene) -> float:
    """Width [px, 1 sigma] of the Gaussian that a point of the scene is for a search."""
    return sampled_sigma(core_px(scene.optics, scene.sensor.psf_fwhm_px))


def limit_snr(scene: Scene, config: Config, rest_px_frame: dict[str, list[float]]) -> float:
    """Threshold of a perfect search of one set: the whole frame, a box of velocities around everything that may be at rest
    (the stars, if they do not sweep by faster), the configured false alarms."""
    sensor, search = scene.sensor, config.search
    s = scene_sigma(scene)
    times = list(range(min(scene.set_frames, scene.n_frames)))
    rates = [rate for name, rate in rest_px_frame.items() if name != "stars" or np.abs(rate).max() <= search.box_px_frame]
    area = squares_area(np.array(rates), 2.0 * search.box_px_frame)
    return threshold(search.false_alarms_per_set, search_curvatures(float(np.prod(sensor.shape_px)), s, times, area))


def squares_area(middles: np.ndarray, side: float) -> float:
    """Area of the union of squares around ``middles`` (n, 2), exact: their edges cut the plane into cells."""
    edges = [np.unique([m - 0.5 * side, m + 0.5 * side]) for m in middles.T]
    x, y = (0.5 * (e[1:] + e[:-1]) for e in edges)
    covered = [(abs(x[None, :] - u) < 0.5 * side) & (abs(y[:, None] - v) < 0.5 * side) for u, v in middles]
    return float((np.any(covered, axis=0) * np.diff(edges[1])[:, None] * np.diff(edges[0])[None, :]).sum())
