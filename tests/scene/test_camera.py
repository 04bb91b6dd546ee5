"""The simulated camera's pointing and projection against astropy and closed forms."""

import math

import numpy as np
import pytest
from astropy.wcs import WCS
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware_sim.scene.camera.attitude import Attitude, camera_at_middle, ra_dec_roll_deg
from firmware_sim.scene.camera.optics import Lens
from firmware_sim.scene.orbit import GEO_RADIUS_KM, SIDEREAL_RATE, state_from_elements
from firmware_sim.scene.settings.scene import Optics, Pointing


@settings(max_examples=40, deadline=None)
@given(st.floats(-80, 80), st.floats(-60, 60), st.floats(-180, 180))
def test_the_projection_is_that_of_wcs(sensor, depression, elevation, roll):
    host = state_from_elements(GEO_RADIUS_KM, 1e-4, 0.01, 1.0, 2.0, 0.5)
    camera = camera_at_middle(host, Pointing(depression_deg=depression, elevation_deg=elevation, roll_deg=roll))
    assert np.allclose(camera.T @ camera, np.eye(3), atol=1e-12)
    ra, dec, position_angle = ra_dec_roll_deg(camera)
    wcs, scale, turn = WCS(naxis=2), 6.0 / 3600, math.radians(position_angle)
    wcs.wcs.ctype, wcs.wcs.crval, wcs.wcs.crpix = ["RA---TAN", "DEC--TAN"], [ra, dec], [120.5, 100.5]
    wcs.wcs.cd = scale * np.array([[math.cos(turn), -math.sin(turn)], [math.sin(turn), math.cos(turn)]])
    pixels = np.array([[10.0, 20.0], [230.0, 190.0], [119.5, 99.5]])
    sky = wcs.all_pix2world(pixels, 0)
    a, d = np.radians(sky).T
    direction = np.stack([np.cos(d) * np.cos(a), np.cos(d) * np.sin(a), np.sin(d)], axis=1)
    lens = Lens(Optics(distortion_px=0.0), sensor, 0.0)
    np.testing.assert_allclose(lens.project(direction, camera), pixels, atol=1e-5)


HOST = state_from_elements(GEO_RADIUS_KM, 0.0, 0.0, 0.0, 0.0, 0.0)
STILL = {"frame_jitter_arcsec": 0.0, "exposure_jitter_arcsec": 0.0, "vibration_arcsec": 0.0, "drift_arcsec_s": 0.0}


@pytest.mark.parametrize("mode", ["body_fixed", "sidereal", "rate_track"])
def test_stars_move_as_the_mode_says(mode, rng, sensor):
    """Over a minute, a star in mid-field: with the orbit's rate, not at all, or against the rate that is tracked."""
    pointing = Pointing(mode=mode, track_arcsec_s=(6.0, -3.0), roll_deg=0.0, **STILL)
    attitude, lens = Attitude(pointing, HOST, 1, rng), Lens(Optics(distortion_px=0.0), sensor, 0.0)
    star = attitude.middle[:, 2][None]
    moved = (lens.project(star, attitude.camera(30.0, 0)) - lens.project(star, attitude.camera(-30.0, 0)))[0]
    orbital = SIDEREAL_RATE * 60 * math.degrees(1) * 3600 / 6.0
    expected = {"body_fixed": (orbital, 0.0), "sidereal": (0.0, 0.0), "rate_track": (-60.0, 30.0)}[mode]
    np.testing.assert_allclose(np.abs(moved), np.abs(expected), atol=0.02)
    if mode == "rate_track":
        np.testing.assert_allclose(moved, expected, atol=0.02)


def test_jitter_is_as_set(rng):
    attitude = Attitude(Pointing(**STILL | {"frame_jitter_arcsec": 2.0}), HOST, 4000, rng)
    ideal = attitude.ideal(0.0)[:, 2]
    off = [np.degrees(np.linalg.norm(attitude.camera(0.0, k)[:, 2] - ideal)) * 3600 for k in range(4000)]
    assert np.sqrt(np.mean(np.square(off)) / 2) == pytest.approx(2.0, rel=4 / math.sqrt(2 * 8000))


def test_vibration_moves_slowly_or_blurs_and_never_both(rng):
    """The variance of a sine is shared between what a dwell averages and what it smears."""
    attitude = Attitude(Pointing(**STILL | {"vibration_arcsec": 3.0, "vibration_hz": 2.0}), HOST, 1, rng)
    times = np.arange(0.0, 50.0, 0.013)
    for dwell_s in (0.0, 0.1, 0.4, 3.1):
        off = np.array([(attitude.camera(t, 0, dwell_s).T @ attitude.ideal(t)[:, 2])[:2] for t in times])
        total = off.var(axis=0) * (math.degrees(1) * 3600) ** 2 + (attitude.blur_rad(dwell_s) * math.degrees(1) * 3600) ** 2
        np.testing.assert_allclose(total, 4.5, rtol=0.02)


def test_distortion_and_width_grow_towards_the_corner(sensor):
    lens = Lens(Optics(distortion_px=2.0, field_growth=0.1), sensor, 0.0)
    flat = Lens(Optics(distortion_px=0.0, field_growth=0.0), sensor, 0.0)
    camera, ifov = np.eye(3), math.radians(6.0 / 3600)
    out = np.array([[u * ifov, v * ifov, 1.0] for u, v in ((119.5, 99.5), (0.0, 0.0), (59.75, 49.75))])
    bent = lens.project(out, camera) - flat.project(out, camera)
    np.testing.assert_allclose(np.hypot(*bent.T), [2.0, 0.0, 0.25], atol=1e-6)  # cubic: an eighth at half way
    widths = lens.widths_px(np.array([[239.0, 199.0], [119.5, 99.5]]))
    assert widths[0] / widths[1] == pytest.approx(1.1)
