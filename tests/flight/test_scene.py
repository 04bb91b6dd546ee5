"""The simulated sky and camera against independent code and closed forms."""

import math
from pathlib import Path

import astropy.units as u
import numpy as np
import pytest
from astropy.coordinates import GCRS, SkyCoord
from astropy.wcs import WCS
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate
from scipy.special import ndtr

from firmware_sim.scenario import load
from firmware_sim.scene import clock
from firmware_sim.scene.attitude import Attitude, ideal_camera, project, ra_dec_roll_deg, seen
from firmware_sim.scene.detector import Chip, particle
from firmware_sim.scene.kernels.deposit import deposit
from firmware_sim.scene.orbit import GEO_RADIUS_KM, GM_EARTH, propagate, state_from_elements
from firmware_sim.scene.render import Renderer
from firmware_sim.scene.settings import Detector, Pointing, Radiation, Sensor
from firmware_sim.scene.targets import Target, lit_mag
from firmware_sim.scene.truth import frame_truth
from sensorproc import catalog, theory
from sensorproc.timescales import tai_ns_from_utc, utc_from_tai_ns

MINI = Path(__file__).parent / "mini.toml"
SENSOR = Sensor((200, 240), 3.0, 4.0, 1.5, 6.0, 300.0, 90000.0, 6.0, 21.5, 2.0)


@pytest.fixture(scope="module")
def renderer():
    return Renderer(load(MINI).scene, catalog.shipped())


# ---- orbits and light


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
    target = Target("ball", (np.zeros(3), np.zeros(3)), 4.0, 0.3)
    place, sun = np.array([42000.0, 0, 0]), np.array([0.0, 1.5e8, 0.0])
    observer = place + 1000.0 * np.array([-math.sin(0.6), math.cos(0.6), 0.0])  # phase angle 0.6 rad

    def reflected(theta, phi):
        normal = np.array([math.sin(theta) * math.cos(phi), math.sin(theta) * math.sin(phi), math.cos(theta)])
        to_sun, to_eye = np.array([1.0, 0, 0]), np.array([math.cos(0.6), math.sin(0.6), 0])
        return max(normal @ to_sun, 0) * max(normal @ to_eye, 0) * math.sin(theta)

    surface, _ = integrate.dblquad(reflected, 0, 2 * math.pi, 0, math.pi, epsabs=1e-5)
    radius2 = target.area_m2 / math.pi
    flux = target.albedo / math.pi * radius2 * surface / (1e6**2)
    assert lit_mag(target, place, observer, sun) == pytest.approx(-26.74 - 2.5 * math.log10(flux), abs=0.005)


def test_the_earth_casts_a_shadow():
    target = Target("ball", (np.zeros(3), np.zeros(3)), 1.0, 0.2)
    sun = np.array([1.5e8, 0, 0])
    behind, beside = np.array([-42164.0, 1000.0, 0]), np.array([-42164.0, 7000.0, 0])
    observer = np.array([-42000.0, 9000.0, 0])
    assert lit_mag(target, behind, observer, sun) == math.inf
    assert lit_mag(target, beside, observer, sun) < 20


def test_times_agree_with_the_products_own(renderer):
    for k in (0, 7):
        start = clock.after(renderer.start, k * 4.0)
        assert clock.tai_ns(start) == tai_ns_from_utc("2026-11-22T14:30:00") + k * 4_000_000_000
        assert clock.iso(start) == utc_from_tai_ns(clock.tai_ns(start))


# ---- camera


@settings(max_examples=40, deadline=None)
@given(st.floats(-80, 80), st.floats(-60, 60), st.floats(-180, 180))
def test_the_projection_is_that_of_wcs(depression, elevation, roll):
    host = state_from_elements(GEO_RADIUS_KM, 1e-4, 0.01, 1.0, 2.0, 0.5)
    camera = ideal_camera(host, Pointing(depression_deg=depression, elevation_deg=elevation, roll_deg=roll))
    assert np.allclose(camera.T @ camera, np.eye(3), atol=1e-12)
    ra, dec, position_angle = ra_dec_roll_deg(camera)
    wcs, scale, turn = WCS(naxis=2), 6.0 / 3600, math.radians(position_angle)
    wcs.wcs.ctype, wcs.wcs.crval, wcs.wcs.crpix = ["RA---TAN", "DEC--TAN"], [ra, dec], [120.5, 100.5]
    wcs.wcs.cd = scale * np.array([[math.cos(turn), -math.sin(turn)], [math.sin(turn), math.cos(turn)]])
    pixels = np.array([[10.0, 20.0], [230.0, 190.0], [119.5, 99.5]])
    sky = wcs.all_pix2world(pixels, 0)
    a, d = np.radians(sky).T
    direction = np.stack([np.cos(d) * np.cos(a), np.cos(d) * np.sin(a), np.sin(d)], axis=1)
    np.testing.assert_allclose(project(direction, camera, math.radians(scale), (200, 240)), pixels, atol=1e-5)


def test_a_body_fixed_camera_trails_the_stars(renderer):
    paths = renderer._star_paths(np.array([0.0, 3.0]), 0)
    inside = (np.abs(paths[0] - 128) < 100).all(axis=1)
    moved = np.hypot(*(paths[1] - paths[0])[inside].T)
    ra, dec, _ = ra_dec_roll_deg(ideal_camera(renderer.host(0.0), renderer.scene.pointing))
    expected = 15.041 * 3.0 * math.cos(math.radians(dec)) / 6.0
    assert moved.mean() == pytest.approx(expected, abs=0.2)  # vibration 0.13 px
    assert ra >= 0


