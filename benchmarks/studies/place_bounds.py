"""Centroid errors of a scored run against the Cramer-Rao bounds, along and across the trails, and reports per object.

Usage: python -m benchmarks.studies.place_bounds OUT --truth TRUTH.json [--snr 5]

Of every detection of SNR ``--snr`` and more in its frame that matches a target of the truth. Bounds are those of a known PSF
on a flat sky (:func:`sensorproc.theory.streak_bounds`) for the SNR measured; the photons of bright targets are not in them.
"""

import argparse
from collections import defaultdict
from pathlib import Path

import numpy as np

from sensorproc.conventions import FWHM_PER_SIGMA
from sensorproc.flags import DetectionFlag, names
from sensorproc.ground.table_reader import read_table
from sensorproc.scoring.fates import read_run
from sensorproc.scoring.match import match_all
from sensorproc.scoring.truth import load_truth
from sensorproc.theory import point_bound, streak_bounds

SPOILT = {names(DetectionFlag, flag) for flag in (DetectionFlag.NOT_SEEN, DetectionFlag.EDGE, DetectionFlag.SATURATED)}
LIKE_POINTS = 0.5  # shorter trails, in PSF sigmas, are points
N_DRAWS = 2000


def ratio(values: list[float], rng: np.random.Generator) -> str:
    """Root mean square with its 95 % bootstrap interval."""
    squares = np.array(values) ** 2
    draws = np.sqrt(rng.choice(squares, (N_DRAWS, len(squares))).mean(axis=1))
    low, high = np.percentile(draws, [2.5, 97.5])
    return f"{np.sqrt(squares.mean()):.2f} ({low:.2f} to {high:.2f})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("--truth", type=Path, required=True)
    parser.add_argument("--snr", type=float, default=5.0)
    options = parser.parse_args()
    tables = read_run(options.run)
    truth = load_truth(options.truth)
    s = float(np.median([row["psf_fwhm_px"] for row in read_table(options.run / "frames.ecsv")])) / FWHM_PER_SIGMA
    along: list[float] = []
    across: list[float] = []
    reports: dict[object, set[tuple[str, int]]] = defaultdict(set)
    for match in match_all(tables["detections"], truth):
        row, target = match.detection, match.target
        reports[target["id"]].add(("tracklet", row["tracklet_id"]) if row["tracklet_id"] >= 0 else ("streak", row["frame"]))
        if row["snr"] < options.snr or SPOILT & set(row["flags"].split("|")):
            continue
        length = row["length_px"]
        across_bound = point_bound(row["snr"], s)
        along_bound = streak_bounds(row["snr"], length, s)["along"] if length >= LIKE_POINTS * s else across_bound
        along.append(match.along_px / along_bound)
        across.append(match.across_px / across_bound)
    rng = np.random.default_rng(1)
    print("| detections | along / bound | across / bound | objects found | more than one report |")
    print("|---|---|---|---|---|")
    twice = sum(len(r) > 1 for r in reports.values())
    figures = f"{ratio(along, rng)} | {ratio(across, rng)}" if along else "- | -"
    print(f"| {len(along)} | {figures} | {len(reports)} | {twice} |")


if __name__ == "__main__":
    main()
