"""Streaks of single frames against the best search possible: who is found, how well they are fitted, what is false.

Usage: python -m benchmarks.studies.streak_limits [--size 1024] [--stars 60] [--sets 40] [--seed 1] [--shortest 10] [--snr 3 12]

Frames of our own generator (pixel-integrated PSF, Poisson sky, hot pixels, hits, jitter; ``--stars`` a frame), streaks of 10 to
300 px and clairvoyant SNR ``--snr`` at any angle, through the whole chain. The reference is ``pd_search`` over place, length and
angle at the chain's own threshold; "loss" is the SNR efficiency fitted to who was found. ``--shortest`` is the length from
which the chain looks, by default its own.
"""

import argparse
import math
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from functools import partial
from multiprocessing import get_context

import numpy as np

from sensorproc.config import Config, Streaks
from sensorproc.onboard.pipeline import process_set
from sensorproc.onboard.products import Measurement
from sensorproc.onboard.state import PayloadState
from sensorproc.onboard.streaks.line_search import curvatures
from sensorproc.scoring.figures.intervals import wilson
from sensorproc.scoring.figures.limits import search_loss
from sensorproc.theory import sampled_sigma, streak_bounds, threshold
from tests.skies.cases import SIDEREAL, Case, Crossing, draw
from tests.skies.frames import frames_of

N_FRAMES, A_FRAME = 8, 3
LENGTHS_PX, SNRS = (10.0, 300.0), (3.0, 12.0)
ERRORS = "along", "cross", "angle", "lengthened", "flux"
FOUND_PX = 5.0  # of the middle across the streak
Row = dict[str, float]


def streaks_case(size: int, n_stars: int, snr_range: tuple[float, float], seed: int) -> tuple[Case, list[float]]:
    """A stare with streaks, and their clairvoyant SNRs."""
    rng = np.random.default_rng([seed, 77])
    case = replace(
        SIDEREAL, shape=(size, size), n_frames=N_FRAMES, n_stars=n_stars, targets=(), seed=seed, n_hits=round(size / 50)
    )
    noise = math.sqrt(case.sky_e + case.read_noise_e**2)
    made, snrs = [], []
    for frame in range(N_FRAMES):
        for _ in range(A_FRAME):
            length = min(math.exp(rng.uniform(*np.log(LENGTHS_PX))), 0.6 * size)
            angle, snr = rng.uniform(0, math.pi), rng.uniform(*snr_range)
            reach = 0.5 * length + 8.0
            x, y = rng.uniform(reach, size - reach, 2)
            image = np.zeros((2 * int(reach) + 1,) * 2)
            draw(image, int(reach), int(reach), 1.0, case.psf_sigma_px, (length * math.cos(angle), length * math.sin(angle)))
            flux = snr * noise / math.sqrt(float((image**2).sum()))
            made.append(Crossing(frame, float(x), float(y), length, angle, flux))
            snrs.append(snr)
    return replace(case, crossings=tuple(made)), snrs


def one_set(size: int, n_stars: int, snr_range: tuple[float, float], streaks: Streaks, seed: int) -> tuple[list[Row], int, int]:
    """Rows of the streaks of one set, false streaks and false tracklets."""
    case, snrs = streaks_case(size, n_stars, snr_range, seed)
    state = PayloadState(np.zeros(case.shape, np.float32))
    processed, _ = process_set(frames_of(case), state, None, replace(Config(), streaks=streaks))
    left = list(processed.streaks)
    rows = []
    for crossing, snr in zip(case.crossings, snrs, strict=True):
        mine = [m for m in left if m.frame_index == crossing.frame and _is_on(m, crossing)]
        row = {"snr": snr, "length": crossing.length_px, "found": float(bool(mine))}
        if mine:
            row |= _errors(mine[0], crossing, snr)
            left = [m for m in left if m not in mine]
        rows.append(row)
    return rows, len(left), len(processed.tracklets)


def _is_on(m: Measurement, crossing: Crossing) -> bool:
    cos, sin = math.cos(crossing.angle_rad), math.sin(crossing.angle_rad)
    dx, dy = m.x_px - crossing.x, m.y_px - crossing.y
    return abs(dy * cos - dx * sin) < FOUND_PX and abs(dx * cos + dy * sin) < 0.5 * crossing.length_px + FOUND_PX


