"""Plate solutions: tracked, lost in space, refused; learnt optics; stars no filter finds; covered borders."""

import math
from dataclasses import replace

import numpy as np
import pytest

from sensorproc.catalog import patterns
from sensorproc.catalog.sky import Sky
from sensorproc.catalog.stars import shipped
from sensorproc.config import Config
from sensorproc.conventions import ARCSEC_PER_RAD
from sensorproc.flags import PixelFlag
from sensorproc.geometry import N_BEND, aberrate, compose, dcm_from_pointing, rotation
from sensorproc.onboard.products import PixelMeasurement, Solved
from sensorproc.onboard.sky.earth_velocity import earth_velocity_km_s
from sensorproc.onboard.sky.saturated_stars import saturated_stars, sky_stars
from sensorproc.onboard.sky.solve import solve
from sensorproc.onboard.sky_measurement import sky_sigmas
from tests.skies.star_fields import SIDE, anywhere, error_px, frame_of, solved, star_list

FIELD_DEG = 9.2  # a band with few patterns, quick to build


@pytest.fixture(scope="module", autouse=True)
def cache(tmp_path_factory):
    """Indices of this module are built here, not in the user's folder."""
    folder = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(patterns.FOLDER, str(folder))
        patterns.of_catalog.cache_clear()
        yield folder
    patterns.of_catalog.cache_clear()


def test_nothing_but_the_scale_is_needed(rng):
    """Any attitude, either parity, the scale 5 % off, spurious stars: found or refused, never wrong."""
    n_found = 0
    for _ in range(25):
        camera = anywhere(rng, FIELD_DEG)
        stars, _ = star_list(rng, camera, 30, 0.3)
        result, _ = solved(stars, None, camera.ifov_rad * rng.uniform(0.95, 1.05))
        if result.is_star_solution:
            assert error_px(result.camera, camera) < 0.5
            assert result.camera.parity == camera.parity
            n_found += 1
        else:
            assert result.reason == "NO_MATCH"
    assert n_found >= 21


def test_no_field_no_solution(rng):
    for _ in range(25):
        camera = anywhere(rng, FIELD_DEG)
        stars, _ = star_list(rng, camera, 30, 0.3)
        stars[:, :2] = rng.uniform(0, SIDE, (len(stars), 2))
        for prior in (None, camera):
            result, _ = solved(stars, prior, camera.ifov_rad)
            assert not result.is_star_solution
            assert result.reason == "NO_MATCH"


@pytest.mark.parametrize("place", [(0.0, 0.3), (1.0, 1.5707), (2.0, -1.57), (6.2831, -0.4)], ids=["0 h", "pole", "south", "24 h"])
def test_a_wrong_header_is_put_right(rng, place):
    """0.1 deg and 1 deg of roll by tracking; at the poles and where right ascension begins anew."""
    camera = anywhere(rng, 2.4).with_attitude(dcm_from_pointing(*place, 0.7))
    stars, bound_px = star_list(rng, camera, 60, 0.3)
    off = np.radians([0.07, -0.07, 1.0])
    result, _ = solved(stars, camera.with_attitude(compose(camera.dcm, rotation(off))), camera.ifov_rad)
    assert result.is_star_solution
    assert error_px(result.camera, camera) < 0.1 + 5.0 * bound_px


def test_a_header_wrong_by_a_degree_is_no_help_and_no_harm(rng):
    n_found = 0
    for _ in range(10):
        camera = anywhere(rng, FIELD_DEG)
        stars, _ = star_list(rng, camera, 40, 0.3)
        off = camera.with_attitude(compose(camera.dcm, rotation(np.radians([0.7, -0.7, 2.0]))))
        result, _ = solved(stars, off, camera.ifov_rad * 1.02)
        assert not result.is_star_solution or error_px(result.camera, camera) < 0.5
        n_found += result.is_star_solution
    assert n_found >= 8


def test_three_stars_are_too_few(rng):
    camera = anywhere(rng, FIELD_DEG)
    stars, _ = star_list(rng, camera, 3, 0.0)
    result, _ = solved(stars, camera, camera.ifov_rad)
    assert not result.is_star_solution
    assert result.reason == "FEW_STARS"


def test_optics_are_learnt_over_frames(rng):
    """Six frames that look elsewhere teach a radial distortion of 3 px at the corner, which no single frame is told."""
    bends = np.zeros(N_BEND)
    bends[[8, 10, 13, 15]] = 8.0
    true = replace(anywhere(rng, 4.0), distortion=tuple(bends.tolist()), parity=1)
    frames = []
    for _ in range(6):
        axis = rng.normal(0, math.radians(3.0), 3)
        camera = true.with_attitude(compose(rotation(axis), true.dcm))
        stars, _ = star_list(rng, camera, 80, 0.1)
        frames.append((camera, frame_of(stars, replace(camera, distortion=()), camera.ifov_rad)))
    config = Config().solve
    registered = [replace(frame, is_stare=False) for _, frame in frames]
    found, optics = solve(registered, Sky(None, config).stars([f.facts for f in registered]), config)
    assert all(s.is_star_solution for s in found)
    x = y = np.array([20.0, 500.0, 1000.0])
    for (camera, _), result in zip(frames, found, strict=True):
        u, v = result.camera.pixel(camera.los_icrs(x, y))
        assert np.hypot(u - x, v - y).max() < 0.15
    assert optics.ifov_rad == pytest.approx(true.ifov_rad, rel=2e-4)


