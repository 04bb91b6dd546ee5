"""Velocity of the Earth for the aberration of star light, in plain arithmetic.

Two-body heliocentric motion of the Earth (Meeus 1998, Astronomical Algorithms, chapter 25; mean elements of date,
precessed to J2000 by the general precession in longitude) and the Sun's barycentric motion due to Jupiter and Saturn.
Good to 20 m/s, that is 0.014 arcsec of aberration; checked against astropy in the tests.
"""

import math

import numpy as np

from sensorproc.timescales import julian_centuries_tt

AU_KM = 149_597_870.7
GM_SUN = 132_712_440_041.94  # km^3/s^2
OBLIQUITY = math.radians(23.439291)
PLANETS = (  # mass over the Sun's, semi-major axis [au], mean longitude at J2000 [deg], its rate [deg/century]
    (1 / 1047.3486, 5.20260, 34.351519, 3034.90567),
    (1 / 3497.898, 9.55491, 50.077444, 1222.11380),
)


def earth_velocity_km_s(tai_ns: int) -> np.ndarray:
    """Barycentric velocity of the Earth (3,) [km/s] on ICRS axes at a TAI time."""
    t = julian_centuries_tt(tai_ns)
    mean_anomaly = math.radians(357.52911 + 35999.05029 * t)
    eccentricity = 0.016708634 - 0.000042037 * t
    perihelion = math.radians(102.93735 + 0.32327 * t)  # longitude on the ecliptic of J2000
    anomaly = mean_anomaly + (2 * eccentricity - eccentricity**3 / 4) * math.sin(mean_anomaly)
    anomaly += 1.25 * eccentricity**2 * math.sin(2 * mean_anomaly)
    speed = math.sqrt(GM_SUN * (1 + 1 / 328900.56) / (1.000001018 * AU_KM * (1 - eccentricity**2)))
    longitude = perihelion + anomaly
    vx = -speed * (math.sin(longitude) + eccentricity * math.sin(perihelion))
    vy = speed * (math.cos(longitude) + eccentricity * math.cos(perihelion))
    for mass, axis_au, longitude_deg, rate in PLANETS:
        circular = math.sqrt(GM_SUN / (axis_au * AU_KM)) * mass / (1 + mass)
        planet = math.radians(longitude_deg + rate * t)
        vx += circular * math.sin(planet)
        vy -= circular * math.cos(planet)
    return np.array([vx, vy * math.cos(OBLIQUITY), vy * math.sin(OBLIQUITY)])
