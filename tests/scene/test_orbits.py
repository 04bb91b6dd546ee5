"""Orbits, light and times of the simulated sky against independent code and closed forms."""

import math

import astropy.units as u
import numpy as np
import pytest
from astropy.coordinates import GCRS, SkyCoord
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate

from firmware_sim.scene import clock
from firmware_sim.scene.camera.optics import seen
from firmware_sim.scene.objects.illumination import brightness, lit_mag, lit_share
from firmware_sim.scene.objects.targets import Target, formation_state, light_time_direction
from firmware_sim.scene.orbit import GEO_RADIUS_KM, GM_EARTH, propagate, state_from_elements
from firmware_sim.scene.settings.targets import Formation, LightCurve
from sensorproc.conventions import ARCSEC_PER_RAD, SPEED_OF_LIGHT_KM_S
from sensorproc.timescales import tai_ns_from_utc, utc_from_tai_ns


@settings(max_examples=25, deadline=None)
@given(st.floats(0, 0.7), st.floats(0, 3), st.floats(0, 6), st.floats(-40000, 40000))
def test_propagation_equals_numerical_integration(e, inclination, anomaly, dt):
    state = state_from_elements(30000.0, e, inclination, 1.0, 2.0, anomaly)
    start = np.concatenate(state)

    def pull(t, y):
        return np.concatenate([y[3:], -GM_EARTH * y[:3] / np.linalg.norm(y[:3]) ** 3])

    exact = integrate.solve_ivp(pull, (0, dt), start, method="DOP853", rtol=1e-11, atol=1e-6).y[:, -1]
    position, velocity = propagate(state, dt)
    np.testing.assert_allclose(position, exact[:3], atol=0.01)
    np.testing.assert_allclose(velocity, exact[3:], atol=1e-5)


def test_an_escaping_object_leaves():
    position, velocity = propagate((np.array([42000.0, 0, 0]), np.array([0, 6.0, 0])), 86400.0)
    energy = [
        0.5 * v @ v - GM_EARTH / np.linalg.norm(r)
        for r, v in (((np.array([42000.0, 0, 0])), np.array([0, 6.0, 0])), (position, velocity))
    ]
    assert energy[0] == pytest.approx(energy[1], rel=1e-10)


def test_stars_appear_where_astropy_says(rng):
    time = clock.utc("2026-11-22T14:30:00")
    ra, dec = rng.uniform(0, 360, 200), np.degrees(np.arcsin(rng.uniform(-1, 1, 200)))
    stars = SkyCoord(ra * u.deg, dec * u.deg, distance=1 * u.kpc)
    expected = stars.transform_to(GCRS(obstime=time)).cartesian.xyz.value.T
    expected = expected / np.linalg.norm(expected, axis=1)[:, None]
    far = stars.cartesian.xyz.value.T / np.linalg.norm(stars.cartesian.xyz.value.T, axis=1)[:, None]
    away = far @ (clock.sun_from_earth_km(time) / np.linalg.norm(clock.sun_from_earth_km(time))) < 0.7  # no bending by the Sun
    ours = seen(far, clock.earth_velocity_km_s(time))
    error_arcsec = np.degrees(np.linalg.norm(ours - expected, axis=1)) * 3600
    assert error_arcsec[away].max() < 0.01  # what is left is the Sun's bending, 4 mas at right angles, and parallax
    assert np.degrees(np.linalg.norm(far - expected, axis=1)).max() * 3600 > 15  # without aberration


def test_a_sphere_is_as_bright_as_its_lit_surface():
    place, sun = np.array([42000.0, 0, 0]), np.array([0.0, 1.5e8, 0.0])
    observer = place + 1000.0 * np.array([-math.sin(0.6), math.cos(0.6), 0.0])  # phase angle 0.6 rad

    def reflected(theta, phi):
        normal = np.array([math.sin(theta) * math.cos(phi), math.sin(theta) * math.sin(phi), math.cos(theta)])
        to_sun, to_eye = np.array([1.0, 0, 0]), np.array([math.cos(0.6), math.sin(0.6), 0])
        return max(normal @ to_sun, 0) * max(normal @ to_eye, 0) * math.sin(theta)

    surface, _ = integrate.dblquad(reflected, 0, 2 * math.pi, 0, math.pi, epsabs=1e-5)
    area, albedo = 4.0, 0.3
    flux = albedo / math.pi * area / math.pi * surface / (1e6**2)
    assert lit_mag(area * albedo, place, observer, sun) == pytest.approx(-26.74 - 2.5 * math.log10(flux), abs=0.005)


def test_the_earth_casts_a_shadow():
    sun = np.array([1.496e8, 0, 0])
    observer = np.array([-42000.0, 9000.0, 0])
    assert lit_mag(0.2, np.array([-42164.0, 1000.0, 0]), observer, sun) == math.inf
    assert lit_mag(0.2, np.array([-42164.0, 7000.0, 0]), observer, sun) < 20
    assert lit_share(np.array([42164.0, 100.0, 0]), sun) == 1.0
    # half-width of umbra and penumbra at the geostationary radius: similar triangles
    edges = [6378.137 - 42164 * (695_700 - 6378) / 1.496e8, 6378.137 + 42164 * (695_700 + 6378) / 1.496e8]
    shares = [lit_share(np.array([-42164.0, edge, 0]), sun) for edge in (edges[0] - 15, np.mean(edges), edges[1] + 15)]
    assert shares == [0.0, pytest.approx(0.5, abs=0.05), 1.0]


