"""Pictures of the instruments that do worst in a suite: a frame each, and what became of its targets."""

import html
from pathlib import Path

import cv2
import numpy as np

from firmware_sim.scene.render import Renderer
from firmware_sim.validation.suite import Suite, scenario_of
from sensorproc.catalog.stars import shipped
from sensorproc.review.gallery import stretched
from sensorproc.scoring.figures.cases import Case, by_case, worst
from sensorproc.scoring.figures.metrics import demanded
from sensorproc.scoring.truth import Row

MOST = 10
LOW_SIGMA, HIGH_SIGMA = -3.0, 8.0  # black and white, in robust sigmas of the frame


def write_worst(folder: Path, suite: Suite, seed: int, result: Row) -> int:
    """``index.html`` and a PNG of each of the ten worst instruments of a suite; returns how many, 0 for a suite of scenarios."""
    instruments = {case.name: (place, case) for place, case in enumerate(suite.cases) if case.own_pattern}
    shown = worst([one for one in by_case(demanded(result["targets"]), result["sets"]) if one.name in instruments], MOST)
    if not shown:
        return 0
    folder.mkdir(parents=True, exist_ok=True)
    for one in shown:
        place, case = instruments[one.name]
        scene = scenario_of(case, place, seed, 0).scene
        exposure = Renderer(scene, shipped()).expose(0)
        cv2.imwrite(str(folder / f"{one.name}.png"), stretched(exposure.data_dn.astype(np.float32), LOW_SIGMA, HIGH_SIGMA))
    (folder / "index.html").write_text(_page(shown), "utf-8")
    return len(shown)


def _page(cases: list[Case]) -> str:
    figures = "".join(
        f'<figure><img src="{one.name}.png"><figcaption>{html.escape(_caption(one))}</figcaption></figure>' for one in cases
    )
    style = (
        "<style>body{font:15px system-ui;background:#14171c;color:#d8dee6;margin:2rem}"
        "figure{display:inline-block;margin:0 1rem 1rem 0;width:384px;vertical-align:top}</style>"
    )
    head = "<!doctype html><meta charset='utf-8'><title>The worst instruments</title>"
    said = "Their first frame, and what became of their targets. <code>firmware-sim simulate NAME -o REC</code> makes one again."
    return f"{head}{style}<h1>The worst instruments</h1><p>{said}</p>{figures}\n"


def _caption(one: Case) -> str:
    return (
        f"{one.name}: {one.n_found} of {one.n_targets} found, {one.loss_db:.1f} +- {one.sigma_db:.1f} dB lost,"
        f" {one.n_false} false tracklets in {one.n_sets} sets, {one.false_streaks} false streaks in {one.n_frames} frames"
    )
