"""Astropy's times, directions and world coordinates without a network: the parts of it that would ask for newer leap seconds.

Everything in this package that needs them takes them from here (a test holds it): the tables of the installed version are used
for ever. What they do not know yet, ``timescales`` says.
"""

import warnings
from collections.abc import Sequence

import numpy as np
from astropy.utils import data

from sensorproc.timescales import EPOCH, NS_PER_S

data.conf.allow_internet = False
with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # tables past their date: what they hold stays right
    from astropy import units
    from astropy.coordinates import (
        GCRS,
        TEME,
        CartesianDifferential,
        CartesianRepresentation,
        EarthLocation,
        get_body_barycentric_posvel,
    )
    from astropy.table import Table
    from astropy.time import Time, TimeDelta
    from astropy.utils import iers
    from astropy.wcs import WCS

iers.conf.auto_download, iers.conf.auto_max_age = False, None
iers.conf.iers_degraded_accuracy = "ignore"
warnings.filterwarnings("ignore", message=".*dubious year.*")  # of leap seconds not known yet: see timescales.doubt_of
warnings.filterwarnings("ignore", message="Tried to get polar motions.*")  # later than they are known: 10 m on the ground


def tai_time(tai_ns: int) -> Time:
    """Astropy's time of TAI nanoseconds since 1958."""
    return Time(EPOCH.isoformat(), scale="tai") + TimeDelta(tai_ns / NS_PER_S, format="sec", scale="tai")


def gcrs_from_teme(place_km: Sequence[float], velocity_km_s: Sequence[float], tai_ns: int) -> tuple[np.ndarray, np.ndarray]:
    """Place [km] and velocity [km/s], (3,) each, in GCRS of a state in the true equator and mean equinox of date (SGP4's)."""
    moving = CartesianDifferential(velocity_km_s, unit=units.km / units.s)
    state = CartesianRepresentation(place_km, unit=units.km).with_differentials(moving)
    time = tai_time(tai_ns)
    found = TEME(state, obstime=time).transform_to(GCRS(obstime=time)).cartesian
    return found.xyz.to_value(units.km), found.differentials["s"].d_xyz.to_value(units.km / units.s)


__all__ = (
    "WCS",
    "EarthLocation",
    "Table",
    "Time",
    "TimeDelta",
    "gcrs_from_teme",
    "get_body_barycentric_posvel",
    "tai_time",
    "units",
)
