"""Where the Sun is, for phase angles: the low-precision formula of the Astronomical Almanac, 0.01 deg from 1950 to 2050."""

import math

import numpy as np

from sensorproc.geometry import unit_from_radec
from sensorproc.timescales import julian_centuries_tt

PRECESSION_DEG = 1.39697  # of longitudes in a century, from the equinox of date back to J2000


def sun_direction(tai_ns: int) -> np.ndarray:
    """Unit vector (3,) to the Sun from the Earth, on the axes of J2000."""
    centuries = julian_centuries_tt(tai_ns)
    n = 36525.0 * centuries
    mean, anomaly = 280.460 + 0.9856474 * n, math.radians(357.528 + 0.9856003 * n)
    longitude = mean + 1.915 * math.sin(anomaly) + 0.020 * math.sin(2.0 * anomaly) - PRECESSION_DEG * centuries
    tilt = math.radians(23.43929)
    sin, cos = math.sin(math.radians(longitude)), math.cos(math.radians(longitude))
    return np.array([cos, sin * math.cos(tilt), sin * math.sin(tilt)])


def phase_angle_deg(ra_deg: float, dec_deg: float, tai_ns: int) -> float:
    """Angle Sun - object - observer [deg] of an object far nearer than the Sun: what is left of the elongation to 180 deg."""
    seen = unit_from_radec(np.radians(np.float64(ra_deg)), np.radians(np.float64(dec_deg)))
    return 180.0 - math.degrees(math.acos(min(max(float((seen * sun_direction(tai_ns)).sum()), -1.0), 1.0)))
