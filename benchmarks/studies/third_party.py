"""Frames that the project did not make, through the real command line: what is found, what is false.

    python -m benchmarks.studies.third_party OUT REFERENCE [NAME ...] [--without badpix,catalog]

One line for each recording of REFERENCE/satsim (third-party simulations with truth) and for the NEOSSat frames: target-frames of
per-frame SNR >= 4 that no star blends with and those of them found, false tracklets, streaks that are none, and the thresholds of
the sets. ``--without`` leaves files of that beginning out of a recording, as if the payload had no such calibration. Three
minutes on two cores.
"""

import argparse
import csv
import math
import subprocess
import sys
from pathlib import Path
from typing import Any

from sensorproc.ground.table_reader import read_table
from sensorproc.scoring.match import false_tracklets, is_demanded, judged, match_all
from sensorproc.scoring.truth import Truth, load_truth

LEAST_SNR = 4.0
COMET_GATE_PX = 2.0


def main(out: Path, reference: Path, names: list[str], without: tuple[str, ...]) -> int:
    """Process every recording and print its line, and the sum over those with truth."""
    sums = [0, 0, 0, 0]
    for recording in sorted((reference / "satsim").iterdir()):
        if not recording.is_dir() or (names and recording.name not in names):
            continue
        run = _processed(_thinned(recording, out / "recordings" / recording.name, without), out / recording.name)
        truth = recording / "truth.json"
        row = _row(run, load_truth(truth if truth.exists() else recording))
        sums = [a + b for a, b in zip(sums, row, strict=True)]
        print(_line(recording.name, row, run), flush=True)
    print("{:22s} found {}/{}  false tracklets {}  false streaks {}".format("all", *sums), flush=True)
    if not names or "neossat" in names:
        run = _processed(reference / "neossat" / "seqA_2021A1", out / "neossat")
        print(_neossat(run, reference / "neossat" / "comet_track_dev.csv"), flush=True)
    return 0


def _thinned(recording: Path, copy: Path, without: tuple[str, ...]) -> Path:
    """The recording, or links to all of its files but those whose names begin as given."""
    if not without:
        return recording
    for path in recording.rglob("*"):
        if path.is_file() and not path.name.startswith(without):
            link = copy / path.relative_to(recording)
            link.parent.mkdir(parents=True, exist_ok=True)
            link.unlink(missing_ok=True)
            link.symlink_to(path)
    return copy


def _processed(recording: Path, out: Path) -> Path:
    start = "from sensorproc.cli import run; run()"
    command = [sys.executable, "-c", start, "process", str(recording), "-o", str(out), "--marking", "U", "--data-mode", "TEST"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        print(done.stdout[-2000:], done.stderr[-2000:], file=sys.stderr)
    return out


def _row(run: Path, truth: Truth) -> list[int]:
    """Target-frames found and demanded, false tracklets, false streaks."""
    detections = judged(read_table(run / "detections.ecsv"), truth)
    matches = match_all(detections, truth)
    found = {(m.frame, m.target["id"]) for m in matches}
    demanded = [
        (k, t["id"])
        for k, targets in enumerate(truth.frames)
        for t in targets
        if is_demanded(t) and t["snr"] >= LEAST_SNR and "blend" not in t["flags"]
    ]
    matched = {id(m.detection) for m in matches}
    streaks = [r for r in detections if r["tracklet_id"] < 0 and id(r) not in matched]
    return [sum(key in found for key in demanded), len(demanded), len(false_tracklets(detections, matches)), len(streaks)]


def _line(name: str, row: list[int], run: Path) -> str:
    found, n, tracklets, streaks = row
    thresholds = " ".join(f"{event['value_1']:.1f}" for event in _events(run) if event["event"] == "THRESHOLD_RAISED")
    return f"{name:22s} found {found}/{n}  false tracklets {tracklets}  false streaks {streaks}  raised to {thresholds or '-'}"


def _events(run: Path) -> list[dict[str, Any]]:
    return list(read_table(run / "events.ecsv"))


def _neossat(run: Path, comet: Path) -> str:
    """Frames with the comet, tracklets with it and others, streaks of single frames."""
    places = {k: (float(r["x_pix0"]), float(r["y_pix0"])) for k, r in enumerate(csv.DictReader(comet.open()))}
    members: dict[int, list[bool]] = {}
    detections = read_table(run / "detections.ecsv")
    for row in detections:
        place = places.get(row["frame"])
        near = place is not None and math.dist(place, (row["x_px"], row["y_px"])) < COMET_GATE_PX
        members.setdefault(row["tracklet_id"], []).append(near)
    alone = [row for row in detections if row["tracklet_id"] < 0]
    comets = {name: sum(hits) for name, hits in members.items() if name >= 0 and sum(hits) > 0.5 * len(hits)}
    others = [name for name in members if name >= 0 and name not in comets]
    streaks = " ".join(f"{r['frame']}:({r['x_px']:.0f},{r['y_px']:.0f})x{r['length_px']:.0f}" for r in alone)
    raised = " ".join(f"{e['value_1']:.1f}" for e in _events(run) if e["event"] == "THRESHOLD_RAISED")
    sets = len({row["set_id"] for row in read_table(run / "housekeeping.ecsv")})
    return (f"neossat: {sets} sets, comet in {sum(comets.values())} of {len(places)} frames by {len(comets)} tracklets, "
            f"other tracklets {len(others)}, streaks {streaks}; raised to {raised or '-'}")  # fmt: skip


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("reference", type=Path)
    parser.add_argument("names", nargs="*")
    parser.add_argument("--without", default="", help="beginnings of the names of files to leave out, by commas")
    given = parser.parse_args()
    left_out = tuple(part for part in given.without.split(",") if part)
    raise SystemExit(main(given.out.resolve(), given.reference.resolve(), given.names, left_out))
