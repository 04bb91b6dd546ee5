"""Rotations, aberration and the Earth's velocity against independent code."""

import numpy as np
import pytest
from astropy.coordinates import GCRS, SkyCoord, get_body_barycentric_posvel
from astropy.time import Time
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from sensorproc import geometry
from sensorproc.onboard.sky.earth_velocity import earth_velocity_km_s
from sensorproc.timescales import tai_ns_from_utc

ARCSEC = np.radians(1 / 3600)
ANGLE = st.floats(-3.1, 3.1)


@given(ANGLE, ANGLE, ANGLE)
def test_rotation_and_quaternion_agree_with_scipy(a, b, c):
    dcm = geometry.rotation(np.array([a, b, c]))
    np.testing.assert_allclose(dcm, Rotation.from_rotvec([a, b, c]).as_matrix(), atol=1e-12)
    q = geometry.quaternion(dcm)
    assert q[0] >= 0
    np.testing.assert_allclose(geometry.dcm_from_quaternion(q), dcm, atol=1e-12)


@given(st.floats(0, 6.28), st.floats(-1.57, 1.57))
def test_radec_round_trip(ra, dec):
    back = geometry.radec_from_unit(geometry.unit_from_radec(np.float64(ra), np.float64(dec)))
    unit = geometry.unit_from_radec(*back)
    np.testing.assert_allclose(unit, geometry.unit_from_radec(np.float64(ra), np.float64(dec)), atol=1e-14)


@pytest.mark.parametrize("utc", ["2016-03-01T00:00:00", "2021-11-13T00:42:51", "2026-06-21T08:40:08", "2033-12-30T12:00:00"])
def test_aberration_of_the_catalogue_is_that_of_astropy(utc):
    rng = np.random.default_rng(4)
    unit = rng.normal(size=(50, 3))
    unit /= np.linalg.norm(unit, axis=1)[:, None]
    ours = geometry.aberrate(unit, earth_velocity_km_s(tai_ns_from_utc(utc)))
    far = SkyCoord(*geometry.radec_from_unit(unit), unit="rad", frame="icrs")
    expected = far.transform_to(GCRS(obstime=Time(utc))).cartesian.xyz.value.T
    expected /= np.linalg.norm(expected, axis=1)[:, None]
    # astropy also bends light by the Sun: 0.004 arcsec at right angles to it, which the median hardly sees
    separation = np.arccos(np.clip((ours * expected).sum(axis=1), -1, 1))
    assert np.median(separation) < 0.006 * ARCSEC
    unaberrated = np.arccos(np.clip((unit * expected).sum(axis=1), -1, 1))
    assert np.max(unaberrated) > 18 * ARCSEC


def test_the_earths_velocity_is_astropys():
    """Within 1 m/s at any time of six decades."""
    for year in np.linspace(2000.1, 2059.9, 60):
        utc = Time(year, format="jyear", scale="utc")
        expected = get_body_barycentric_posvel("earth", utc)[1].xyz.to_value("km/s")
        ours = earth_velocity_km_s(tai_ns_from_utc(utc.isot))
        assert np.linalg.norm(ours - expected) < 1e-3


def test_aberration_can_be_undone():
    unit = geometry.unit_from_radec(np.linspace(0, 6, 20), np.linspace(-1.5, 1.5, 20))
    velocity = np.array([10.0, -25.0, 12.0])
    back = geometry.aberrate(geometry.aberrate(unit, velocity), -velocity)
    assert np.abs(back - unit).max() < 0.002 * ARCSEC


@given(st.floats(-700, 700), st.floats(-700, 700), st.integers(0, 2**32 - 1))
def test_bent_places_come_back(x, y, seed):
    """The polynomial and its list of terms are one; a pixel's direction leads back to the pixel."""
    bends = tuple(np.random.default_rng(seed).normal(0.0, 2.0, geometry.N_BEND).tolist())
    terms = np.einsum("ij,j->i", geometry.bend_terms(x, y), np.array(bends))
    np.testing.assert_allclose(geometry.bent(bends, np.float64(x), np.float64(y)), terms, atol=1e-12)
    camera = geometry.Camera(2e-5, 10.0, -5.0, -1, geometry.as_rows(geometry.dcm_from_pointing(1.0, 0.3, 2.0)), bends)
    u, v = camera.pixel(camera.los_icrs(x, y))
    np.testing.assert_allclose([u, v], [x, y], atol=1e-6)
