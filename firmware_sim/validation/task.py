"""One sky of one case, through the whole chain: rendered to files, processed, downlinked, decoded, scored."""

import json
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

from firmware_sim.simulate import simulate
from firmware_sim.validation.suite import Case, scenario_of
from sensorproc import replay
from sensorproc.config import Config, merged, parse
from sensorproc.recording import open_recording
from sensorproc.scoring.fates import fates_and_sets, read_run
from sensorproc.scoring.truth import load_truth


def run_task(case: Case, place: int, run_seed: int, k: int, over: dict[str, Any], out: Path, key: str) -> Path:
    """Fates and sets of one sky as a JSON file, written in one step; ``over`` is what the payload believes otherwise."""
    with tempfile.TemporaryDirectory() as folder:
        rows, sets = _flown(case, place, run_seed, k, over, Path(folder))
    temporary = out.with_suffix(".tmp")
    temporary.write_text(json.dumps({"key": key, "targets": rows, "sets": sets}) + "\n", "utf-8")
    return temporary.replace(out)


def _flown(case: Case, place: int, run_seed: int, k: int, over: dict[str, Any], folder: Path) -> tuple[list, list]:
    scenario = scenario_of(case, place, run_seed, k)
    simulate(scenario, folder / "rec")
    config: Config = parse(merged(asdict(scenario.payload), over))  # type: ignore[call-overload]
    replay.process(open_recording(folder / "rec"), config, None, None, folder / "run", ["validate"])
    truth = load_truth(folder / "rec" / "truth.json")
    return fates_and_sets(read_run(folder / "run"), truth, {"case": case.name, "seed": k, "preset": case.preset or ""})
