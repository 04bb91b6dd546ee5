"""Stars: the table's, with colours, and the fainter ones it does not hold."""

import math
from dataclasses import dataclass

import numpy as np

from firmware_sim.scene.camera.optics import point_noise_e
from firmware_sim.scene.settings.scene import Sensor, Sky
from sensorproc.catalog.stars import StarCatalog
from sensorproc.conventions import FWHM_PER_SIGMA, SUN_COLOUR

COUNTED_MAG = 10.5  # the table is complete to here: fainter counts continue from it
MARGIN = 1.15  # of the field's half diagonal
MEAN_COLOUR = 0.95  # of field stars
INVISIBLE_SNR = 0.1


@dataclass(frozen=True, eq=False)
class StarField:
    """Stars of a field: ``unit`` (n, 3) ICRS at the scene's date, ``mag`` (n,) in the table's band, ``seen_mag`` (n,) in
    the camera's, equal for a star of the Sun's colour; the first ``n_listed`` are the table's."""

    unit: np.ndarray
    mag: np.ndarray
    seen_mag: np.ndarray
    n_listed: int


def star_field(catalog: StarCatalog, boresights: np.ndarray, sensor: Sensor, sky: Sky, tai_ns: int, seed: int) -> StarField:
    """Stars around a sweep of boresights (k, 3): the table's, and random ones down to the faintest magnitude."""
    middle = boresights.mean(axis=0)
    middle /= np.linalg.norm(middle)
    half = math.radians(0.5 * math.hypot(*sensor.shape_px) * sensor.ifov_arcsec / 3600.0) * MARGIN
    radius = half + float(np.arccos(np.clip(boresights @ middle, -1, 1)).max())
    listed = catalog.cone(math.atan2(middle[1], middle[0]), math.asin(middle[2]), radius, tai_ns)
    rng = np.random.default_rng([seed, 1])
    faintest = min(sky.faintest_mag, invisible_mag(sensor, sky))
    keep = listed.mag <= faintest
    extra_unit, extra_mag = _beyond(listed.mag[keep], middle, radius, faintest, sky.counts_slope, rng)
    mag = np.concatenate([listed.mag[keep], extra_mag])
    known = np.concatenate([listed.colour_mag[keep], np.full(len(extra_mag), np.nan)])
    drawn = rng.normal(MEAN_COLOUR, sky.colour_spread_mag, len(mag))
    colour = np.where(np.isnan(known), drawn, known)
    seen_mag = mag + sky.colour_term * (colour - SUN_COLOUR)
    return StarField(np.concatenate([listed.unit[keep], extra_unit]), mag, seen_mag, int(keep.sum()))


def _beyond(
    listed_mag: np.ndarray, centre: np.ndarray, radius: float, faintest_mag: float, slope: float, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Unlisted stars: counts grow by ``slope`` a magnitude from those listed, whose own faint end is thinning."""
    n_counted = max(int((listed_mag <= COUNTED_MAG).sum()), 1)
    edges = np.arange(COUNTED_MAG, faintest_mag + 1e-9, 0.25)
    unit, mag = [np.empty((0, 3))], [np.empty(0)]
    for low, high in zip(edges, edges[1:], strict=False):
        expected = n_counted * (10 ** (slope * (high - COUNTED_MAG)) - 10 ** (slope * (low - COUNTED_MAG)))
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


def invisible_mag(sensor: Sensor, sky: Sky) -> float:
    """Magnitude of a star that gives a tenth of the noise of a point on clear sky in one frame: no use in drawing those."""
    per_pixel = electrons_per_s(sky.brightness_mag_arcsec2 - 2.5 * math.log10(sensor.ifov_arcsec**2), sensor.zeropoint_mag)
    variance = float(per_pixel) * sensor.exposure_s + sensor.read_noise_e**2
    noise_e = point_noise_e(sensor.psf_fwhm_px / FWHM_PER_SIGMA, variance)
    return sensor.zeropoint_mag - 2.5 * math.log10(INVISIBLE_SNR * noise_e / sensor.exposure_s)


def electrons_per_s(mag: float | np.ndarray, zeropoint_mag: float) -> float | np.ndarray:
    """Electron rate of a magnitude."""
    return 10.0 ** (-0.4 * (mag - zeropoint_mag))
