"""How well tracklets are joined over sets: ``python -m benchmarks.joining [--skies N] [--sets N]``.

Skies of the nightly suite, several sets long. Two tracklets of one object in successive sets that have different numbers are
missed; two of different objects that share one are wrong. Sets without a solution from stars give no numbers and are not counted.
"""

import argparse
import sys
import tempfile
from pathlib import Path
from typing import Any

from firmware_sim.scenarios.simulate import simulate
from firmware_sim.validation.suite import load_suite, scenario_of
from sensorproc import processing
from sensorproc.ground.table_reader import read_table
from sensorproc.onboard.sky.joining import UNKNOWN
from sensorproc.recording import open_recording
from sensorproc.run_folder.building import building
from sensorproc.scoring.fates import by_set, read_run, spans
from sensorproc.scoring.figures.intervals import wilson
from sensorproc.scoring.truth import load_truth

CASES = ("search", "stare", "track", "belt", "crowded")


def joins(case_name: str, k: int, n_sets: int, folder: Path) -> tuple[int, int, int, int]:
    """Pairs of tracklets that should be joined, and of these missed; pairs that are joined, and of these wrong."""
    suite = load_suite("nightly")
    place, case = next((place, case) for place, case in enumerate(suite.cases) if case.name == case_name)
    scenario = scenario_of(case, place, 1, k)
    scenario = scenario.with_scene(n_frames=n_sets * scenario.payload.frame_set.max_frames)
    simulate(scenario, folder / "rec")
    with building(folder / "run", {}) as made:
        processing.process(open_recording(folder / "rec"), scenario.payload, None, None, made)
    run, truth = read_run(folder / "run"), load_truth(folder / "rec" / "truth.json")
    fates = by_set(run["detections"], truth, spans(run["housekeeping"], len(truth)), run["tracklets"])
    numbers = {row["tracklet_id"]: row["object_id"] for row in read_table(folder / "run" / "tracklets.ecsv")}
    target_of: dict[int, Any] = {row["tracklet_id"]: row["id"] for row in fates if row["is_found"]}
    in_set = {(row["set"], row["id"]): numbers[row["tracklet_id"]] for row in fates if row["is_found"]}
    pairs = [(number, in_set.get((s + 1, name), UNKNOWN)) for (s, name), number in in_set.items()]
    pairs = [pair for pair in pairs if UNKNOWN not in pair]
    by_number: dict[int, list[Any]] = {}
    for tracklet_id, number in numbers.items():
        by_number.setdefault(number, []).append(target_of.get(tracklet_id, f"false {tracklet_id}"))
    shared = [names for number, names in by_number.items() if number >= 0 and len(names) > 1]
    n_joined = sum(len(names) - 1 for names in shared)
    return len(pairs), sum(a != b for a, b in pairs), n_joined, sum(len(set(names)) - 1 for names in shared)


def main() -> int:
    """Print a row for each case and one for all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--skies", type=int, default=6)
    parser.add_argument("--sets", type=int, default=4)
    arguments = parser.parse_args()
    total = [0, 0, 0, 0]
    for case in (*CASES, "all"):
        counts = total
        if case != "all":
            counts = [0, 0, 0, 0]
            for k in range(arguments.skies):
                with tempfile.TemporaryDirectory() as folder:
                    counts = [a + b for a, b in zip(counts, joins(case, k, arguments.sets, Path(folder)), strict=True)]
            total = [a + b for a, b in zip(total, counts, strict=True)]
        n, missed, n_joined, wrong = counts
        low, high = (100 * v for v in wilson(missed, n))
        print(f"{case:8s} missed {missed} of {n} ({low:.1f} to {high:.1f} %), wrong {wrong} of {n_joined}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
