"""One sky of one case, through the whole chain: rendered to files, processed, downlinked, decoded, scored."""

import json
import tempfile
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

from firmware_sim.simulate import simulate
from firmware_sim.validation.suite import Case, scenario_of
from sensorproc import replay
from sensorproc.config import Config, merged, parse
from sensorproc.ground.table_reader import read_table
from sensorproc.recording import open_recording
from sensorproc.scoring.fates import by_set, set_rows, spans
from sensorproc.scoring.truth import load_truth


def run_task(case: Case, place: int, run_seed: int, k: int, over: dict[str, Any], out: Path, key: str) -> Path:
    """Fates and sets of one sky as a JSON file, written in one step; ``over`` is what the payload believes otherwise."""
    start = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        rows, sets = _flown(case, place, run_seed, k, over, Path(folder))
    result = {"key": key, "case": case.name, "k": k, "targets": rows, "sets": sets, "seconds": time.perf_counter() - start}
    temporary = out.with_suffix(".tmp")
    temporary.write_text(json.dumps(result) + "\n", "utf-8")
    return temporary.replace(out)


def _flown(case: Case, place: int, run_seed: int, k: int, over: dict[str, Any], folder: Path) -> tuple[list, list]:
    scenario = scenario_of(case, place, run_seed, k)
    simulate(scenario, folder / "rec")
    config: Config = parse(merged(asdict(scenario.payload), over))  # type: ignore[call-overload]
    replay.process(open_recording(folder / "rec"), config, None, None, folder / "run", ["validate"])
    truth = load_truth(folder / "rec" / "truth.json")
    tables = {name: read_table(folder / "run" / f"{name}.ecsv") for name in ("detections", "tracklets", "housekeeping")}
    sets = spans(tables["housekeeping"], len(truth))
    common = {"case": case.name, "seed": k, "preset": case.preset or "", "hits_per_frame": truth.facts["hits_per_frame"],
              "stars_per_mpix": truth.facts["stars_per_mpix"]}  # fmt: skip
    fates = by_set(tables["detections"], truth, sets, tables["tracklets"])
    return [common | row for row in fates], [common | row for row in set_rows(tables["detections"], truth, sets)]
