"""Astropy's times, directions and world coordinates without a network: the parts of it that would ask for newer leap seconds.

Everything in this package that needs them takes them from here (a test holds it): the tables of the installed version are used
for ever. What they do not know yet, ``timescales`` says.
"""

import warnings

from astropy.utils import data

from sensorproc.timescales import EPOCH, NS_PER_S

data.conf.allow_internet = False
with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # tables past their date: what they hold stays right
    from astropy import units
    from astropy.coordinates import EarthLocation, get_body_barycentric_posvel
    from astropy.table import Table
    from astropy.time import Time, TimeDelta
    from astropy.utils import iers
    from astropy.wcs import WCS

iers.conf.auto_download, iers.conf.auto_max_age = False, None
iers.conf.iers_degraded_accuracy = "ignore"
warnings.filterwarnings("ignore", message=".*dubious year.*")  # of leap seconds not known yet: see timescales.doubt_of


def tai_time(tai_ns: int) -> Time:
    """Astropy's time of TAI nanoseconds since 1958."""
    return Time(EPOCH.isoformat(), scale="tai") + TimeDelta(tai_ns / NS_PER_S, format="sec", scale="tai")


__all__ = ("WCS", "EarthLocation", "Table", "Time", "TimeDelta", "get_body_barycentric_posvel", "tai_time", "units")
