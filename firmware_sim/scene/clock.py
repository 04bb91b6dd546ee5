"""Times of a scene as astropy times: exposure starts, and the Earth and the Sun at an instant."""

import astropy.units as u
import numpy as np

from sensorproc.offline import Time, TimeDelta, get_body_barycentric_posvel

TAI_EPOCH = Time("1958-01-01T00:00:00", scale="tai", format="isot")


def utc(text: str) -> Time:
    """A UTC time."""
    return Time(text, scale="utc", format="isot")


def after(start: Time, seconds: float) -> Time:
    """SI seconds later."""
    return start.tai + TimeDelta(seconds * u.s, scale="tai")


def tai_ns(time: Time) -> int:
    """Nanoseconds of TAI since 1958, exact to the microsecond."""
    days = time.tai.jd1 - TAI_EPOCH.jd1
    fraction = time.tai.jd2 - TAI_EPOCH.jd2
    return round(days * 86400.0) * 1_000_000_000 + round(fraction * 86400.0 * 1e6) * 1000


def iso(time: Time) -> str:
    """UTC with microseconds."""
    shown = time.utc.copy(format="isot")
    shown.precision = 6
    return str(shown.value)


def earth_velocity_km_s(time: Time) -> np.ndarray:
    """Barycentric velocity of the Earth (3,) on ICRS axes."""
    _, velocity = get_body_barycentric_posvel("earth", time)
    return np.asarray(velocity.xyz.to_value(u.km / u.s))


def sun_from_earth_km(time: Time) -> np.ndarray:
    """Place of the Sun (3,) as seen from the Earth's centre, ICRS axes."""
    earth, _ = get_body_barycentric_posvel("earth", time)
    sun, _ = get_body_barycentric_posvel("sun", time)
    return np.asarray((sun - earth).xyz.to_value(u.km))