def _errors(m: Measurement, crossing: Crossing, snr: float) -> Row:
    """Errors of middle, angle, length and flux over their bounds, and the middle's over its claim."""
    cos, sin = math.cos(crossing.angle_rad), math.sin(crossing.angle_rad)
    dx, dy = m.x_px - crossing.x, m.y_px - crossing.y
    s = sampled_sigma(SIDEREAL.psf_sigma_px)
    bound = streak_bounds(snr, crossing.length_px, s)
    turn = math.remainder(m.angle_rad - crossing.angle_rad, math.pi)
    a, b, c = m.cov_px2
    claim = (c * dx * dx - 2 * b * dx * dy + a * dy * dy) / (a * c - b * b)
    return {
        "along": (dx * cos + dy * sin) / bound["along"], "cross": (dy * cos - dx * sin) / bound["cross"],
        "angle": turn / bound["angle"], "lengthened": (m.length_px - crossing.length_px) / (2.0 * bound["along"]),
        "flux": (m.flux_e / crossing.flux_e - 1.0) * snr, "brighter": m.flux_e / crossing.flux_e - 1.0, "nees": claim / 2.0,
    }  # fmt: skip


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=int, default=1024)
    parser.add_argument("--stars", type=int, default=60)
    parser.add_argument("--sets", type=int, default=40)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--shortest", type=int, default=Streaks().min_length_px)
    parser.add_argument("--snr", type=float, nargs=2, default=SNRS)
    options = parser.parse_args(argv)
    config = replace(Streaks(), min_length_px=options.shortest)
    work = partial(one_set, options.size, options.stars, tuple(options.snr), config)
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        results = list(pool.map(work, [options.seed * 1000 + k for k in range(options.sets)]))
    rows = [row for found, _, _ in results for row in found]
    n_frames = options.sets * N_FRAMES
    volume = curvatures((options.size, options.size), sampled_sigma(SIDEREAL.psf_sigma_px), config)
    u = threshold(config.false_alarms_per_frame, volume)
    snr, found = np.array([r["snr"] for r in rows]), np.array([r["found"] for r in rows])
    length = np.array([r["length"] for r in rows])
    print(f"{len(rows)} streaks in {n_frames} frames of {options.size} px, {options.stars} stars; threshold {u:.2f}")
    print(f"false streaks {sum(r[1] for r in results)}, tracklets {sum(r[2] for r in results)}")
    for low, high in ((10, 301), (10, 30), (30, 100), (100, 301)):
        some = (length >= low) & (length < high)
        loss = search_loss(snr[some], found[some], np.full(int(some.sum()), u))
        print(f"  {low}-{high} px: loss {loss.value:.2f} dB ({loss.low:.2f} to {loss.high:.2f}), n = {loss.n}")
    for weak, strong in ((5.0, 6.0), (6.0, 7.0), (7.0, 8.0), (8.0, 9.5), (9.5, 12.0)):
        some = (snr >= weak) & (snr < strong)
        least, most = wilson(int(found[some].sum()), int(some.sum()))
        print(f"  SNR {weak}-{strong}: {int(found[some].sum())}/{int(some.sum())} ({least:.2f} to {most:.2f})")
    for weak, strong in ((7.0, 9.0), (9.0, 10.5), (10.5, 12.0), (15.0, 25.0), (25.0, 60.0)):
        report([r for r in rows if r["found"] and weak <= r["snr"] < strong], f"SNR {weak}-{strong}")


def report(rows: list[Row], name: str) -> None:
    """Errors of those found."""
    if len(rows) > 5:
        rms = {key: float(np.sqrt(np.mean([r[key] ** 2 for r in rows]))) for key in ERRORS}
        nees, bias = float(np.mean([r["nees"] for r in rows])), float(np.mean([r["brighter"] for r in rows]))
        texts = ", ".join(f"{key} {value:.2f}" for key, value in rms.items())
        print(f"  {name}, n = {len(rows)}: rms over bound: {texts}; NEES {nees:.2f}; flux {bias:+.3f}")


if __name__ == "__main__":
    main()