def test_jitter_is_as_set(rng):
    host = state_from_elements(GEO_RADIUS_KM, 0.0, 0.0, 0.0, 0.0, 0.0)
    attitude = Attitude(Pointing(frame_jitter_arcsec=2.0, vibration_arcsec=0.0, drift_arcsec_s=0.0), 4000, rng)
    ideal = ideal_camera(host, attitude.pointing)[:, 2]
    off = [np.degrees(np.linalg.norm(attitude.camera(host, 0.0, k)[:, 2] - ideal)) * 3600 for k in range(4000)]
    assert np.sqrt(np.mean(np.square(off)) / 2) == pytest.approx(2.0, rel=4 / math.sqrt(2 * 8000))


# ---- pixels


def test_light_is_integrated_over_pixels_and_none_is_lost():
    image = np.zeros((41, 43))
    deposit(image, np.array([[20.3, 19.8]]), np.array([1000.0]), 0.85)
    edges_x, edges_y = np.arange(44) - 0.5, np.arange(42) - 0.5
    share = np.outer(np.diff(ndtr((edges_y - 19.8) / 0.85)), np.diff(ndtr((edges_x - 20.3) / 0.85)))
    np.testing.assert_allclose(image, 1000 * share, atol=1e-3)
    assert image.sum() == pytest.approx(1000.0, rel=1e-5)
    clipped = np.zeros((10, 10))
    deposit(clipped, np.array([[-0.5, 4.0], [-50.0, 4.0], [9.0, 9.0]]), np.ones(3), 0.85)
    assert 0.5 + 0.45 < clipped.sum() < 2.0


def test_noise_follows_the_detector_equation():
    detector = Detector(hot_fraction=0.0, prnu=0.0, column_noise_dn=0.0, bias_drift_dn=0.0)
    chip = Chip(SENSOR, detector, Radiation(hits_per_frame=0.0), 1)
    a, b = (chip.read(chip.expected(np.full((200, 240), 500.0)), k)[0].astype(float) for k in (0, 1))
    electrons = 500.0 + 0.8 * 3.0
    variance_dn = (electrons + 6.0**2) / 1.5**2 + 1 / 12
    n = a.size
    assert a.mean() == pytest.approx(300 + electrons / 1.5, abs=5 * math.sqrt(variance_dn / n))
    assert 0.5 * np.var(a - b) == pytest.approx(variance_dn, rel=5 * math.sqrt(2 / n))


def test_full_well_clips_and_hot_pixels_glow():
    chip = Chip(SENSOR, Detector(), Radiation(hits_per_frame=0.0), 1)
    bright = chip.read(np.full((200, 240), 5e5), 0)[0].astype(float)
    assert (bright.mean() - 300) * 1.5 == pytest.approx(90000, rel=0.001)
    dark = np.mean([chip.read(chip.expected(np.zeros((200, 240))), k)[0] for k in range(30)], axis=0)
    excess = (dark[chip.hot_y, chip.hot_x] - 300) * 1.5 / 3.0
    assert np.median(excess / chip.dark_e_s[chip.hot_y, chip.hot_x]) == pytest.approx(1.0, abs=0.1)


def test_particles_leave_straight_tracks_of_the_right_charge(rng):
    radiation = Radiation(hits_per_frame=1.0)
    charges, lengths = [], []
    for _ in range(3000):
        frame = np.zeros((64, 64))
        particle(frame, radiation, rng)
        if frame[0].sum() + frame[-1].sum() + frame[:, 0].sum() + frame[:, -1].sum() == 0 and frame.sum() > 0:
            charges.append(frame.sum())
            lengths.append(int((frame > 0).sum()))
    # isotropic flux: the median of the cosine is sqrt(1/2), so the median path is 14 um * sqrt(2); lost at edges: long ones
    assert 14 * 75 < np.median(charges) < 14 * 75 * 1.6
    assert np.median(lengths) in (2, 3)
    assert max(lengths) > 8


# ---- truth


def test_truth_positions_are_where_the_light_is(renderer):
    exposure = renderer.expose(3)
    truth = {t["name"]: t for t in frame_truth(renderer, exposure, "x")["targets"]}
    for item in exposure.seen:
        patch, rows, columns = renderer.stamp(item)
        y, x = np.mgrid[rows, columns]
        target = truth[item.target.name]
        assert (patch * x).sum() / patch.sum() == pytest.approx(target["x"], abs=0.01)
        assert (patch * y).sum() / patch.sum() == pytest.approx(target["y"], abs=0.01)
        assert patch.sum() == pytest.approx(target["electrons"], rel=1e-3)


def test_the_clairvoyant_snr_is_that_of_theory(renderer):
    """A faint point on a flat sky: the SNR of theory for the same core, less what the halo takes."""
    exposure = renderer.expose(3)
    target = next(t for t in frame_truth(renderer, exposure, "x")["targets"] if t["name"] == "faint")
    sky = float(np.median(exposure.expected_e))
    core = (1 - renderer.scene.optics.halo_fraction) * target["electrons"]
    trail = target["streak_px"]
    s = math.sqrt(renderer.sigmas[0] ** 2 + 1 / 12)
    expected = theory.snr_streak(core, math.sqrt(sky + 36.0), trail, s)
    assert target["snr"] == pytest.approx(expected, rel=0.08)  # the halo adds a little, stars near by take some


def test_frames_depend_on_the_seed_alone(renderer):
    again = Renderer(load(MINI).scene, catalog.shipped())
    third = again.expose(3).data_dn
    assert (renderer.expose(3).data_dn == third).all()
    assert (renderer.expose(4).data_dn != third).any()
