"""Tracklets of one object in successive sets: joined by place and rate on the sky, not guessed."""

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord

from sensorproc.geometry import tangent_axes, unit_from_radec
from sensorproc.onboard.sky.joining import KnownObjects, Motion, _pairs

PIXEL = 3e-5  # rad
SECOND = 10**9


def motion(ra, dec, rate, sigma_px=0.1, t_s=0.0, span_s=60.0):
    """An object at a direction [rad] that moves by ``rate`` (2,) [rad/s] towards East and North."""
    east, north = tangent_axes(np.float64(ra), np.float64(dec))
    place, speed = (sigma_px * PIXEL) ** 2, (sigma_px * PIXEL / span_s * 3.5) ** 2
    cov = np.diag([place, place, speed, speed])
    velocity = rate[0] * east + rate[1] * north
    return Motion(
        round(t_s * SECOND), unit_from_radec(np.float64(ra), np.float64(dec)), velocity, np.stack([east, north]), cov, PIXEL
    )


@pytest.mark.parametrize("dec", [0.0, 0.7, -1.5, 1.5700])
@pytest.mark.parametrize("bearing_deg", [0.0, 63.0, 200.0])
def test_places_ahead_are_astropys_great_circle(dec, bearing_deg):
    rate, dt = 4e-5, 900.0
    bearing = np.radians(bearing_deg)
    later = motion(1.3, dec, (rate * np.sin(bearing), rate * np.cos(bearing))).at(round(dt * SECOND))
    start = SkyCoord(1.3 * u.rad, dec * u.rad)
    wanted = start.directional_offset_by(bearing * u.rad, rate * dt * u.rad).cartesian.xyz.value
    np.testing.assert_allclose(later.direction, wanted, atol=1e-12)
    assert np.linalg.norm(later.rate) == pytest.approx(rate)
    assert later.rate @ later.direction == pytest.approx(0.0, abs=1e-18)
    np.testing.assert_allclose(later.axes @ later.axes.T, np.eye(2), atol=1e-12)
    np.testing.assert_allclose(later.axes @ later.direction, 0.0, atol=1e-12)


def test_the_error_grows_as_the_rate_is_known():
    start = motion(0.3, 0.2, (0.0, 0.0), sigma_px=0.1)
    later = start.at(60 * SECOND)
    rate_px_s = 0.1 * 3.5 / 60
    bending = 0.5 * 5e-9 * 60**2 / PIXEL
    assert later.sigma_px == pytest.approx(np.sqrt(2) * np.sqrt(0.1**2 + (60 * rate_px_s) ** 2 + bending**2), rel=1e-6)
    assert start.at(6000 * SECOND).sigma_px > 100.0


def seen_again(rng, one, dt_s):
    """The same object later as it is measured: off by its errors."""
    after = one.at(round(one.t_tai_ns + dt_s * SECOND))
    sigma = np.sqrt(np.diag(one.cov))
    direction = after.direction + (rng.normal(0, sigma[:2]) @ after.axes)
    rate = after.rate + rng.normal(0, sigma[2:]) @ after.axes
    return Motion(after.t_tai_ns, direction / np.linalg.norm(direction), rate, after.axes, one.cov, PIXEL)


def test_a_crowd_keeps_its_numbers(rng):
    """Sixteen objects in a field of 400 px, sigma 0.3 px: none is missed and none is mixed up, whatever the order."""
    missed = wrong = n = 0
    for _ in range(60):
        places = rng.uniform(-200, 200, (16, 2)) * PIXEL
        rates = rng.uniform(-2, 2, (16, 2)) * PIXEL / 4.0
        known = [motion(2.0 + x, 0.1 + y, r, sigma_px=0.3) for (x, y), r in zip(places, rates, strict=True)]
        order = rng.permutation(16)
        found = [seen_again(rng, known[i], 64.0) for i in order]
        pairs = _pairs(known, found)
        n += 16
        missed += 16 - len(pairs)
        wrong += sum(order[k] != j for k, j in pairs.items())
    assert wrong == 0
    assert missed <= 0.01 * n


def test_which_of_two_it_is_is_not_guessed(rng):
    one = motion(1.0, 0.0, (0.0, 0.0), sigma_px=0.3)
    twin = motion(1.0 + 0.4 * PIXEL, 0.0, (0.0, 0.0), sigma_px=0.3)
    assert not _pairs([one, twin], [seen_again(rng, one, 64.0)])
    far = motion(1.0 + 30 * PIXEL, 0.0, (0.0, 0.0), sigma_px=0.3)
    assert _pairs([one, far], [seen_again(rng, one, 64.0)]) == {0: 0}


def test_another_object_at_the_place_goes_another_way(rng):
    one = motion(1.0, 0.0, (0.0, 0.0), sigma_px=0.1)
    other = motion(1.0, 0.0, (0.5 * PIXEL, 0.0), sigma_px=0.1, t_s=64.0)
    assert not _pairs([one], [other])
    assert not _pairs([one], [None])


def test_nothing_is_known_before_the_first_set():
    assert KnownObjects().next_number == 0
    assert not KnownObjects().motions