@settings(max_examples=8, deadline=None)
@given(st.floats(-12, 12).filter(lambda v: abs(v) > 0.3), st.floats(0, 0.2), st.floats(0, 6), st.floats(0, 0.01))
def test_a_neighbours_place_and_rate_agree_with_integration(offset_deg, inclination, anomaly, e):
    """Directions with light time over an hour within 0.05 arcsec, rates within 0.05 arcsec a minute."""
    host = state_from_elements(GEO_RADIUS_KM, 2e-4, 5e-4, 1.0, 0.2, 0.3)
    other = state_from_elements(GEO_RADIUS_KM + 5, e, inclination, 1.5 + math.radians(offset_deg) - anomaly, 0.0, anomaly)
    if np.linalg.norm(other[0] - host[0]) < 100:
        return
    solved = [_integrated(state, 1800.0) for state in (host, other)]
    target = Target("other", other, 1.0)
    before = None
    for t in np.arange(-1800.0, 1800.1, 300.0):
        ours, _ = light_time_direction(target, float(t), propagate(host, float(t))[0])
        delay = 0.0
        for _ in range(3):
            line = solved[1](t - delay)[:3] - solved[0](t)[:3]
            delay = float(np.linalg.norm(line)) / SPEED_OF_LIGHT_KM_S
        exact = line / np.linalg.norm(line)
        error = (ours - exact) * ARCSEC_PER_RAD
        assert np.abs(error).max() < 0.05
        if before is not None:
            assert np.abs(error - before).max() / 5 < 0.05
        before = error


def _integrated(state, half_s):
    """The two-body problem integrated numerically, as a function of time from minus to plus ``half_s``."""

    def pull(t, y):
        return np.concatenate([y[3:], -GM_EARTH * y[:3] / np.linalg.norm(y[:3]) ** 3])

    start = np.concatenate(state)
    spans = [(0, sign * (half_s + 5)) for sign in (-1, 1)]
    parts = [integrate.solve_ivp(pull, span, start, method="DOP853", rtol=1e-12, atol=1e-8, dense_output=True) for span in spans]
    return lambda t: parts[0].sol(t) if t < 0 else parts[1].sol(t)


def test_a_formation_moves_as_clohessy_and_wiltshire_say():
    n = math.sqrt(GM_EARTH / GEO_RADIUS_KM**3)
    chief = state_from_elements(GEO_RADIUS_KM, 0.0, 0.0, 0.0, 0.0, 0.0)
    x, y, z, vx, vy, vz = 1.0, -2.0, 0.5, 1e-4, -2e-4, 5e-5
    f = Formation(name="d", around="c", offset_km=(x, y, z), velocity_m_s=(vx * 1e3, vy * 1e3, vz * 1e3), area_m2=1)
    deputy = formation_state(f, chief)
    for t in (600.0, 5000.0):
        s, c = math.sin(n * t), math.cos(n * t)
        expected = np.array([
            (4 - 3 * c) * x + s / n * vx + 2 / n * (1 - c) * vy,
            6 * (s - n * t) * x + y - 2 / n * (1 - c) * vx + (4 * s - 3 * n * t) / n * vy,
            z * c + vz / n * s,
        ])  # fmt: skip
        (r, v), (rd, _) = propagate(chief, t), propagate(deputy, t)
        h = np.cross(r, v)
        axes = np.stack([r / np.linalg.norm(r), np.cross(h, r) / np.linalg.norm(np.cross(h, r)), h / np.linalg.norm(h)])
        np.testing.assert_allclose(axes @ (rd - r), expected, atol=2e-3)  # the equations are linear in 1e-4 of the radius


def test_light_curves():
    t = np.linspace(0, 40, 4001)
    tumbler = -2.5 * np.log10(brightness(LightCurve(kind="tumbling", period_s=10.0, amplitude_mag=1.2), t))
    assert np.ptp(tumbler) == pytest.approx(1.2, abs=1e-3)
    flash = brightness(LightCurve(kind="glint", period_s=10.0, amplitude_mag=3.0, glint_s=0.5), t)
    assert flash.max() == pytest.approx(10**1.2)
    assert (flash[:1000] > 1 + 0.5 * (10**1.2 - 1)).sum() * 0.01 == pytest.approx(0.5, abs=0.03)
    assert (brightness(LightCurve(), t) == 1.0).all()


def test_times_agree_with_the_products_own():
    start = clock.utc("2026-11-22T14:30:00")
    for k in (0, 7):
        later = clock.after(start, k * 4.0)
        assert clock.tai_ns(later) == tai_ns_from_utc("2026-11-22T14:30:00") + k * 4_000_000_000
        assert clock.iso(later) == utc_from_tai_ns(clock.tai_ns(later))
