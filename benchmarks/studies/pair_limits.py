"""Close pairs: how often two objects are told from one, and one taken for two.

Usage: python -m benchmarks.studies.pair_limits [--sets 20] [--seed 1] [--rho 7 10 20 50 100] [--separation 4.1] [--contrast]

Made-up stares of 320 x 320 px, 16 frames; twelve pairs a set with a common motion of 0.6 to 2 px/frame, or as many single
objects. ``rho`` is each member's SNR over the set, separations are in units of the PSF's sigma times sqrt(5 / rho). With
``--contrast`` one member is 3.3 mag fainter, 4 px away, and ``rho`` is the fainter one's.
"""

import argparse

import numpy as np

from sensorproc.config import Config
from sensorproc.flags import DetectionFlag
from sensorproc.onboard.pipeline import process_set
from sensorproc.onboard.products import Tracklet
from sensorproc.onboard.state import PayloadState
from sensorproc.scoring.figures.intervals import wilson
from sensorproc.theory import sampled_sigma
from tests.skies.cases import Case, target_path
from tests.skies.frames import frames_of
from tests.skies.pairs import SKY, sky

FAINTER = 10.0 ** (-0.4 * 3.3)
NEAR_SIGMAS = 2.0


def outcome(case: Case, is_pair: bool) -> list[tuple[int, int, bool, float]]:
    """Of each group: tracklets near it, members found, whether one is flagged as elongated, errors [px] rms of those found."""
    processed, _ = process_set(frames_of(case), PayloadState(), None, Config())
    paths, reach = [target_path(case, target) for target in case.targets], NEAR_SIGMAS * case.psf_sigma_px
    rows = []
    step = 2 if is_pair else 1
    for first in range(0, len(case.targets), step):
        group = np.stack(paths[first : first + step], axis=1)
        near: list[Tracklet] = []
        claimed: list[list[float]] = [[] for _ in range(step)]
        elongated = False
        for tracklet in processed.tracklets:
            gaps = np.array([np.hypot(*(group[m.frame_index] - (m.x_px, m.y_px)).T) for m in tracklet.members])
            rms = np.sqrt((gaps**2).mean(axis=0))
            if rms.min() < 8.0:
                near.append(tracklet)
                elongated |= bool(tracklet.flags & DetectionFlag.ELONGATED)
                if rms.min() < reach:
                    claimed[int(rms.argmin())].append(float(rms.min()))
        errors = [min(c) for c in claimed if c]
        rows.append((len(near), len(errors), elongated, float(np.mean(errors)) if errors else np.nan))
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sets", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--rho", type=float, nargs="+", default=[7.0, 10.0, 20.0, 50.0, 100.0])
    parser.add_argument("--separation", type=float, default=4.1)
    parser.add_argument("--contrast", action="store_true")
    options = parser.parse_args()
    contrast = FAINTER if options.contrast else 1.0
    print("| rho | apart [px] | pairs split | 95 % | more than two | flagged if not split | singles split | 95 % |")
    print("|---|---|---|---|---|---|---|---|")
    for rho in options.rho:
        apart = 4.0 if options.contrast else options.separation * sampled_sigma(SKY.psf_sigma_px) * np.sqrt(5.0 / rho)
        seeds = range(options.seed, options.seed + options.sets)
        pairs = [row for seed in seeds for row in outcome(sky(seed, rho, apart, True, contrast), True)]
        singles = [row for seed in seeds for row in outcome(sky(10_000 + seed, rho, 0.0, False, contrast), False)]
        split = sum(row[1] == 2 for row in pairs)
        whole = [row for row in pairs if row[1] < 2 and row[0]]
        seen = [row for row in singles if row[0]]
        false = sum(row[0] > 1 for row in seen)
        (low, high), (least, most) = wilson(split, len(pairs)), wilson(false, len(seen))
        print(
            f"| {rho:g} | {apart:.2f} | {split}/{len(pairs)} | {low:.2f} to {high:.2f} | {sum(row[0] > 2 for row in pairs)} | "
            f"{sum(row[2] for row in whole)}/{len(whole)} | {false}/{len(seen)} | {least:.3f} to {most:.3f} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
