"""Completeness on real noise: synthetic targets injected into recorded frames, processed, scored.

Usage: python -m benchmarks.studies.completeness_real RECORDING OUT [--runs 4] [--each 50] [--snr 3 15] [--rate 0.2 3] [--seed 1]

SNR is the clairvoyant one over the set against the noise from frame to frame: what a detector that knew every fixed
structure could reach. Real objects in the frames count as false; the run without injection tells how many those are.
"""

import argparse
import json
from pathlib import Path

from sensorproc.cli import main as sensorproc
from sensorproc.scoring.figures.intervals import poisson_interval
from sensorproc.scoring.judgement import write_plots
from sensorproc.scoring.presentation.reports import bins, to_markdown


def one(recording: Path, out: Path, snr: list[float], rate: list[float], each: int, seed: int) -> tuple[list, list]:
    """Fates and sets of one injection."""
    out.mkdir(parents=True, exist_ok=True)
    text = f'[[drawn]]\nn = {each}\nset_snr = {snr}\nrate_px_frame = {rate}\nrelative_to = "stars"\napart_px = 60.0\n'
    (out / "targets.toml").write_text(text)
    truth, result = out / "rec" / "truth.json", out / "score.json"
    assert sensorproc(["inject", str(recording), str(out / "targets.toml"), "-o", str(out / "rec"), "--seed", str(seed)]) == 0
    assert sensorproc(["process", str(out / "rec"), "-o", str(out / "run")]) == 0
    assert sensorproc(["score", str(out / "run"), "--truth", str(truth), "--json-file", str(result)]) == 0
    scored = json.loads(result.read_text())
    return [row | {"seed": seed} for row in scored["targets_per_set"]], [row | {"seed": seed} for row in scored["sets"]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recording", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--runs", type=int, default=4)
    parser.add_argument("--each", type=int, default=50)
    parser.add_argument("--snr", type=float, nargs=2, default=[3.0, 15.0])
    parser.add_argument("--rate", type=float, nargs=2, default=[0.2, 3.0])
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    rows, sets = [], []
    for k in range(options.runs):
        found = one(options.recording, options.out / f"{k}", options.snr, options.rate, options.each, options.seed + k)
        rows += found[0]
        sets += found[1]
    rows = [{key: float("nan") if value is None else value for key, value in row.items()} for row in rows]
    text = to_markdown(rows, sets, [], [])
    text += "\n| SNR, faster than 1 px/frame | found / n | interval |\n|---|---|---|\n"
    for low, high, e in bins("snr", [row for row in rows if row["rate_px_frame"] >= 1.0 and row["is_whole"]]):
        text += f"| {low:g}-{high:g} | {round(e.value * e.n)} / {e.n} | {e.low:.2f} to {e.high:.2f} |\n"
    n_false = sum(row["n_false"] for row in sets)
    low, high = (v / len(sets) for v in poisson_interval(n_false))
    text += f"\n{n_false} tracklets that are no injected target in {len(sets)} runs ({low:.2f} to {high:.2f} a run).\n"
    (options.out / "report.md").write_text(text)
    write_plots(options.out, rows)
    print(text)


if __name__ == "__main__":
    main()
