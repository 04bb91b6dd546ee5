"""What shines: catalogued stars, the fainter ones the catalogue does not hold, and diffuse light."""

import math
from dataclasses import dataclass

import numpy as np

from firmware_sim.scene.settings import Sensor, Sky
from sensorproc.catalog import StarCatalog

COUNTED_MAG = 10.5  # the table is complete to here: fainter counts continue from it
MARGIN = 1.15  # of the field's half diagonal


@dataclass(frozen=True, eq=False)
class StarField:
    """Stars of a field: ``unit`` (n, 3) ICRS at the scene's date, ``mag`` (n,), ``n_listed`` of them in the table."""

    unit: np.ndarray
    mag: np.ndarray
    n_listed: int


def star_field(catalog: StarCatalog, boresights: np.ndarray, sensor: Sensor, sky: Sky, tai_ns: int, seed: int) -> StarField:
    """Stars around a sweep of boresights (k, 3): the table's, and random ones down to the faintest magnitude."""
    middle = boresights.mean(axis=0)
    middle /= np.linalg.norm(middle)
    half = math.radians(0.5 * math.hypot(*sensor.shape_px) * sensor.ifov_arcsec / 3600.0) * MARGIN
    radius = half + float(np.arccos(np.clip(boresights @ middle, -1, 1)).max())
    listed = catalog.cone(math.atan2(middle[1], middle[0]), math.asin(middle[2]), radius, tai_ns)
    keep = listed.mag <= sky.faintest_mag
    unit, mag = listed.unit[keep], listed.mag[keep]
    extra_unit, extra_mag = _beyond(mag, middle, radius, sky, np.random.default_rng([seed, 1]))
    return StarField(np.concatenate([unit, extra_unit]), np.concatenate([mag, extra_mag]), len(mag))


def _beyond(
    listed_mag: np.ndarray, centre: np.ndarray, radius: float, sky: Sky, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Unlisted stars: counts grow by ``counts_slope`` a magnitude from those listed, whose own faint end is thinning."""
    n_counted = max(int((listed_mag <= COUNTED_MAG).sum()), 1)
    edges = np.arange(COUNTED_MAG, sky.faintest_mag + 1e-9, 0.25)
    unit, mag = [np.empty((0, 3))], [np.empty(0)]
    for low, high in zip(edges, edges[1:], strict=False):
        expected = n_counted * (10 ** (sky.counts_slope * (high - COUNTED_MAG)) - 10 ** (sky.counts_slope * (low - COUNTED_MAG)))
        n = rng.poisson(max(expected - ((listed_mag > low) & (listed_mag <= high)).sum(), 0.0))
        unit.append(_within(centre, radius, n, rng))
        mag.append(rng.uniform(low, high, n))
    return np.concatenate(unit), np.concatenate(mag)


def _within(centre: np.ndarray, radius: float, n: int, rng: np.random.Generator) -> np.ndarray:
    """Uniform directions (n, 3) in a cone."""
    cosine, turn = rng.uniform(math.cos(radius), 1.0, n), rng.uniform(0, 2 * np.pi, n)
    side = np.cross(centre, [0.0, 0.0, 1.0] if abs(centre[2]) < 0.9 else [1.0, 0.0, 0.0])
    side /= np.linalg.norm(side)
    sine = np.sqrt(1 - cosine**2)
    other = np.cross(centre, side)
    return cosine[:, None] * centre + (sine * np.cos(turn))[:, None] * side + (sine * np.sin(turn))[:, None] * other


def diffuse_e_s(sensor: Sensor, sky: Sky) -> np.ndarray:
    """Sky and stray light (ny, nx) [e-/s per pixel]: a floor, a gradient over the field and a ghost's arc."""
    per_pixel_mag = sky.brightness_mag_arcsec2 - 2.5 * math.log10(sensor.ifov_arcsec**2)
    floor = electrons_per_s(per_pixel_mag, sensor.zeropoint_mag)
    ny, nx = sensor.shape_px
    y, x = np.mgrid[0:ny, 0:nx]
    v, u = y / max(ny - 1, 1), x / max(nx - 1, 1)
    gradient = sky.gradient * (0.6 * u + 0.4 * v) ** 2
    from_ghost = np.hypot(u + 0.35, v - 1.2)
    arc = sky.arc * np.exp(-0.5 * ((from_ghost - 0.95) / 0.12) ** 2)
    return floor * (1.0 + gradient + arc)


def electrons_per_s(mag: float | np.ndarray, zeropoint_mag: float) -> float | np.ndarray:
    """Electron rate of a magnitude."""
    return 10.0 ** (-0.4 * (mag - zeropoint_mag))
