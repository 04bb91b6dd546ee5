"""Made-up star lists, and frames that have found them."""

import math
import time

import numpy as np

from sensorproc.catalog.sky import Sky
from sensorproc.catalog.stars import shipped
from sensorproc.config import Config
from sensorproc.frames import SensorFacts
from sensorproc.geometry import Camera, aberrate, as_rows, dcm_from_pointing
from sensorproc.onboard.products import Flattened, FrameFacts, Registered, Solved, Trail, Transform
from sensorproc.onboard.sky.earth_velocity import earth_velocity_km_s
from sensorproc.onboard.sky.solve import solve
from sensorproc.onboard.star_table import StarTable
from sensorproc.timescales import tai_ns_from_utc

T_NS = tai_ns_from_utc("2026-11-23T00:00:00")
NOISE_PX, FLOOR_PX, SCATTER_MAG, MISSING = 0.3, 0.05, 0.3, 0.1
IDENTITY = ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0))

SIDE, PSF_PX = 1024, 0.9


def anywhere(rng: np.random.Generator, field_deg: float) -> Camera:
    """A camera pointed anywhere."""
    ra, dec, roll = rng.uniform(0, 2 * np.pi), np.arcsin(rng.uniform(-1, 1)), rng.uniform(0, 2 * np.pi)
    middle, parity = (SIDE - 1) / 2, int(rng.choice([-1, 1]))
    return Camera(math.radians(field_deg) / SIDE, middle, middle, parity, as_rows(dcm_from_pointing(ra, dec, roll)))


def star_list(rng: np.random.Generator, camera: Camera, n_stars: int, spurious: float) -> tuple[np.ndarray, float]:
    """x, y, SNR of the brightest stars a camera sees and of some that are none, brightest first; bound of their mean place."""
    axis = camera.dcm[:, 2]
    ra, dec = math.atan2(axis[1], axis[0]), math.asin(axis[2])
    cone = shipped().cone(ra, dec, math.atan(camera.ifov_rad * SIDE * 0.75), T_NS)
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
    sensor = SensorFacts(gain_e_per_dn=1.0, ifov_arcsec=math.degrees(ifov_rad) * 3600.0)
    facts = FrameFacts(0, 0, T_NS, 1.0, (SIDE, SIDE), sensor, camera, None, True, noise_e=1.0)
    flat = Flattened(facts, blank, blank + 1.0, flags)
    return Registered(Transform(IDENTITY, IDENTITY), Trail(), PSF_PX, stars, len(stars), 0.0, 0.0, flattened=flat)


def solved(stars: np.ndarray, prior: Camera | None, ifov_rad: float) -> tuple[Solved, float]:
    """The solution of one frame, and its seconds."""
    frame, config = frame_of(stars, prior, ifov_rad), Config().solve
    table: StarTable | None = Sky(None, config).stars([frame.facts])
    start = time.perf_counter()
    (result,), _ = solve([frame], table, config)
    return result, time.perf_counter() - start


def error_px(found: Camera, true: Camera) -> float:
    """Worst displacement at the middle and half way to the corners."""
    middle, part = (SIDE - 1) / 2, SIDE / 4
    x = middle + part * np.array([0.0, 1.0, 1.0, -1.0, -1.0])
    y = middle + part * np.array([0.0, 1.0, -1.0, 1.0, -1.0])
    u, v = found.pixel(true.los_icrs(x, y))
    return float(np.nanmax(np.hypot(u - x, v - y))) if np.isfinite(u).any() else math.inf
