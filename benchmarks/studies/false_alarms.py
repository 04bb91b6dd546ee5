"""False tracklets and streaks on made-up skies without targets: counts with Poisson intervals.

Usage: python -m benchmarks.studies.false_alarms [--sets 30] [--seed 100]
"""

import argparse
from dataclasses import replace

from sensorproc.config import Config
from sensorproc.frames import SensorFacts
from sensorproc.onboard.pipeline import process_set
from sensorproc.onboard.state import PayloadState
from sensorproc.recording.pixels import make_frame
from sensorproc.scoring.figures.intervals import poisson_interval
from tests.skies.cases import BODY_FIXED, EMPTY, START, Case, render

SKIES = {"stare": EMPTY, "body-fixed, 60 stars in 256 x 256 trailing 7 px": replace(BODY_FIXED, targets=())}


def count(case: Case, seeds: range) -> tuple[int, int]:
    """False tracklets and single-frame streaks over the seeds."""
    facts = SensorFacts(case.gain_e_per_dn, case.read_noise_e, case.bias_dn, 90000.0, 6.0, 21.5)
    tracklets = streaks = 0
    for seed in seeds:
        images = render(replace(case, seed=seed))
        times = [START + round((k * case.cadence_s + 0.5 * case.exposure_s) * 1e9) for k in range(len(images))]
        frames = [make_frame(image, "sky", t, case.exposure_s, facts) for image, t in zip(images, times, strict=True)]
        processed, _ = process_set([replace(f, index=k) for k, f in enumerate(frames)], PayloadState(), None, Config())
        tracklets += len(processed.tracklets)
        streaks += len(processed.streaks)
    return tracklets, streaks


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sets", type=int, default=30)
    parser.add_argument("--seed", type=int, default=100)
    options = parser.parse_args()
    for name, case in SKIES.items():
        tracklets, streaks = count(case, range(options.seed, options.seed + options.sets))
        low, high = (v / options.sets for v in poisson_interval(tracklets))
        print(f"{name}: {tracklets} false tracklets in {options.sets} sets ({low:.3f}-{high:.3f} a set), {streaks} false streaks")


if __name__ == "__main__":
    main()
