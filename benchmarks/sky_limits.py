"""Plate solutions on made-up star lists: how many are found, how many are wrong, how exact, how fast.

Usage: python -m benchmarks.sky_limits lost [--n 60] | false [--n 2000] | track [--n 100]

``lost``: anywhere in the sky, any roll, either parity, the scale up to 5 % off, 30 brightest stars, of which a tenth is missing,
and 30 % spurious ones. ``false``: as many spurious stars alone, and true fields with x and y of their stars dealt anew.
``track``: pointing 0.1 deg off and roll 1 deg; boresight error over the Cramer-Rao bound of all true stars, and over the claimed
sigma. Places have the noise of their SNR, 0.3 px for the faintest, brightness 0.3 mag. Everything goes through
:func:`sensorproc.onboard.solve.solve`.
"""

import argparse
import math
import time

import numpy as np

from sensorproc import catalog
from sensorproc.config import Config
from sensorproc.conventions import ARCSEC_PER_RAD
from sensorproc.geometry import Camera, aberrate, as_rows, compose, dcm_from_pointing, rotation
from sensorproc.onboard.ephemeris import earth_velocity_km_s
from sensorproc.onboard.products import Calibrated, Flattened, Frame, Registered, SensorFacts, Solved, Trail, Transform
from sensorproc.onboard.solve import solve
from sensorproc.onboard.state import StarTable
from sensorproc.scoring.intervals import wilson
from sensorproc.sky import Sky
from sensorproc.timescales import tai_ns_from_utc

T_NS = tai_ns_from_utc("2026-11-23T00:00:00")
SIDE, PSF_PX = 1024, 0.9
NOISE_PX, FLOOR_PX, SCATTER_MAG, MISSING = 0.3, 0.05, 0.3, 0.1
FIELDS_DEG = (0.9, 1.5, 3.0, 6.0, 12.0, 20.0)
SAME_PX = 10.0  # at the middle and half way to a corner: farther is wrong
IDENTITY = ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0))


def anywhere(rng: np.random.Generator, field_deg: float) -> Camera:
    """A camera pointed anywhere."""
    ra, dec, roll = rng.uniform(0, 2 * np.pi), np.arcsin(rng.uniform(-1, 1)), rng.uniform(0, 2 * np.pi)
    middle, parity = (SIDE - 1) / 2, int(rng.choice([-1, 1]))
    return Camera(math.radians(field_deg) / SIDE, middle, middle, parity, as_rows(dcm_from_pointing(ra, dec, roll)))


def star_list(rng: np.random.Generator, camera: Camera, n_stars: int, spurious: float) -> tuple[np.ndarray, float]:
    """x, y, SNR of the brightest stars a camera sees and of some that are none, brightest first; bound of their mean place."""
    axis = camera.dcm[:, 2]
    ra, dec = math.atan2(axis[1], axis[0]), math.asin(axis[2])
    cone = catalog.shipped().cone(ra, dec, math.atan(camera.ifov_rad * SIDE * 0.75), T_NS)
    x, y = camera.pixel(aberrate(cone.unit, earth_velocity_km_s(T_NS)))
    seen = (x > 0) & (y > 0) & (x < SIDE - 1) & (y < SIDE - 1) & (rng.random(len(x)) > MISSING)
    x, y, mag = x[seen], y[seen], cone.mag[seen] + rng.normal(0.0, SCATTER_MAG, int(seen.sum()))
    bright = np.argsort(mag)[:n_stars]
    n_spurious = round(spurious * len(bright))
    snr = 1.5 * PSF_PX / NOISE_PX * 10.0 ** (-0.4 * (mag[bright] - mag[bright].max(initial=-9.0)))
    noise = noise_px(snr)
    true = np.stack([x[bright] + rng.normal(0, noise), y[bright] + rng.normal(0, noise), snr], axis=1)
    places = rng.uniform(0, SIDE, (n_spurious, 2))
    both = np.concatenate([true, np.column_stack([places, rng.choice(snr, n_spurious)])]) if n_spurious else true
    return both[np.argsort(-both[:, 2])], float((1.0 / noise**2).sum() ** -0.5)


def noise_px(snr: np.ndarray) -> np.ndarray:
    """Error of places [px]: the centroid's, and a floor."""
    return np.hypot(1.5 * PSF_PX / snr, FLOOR_PX)


def frame_of(stars: np.ndarray, camera: Camera | None, ifov_rad: float) -> Registered:
    """A registered frame that holds nothing but its list of stars."""
    blank = np.zeros((SIDE, SIDE), np.float32)
    flags = np.zeros((SIDE, SIDE), np.uint8)
    facts = SensorFacts(ifov_arcsec=math.degrees(ifov_rad) * 3600.0)
    raw = Frame(0, 0, "", np.zeros((SIDE, SIDE), np.uint16), flags, T_NS, 1.0, facts, camera)
    flat = Flattened(Calibrated(raw, blank, None, flags, 1.0, True), blank, blank + 1.0, flags, 0.0, 1.0)
    return Registered(flat, Transform(IDENTITY, IDENTITY), Trail(), PSF_PX, stars, len(stars), 0.0, 0.0)


def solved(stars: np.ndarray, prior: Camera | None, ifov_rad: float) -> tuple[Solved, float]:
    """The solution of one frame, and its seconds."""
    frame, config = frame_of(stars, prior, ifov_rad), Config().solve
    table: StarTable | None = Sky(None, config).stars([frame.flattened.calibrated.frame])
    start = time.perf_counter()
    (result,), _ = solve([frame], table, config)
    return result, time.perf_counter() - start


def solved_again(stars: np.ndarray, prior: Camera, n: int = 16) -> float:
    """Seconds a frame, of a set of ``n`` whose optics are known and whose stars are read."""
    frame, config = frame_of(stars, prior, prior.ifov_rad), Config().solve
    table: StarTable | None = Sky(None, config).stars([frame.flattened.calibrated.frame])
    _, optics = solve([frame], table, config)
    start = time.perf_counter()
    solve([frame] * n, table, config, optics)
    return (time.perf_counter() - start) / n


def error_px(found: Camera, true: Camera) -> float:
    """Worst displacement at the middle and half way to the corners."""
    middle, part = (SIDE - 1) / 2, SIDE / 4
    x = middle + part * np.array([0.0, 1.0, 1.0, -1.0, -1.0])
    y = middle + part * np.array([0.0, 1.0, -1.0, 1.0, -1.0])
    u, v = found.pixel(true.los_icrs(x, y))
    return float(np.nanmax(np.hypot(u - x, v - y))) if np.isfinite(u).any() else math.inf


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
