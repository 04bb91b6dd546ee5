"""Plate solutions on made-up star lists: how many are found, how many are wrong, how exact, how fast.

Usage: python -m benchmarks.studies.sky_limits lost [--n 60] | false [--n 2000] | track [--n 100]

``lost``: anywhere in the sky, any roll, either parity, the scale up to 5 % off, 30 brightest stars, of which a tenth is missing,
and 30 % spurious ones. ``false``: as many spurious stars alone, and true fields with x and y of their stars dealt anew.
``track``: pointing 0.1 deg off and roll 1 deg; boresight error over the Cramer-Rao bound of all true stars, and over the claimed
sigma. Places have the noise of their SNR, 0.3 px for the faintest, brightness 0.3 mag. Everything goes through
:func:`sensorproc.onboard.sky.solve.solve`.
"""

import argparse
import math
import time

import numpy as np

from sensorproc.catalog.sky import Sky
from sensorproc.config import Config
from sensorproc.conventions import ARCSEC_PER_RAD
from sensorproc.geometry import Camera, compose, rotation
from sensorproc.onboard.sky.solve import solve
from sensorproc.onboard.star_table import StarTable
from sensorproc.scoring.figures.intervals import wilson
from tests.skies.star_fields import SIDE, anywhere, error_px, frame_of, solved, star_list

FIELDS_DEG = (0.9, 1.5, 3.0, 6.0, 12.0, 20.0)
SAME_PX = 10.0  # at the middle and half way to a corner: farther is wrong


def solved_again(stars: np.ndarray, prior: Camera, n: int = 16) -> float:
    """Seconds a frame, of a set of ``n`` whose optics are known and whose stars are read."""
    frame, config = frame_of(stars, prior, prior.ifov_rad), Config().solve
    table: StarTable | None = Sky(None, config).stars([frame.facts])
    _, optics = solve([frame], table, config)
    start = time.perf_counter()
    solve([frame] * n, table, config, optics)
    return (time.perf_counter() - start) / n


def lost(n: int, rng: np.random.Generator) -> None:
    """Print how lost-in-space solutions go by size of the field."""
    print("| field [deg] | solved | 95 % | wrong | ms, solved: median, worst | ms, refused |\n|---|---|---|---|---|---|")
    for field_deg in FIELDS_DEG:
        good, bad, taken, refused = 0, 0, [], []
        for _ in range(n):
            camera = anywhere(rng, field_deg)
            stars, _ = star_list(rng, camera, 30, 0.3)
            result, seconds = solved(stars, None, camera.ifov_rad * rng.uniform(0.95, 1.05))
            if not result.is_star_solution or result.camera is None:
                refused.append(seconds)
                continue
            taken.append(seconds)
            is_right = error_px(result.camera, camera) < SAME_PX
            good, bad = good + is_right, bad + (not is_right)
        low, high = wilson(good, n)
        print(f"| {field_deg:g} | {good}/{n} | {low:.2f} to {high:.2f} | {bad} | {times(taken)} | {times(refused)} |", flush=True)


def times(seconds: list[float]) -> str:
    """Median and worst [ms]."""
    return f"{1e3 * float(np.median(seconds)):.0f}, {1e3 * max(seconds):.0f}" if seconds else "-"


def false(n: int, rng: np.random.Generator) -> None:
    """Print how many fields without a true answer get one."""
    print("| field [deg] | false solutions | of | ms: median, worst |\n|---|---|---|---|")
    for field_deg in FIELDS_DEG:
        count, taken = 0, []
        for k in range(n):
            camera = anywhere(rng, field_deg)
            stars, _ = star_list(rng, camera, 30, 0.3)
            if k % 2:
                stars[:, :2] = rng.uniform(0, SIDE, (len(stars), 2))
            else:
                stars[:, 0], stars[:, 1] = rng.permutation(stars[:, 0]), rng.permutation(stars[:, 1])
            result, seconds = solved(stars, None, camera.ifov_rad)
            taken.append(seconds)
            count += result.is_star_solution
        print(f"| {field_deg:g} | {count} | {n} | {times(taken)} |", flush=True)


def track(n: int, rng: np.random.Generator) -> None:
    """Print how exact tracked solutions are."""
    print("| field [deg] | solved | wrong | boresight error [px] | / bound | / claimed | ms, first frame | ms, 30 stars, later |")
    print("|---|---|---|---|---|---|---|---|")
    for field_deg in FIELDS_DEG:
        squares, pulls, gaps, n_solved, wrong, taken = [], [], [], 0, 0, []
        others = [anywhere(rng, field_deg) for _ in range(20)]
        later = [solved_again(star_list(rng, camera, 30, 0.3)[0], camera) for camera in others]
        for _ in range(n):
            camera = anywhere(rng, field_deg)
            stars, bound_px = star_list(rng, camera, 60, 0.3)
            off = np.array([*rng.normal(0, math.radians(0.05), 2), math.radians(rng.uniform(-1, 1))])
            off[:2] *= min(1.0, math.radians(0.1) / max(float(np.hypot(*off[:2])), 1e-12))
            prior = camera.with_attitude(compose(camera.dcm, rotation(off)))
            result, seconds = solved(stars, prior, camera.ifov_rad)
            taken.append(seconds)
            if not result.is_star_solution or result.camera is None:
                continue
            n_solved += 1
            x, y = result.camera.pixel(camera.los_icrs(camera.x0_px, camera.y0_px))
            gap = np.array([float(x) - camera.x0_px, float(y) - camera.y0_px])
            wrong += float(np.hypot(*gap)) > SAME_PX
            gaps += (gap**2).tolist()
            squares += ((gap / bound_px) ** 2).tolist()
            pulls += ((gap * camera.ifov_rad * ARCSEC_PER_RAD / result.sigma_arcsec) ** 2).tolist()
        off, rms, pull = (math.sqrt(float(np.mean(v))) if v else math.nan for v in (gaps, squares, pulls))
        row = [
            f"{field_deg:g}",
            f"{n_solved}/{n}",
            str(wrong),
            f"{off:.3f}",
            f"{rms:.2f}",
            f"{pull:.2f}",
            times(taken),
            times(later),
        ]
        print(f"| {' | '.join(row)} |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["lost", "false", "track"])
    parser.add_argument("--n", type=int, default=0)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    rng = np.random.default_rng(options.seed)
    for field_deg in FIELDS_DEG:  # the indices are built or read before anything is timed
        solved(star_list(rng, anywhere(rng, field_deg), 30, 0.0)[0], None, math.radians(field_deg) / SIDE)
    {"lost": lost, "false": false, "track": track}[options.what](
        options.n or {"lost": 60, "false": 2000, "track": 100}[options.what], rng
    )


if __name__ == "__main__":
    main()