def test_light_comes_from_ahead_of_the_earth(rng):
    """Solved on stars at rest, the boresight is off by aberration: up to 20.5 arcsec; solved as we do, by nothing."""
    camera = anywhere(rng, 3.0)
    stars, _ = star_list(rng, camera, 60, 0.0)
    result, _ = solved(stars, camera, camera.ifov_rad)
    axis = camera.dcm[:, 2]
    shift = math.degrees(float(np.sqrt(((aberrate(axis, earth_velocity_km_s(0)) - axis) ** 2).sum()))) * 3600
    assert shift < 20.6
    assert error_px(result.camera, camera) < 0.1  # 10.5 arcsec a pixel


def test_a_damaged_index_is_built_again(cache):
    band = patterns.band_of(math.radians(FIELD_DEG))
    first = patterns.of_catalog(shipped(), band)
    (path,) = cache.rglob(f"patterns-*-{band:02d}.npz")
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0xFF
    path.write_bytes(bytes(data))
    patterns.of_catalog.cache_clear()
    again = patterns.of_catalog(shipped(), band)
    assert np.array_equal(first.quads, again.quads)
    assert np.array_equal(first.keys, again.keys)
    patterns.of_catalog.cache_clear()
    assert np.array_equal(patterns.of_catalog(shipped(), band).unit, first.unit)


def test_bands_cover_what_is_promised():
    assert patterns.band_of(math.radians(0.79)) is None
    assert patterns.band_of(math.radians(0.8)) == 0
    fields = [math.degrees(patterns.field_of(patterns.band_of(math.radians(f)))) for f in (0.9, 2.0, 5.0, 12.0, 20.0, 40.0)]
    assert all(mine <= given for mine, given in zip(fields, (0.9, 2.0, 5.0, 12.0, 20.0, 40.0), strict=True))


def test_saturated_stars_are_used(rng):
    """A disc of lost pixels is a star at its middle; a charge trail along a column and a single hot pixel are none."""
    frame = frame_of(np.array([[40.0, 41.0, 50.0], [300.0, 300.0, 40.0]]), None, 1e-5)
    y, x = np.mgrid[:SIDE, :SIDE]
    image = (9e5 * np.exp(-((x - 40.3) ** 2 + (y - 40.6) ** 2) / 8.0)).astype(np.float32)
    flags = (image > 5e4).astype(np.uint8) * np.uint8(PixelFlag.SATURATED)
    flags[500:600, 200] = PixelFlag.SATURATED
    flags[700:703, 700:703] = PixelFlag.SATURATED
    flat = replace(frame.flattened, image_e=np.minimum(image, 5e4), flags=flags)
    found = saturated_stars(flat, 2.0)
    assert len(found) == 1
    assert found[0, :2] == pytest.approx([40.3, 40.6], abs=0.05)
    stars = sky_stars(replace(frame, flattened=flat, psf_sigma_px=2.0))
    assert len(stars) == 2  # the wing that was found beside it is not counted again


def test_the_solution_errors_grow_from_the_boresight(rng):
    """At the boresight only its own turns count; at a corner roll and scale join them, across and along the radius."""
    camera = anywhere(rng, 3.0)
    frame = frame_of(star_list(rng, camera, 60, 0.3)[0], camera, camera.ifov_rad)
    cov = np.diag([0.1, 0.2, 1e-3, 0.0]) ** 2
    solution = Solved(camera, True, 30, 0.1, cov, None, None, registered=frame)
    arcsec = camera.ifov_rad * ARCSEC_PER_RAD
    assert solution.sigma_arcsec == pytest.approx(math.sqrt(0.5 * (0.1**2 + 0.2**2)) * arcsec)
    exact = PixelMeasurement(camera.x0_px, camera.y0_px, (0.0, 0.0, 0.0), 1.0, 0.1, 10.0, -9.0, False, 0.0, 0.0, 0)
    here = sky_sigmas(solution, exact)
    assert math.hypot(*here) == pytest.approx(math.hypot(0.1, 0.2) * arcsec, rel=1e-6)
    there = sky_sigmas(solution, replace(exact, x_px=camera.x0_px + 300.0))
    assert math.hypot(*there) == pytest.approx(math.sqrt(0.1**2 + 0.2**2 + 0.3**2) * arcsec, rel=2e-3)
