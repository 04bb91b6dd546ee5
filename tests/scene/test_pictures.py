"""Rendered stars measured by independent code: the truth is where, how bright and how long the pixels say."""

import math
from dataclasses import replace

import numpy as np
import pytest
from astropy.table import QTable
from photutils.psf import CircularGaussianPRF, PSFPhotometry
from scipy.special import ndtr

from firmware_sim.scene.camera.attitude import Attitude
from firmware_sim.scene.camera.chip import Chip
from firmware_sim.scene.camera.optics import Lens
from firmware_sim.scene.camera.readout import read
from firmware_sim.scene.kernels.deposit import deposit
from firmware_sim.scene.orbit import GEO_RADIUS_KM, SIDEREAL_RATE, state_from_elements
from firmware_sim.scene.settings.detector import Radiation
from firmware_sim.scene.settings.scene import Optics, Pointing
from sensorproc.conventions import ARCSEC_PER_RAD, FWHM_PER_SIGMA
from tests.scene.quiet import QUIET

GRID_PX = 22
SKY_E = 30.0


def test_light_is_integrated_over_pixels_and_none_is_lost():
    image = np.zeros((41, 43))
    deposit(image, np.array([[20.3, 19.8]]), np.array([1000.0]), np.array([0.85]))
    edges_x, edges_y = np.arange(44) - 0.5, np.arange(42) - 0.5
    share = np.outer(np.diff(ndtr((edges_y - 19.8) / 0.85)), np.diff(ndtr((edges_x - 20.3) / 0.85)))
    np.testing.assert_allclose(image, 1000 * share, atol=1e-3)
    assert image.sum() == pytest.approx(1000.0, rel=1e-5)
    clipped = np.zeros((10, 10))
    deposit(clipped, np.array([[-0.5, 4.0], [-50.0, 4.0], [9.0, 9.0]]), np.ones(3), np.full(3, 0.85))
    assert 0.5 + 0.45 < clipped.sum() < 2.0


@pytest.mark.parametrize("fwhm_px", [1.5, 2.0, 3.0])
def test_stars_lie_where_photutils_finds_them(sensor, fwhm_px, rng):
    """PSF photometry of isolated stars: centroids scatter by the Cramer-Rao bound (chi-squared 0.8-1.25 per bin of
    flux), fluxes are right to 0.3 %. Bounds are those of this image: pixels, sky and star photons, read noise."""
    n_side = 18
    large = replace(sensor, shape_px=(n_side * GRID_PX,) * 2, psf_fwhm_px=fwhm_px)
    lens = Lens(Optics(halo_fraction=0.0, field_growth=0.0, distortion_px=0.0), large, 0.0)
    centres = (np.arange(n_side) + 0.5) * GRID_PX
    places = np.stack(np.meshgrid(centres, centres), axis=-1).reshape(-1, 2) + rng.uniform(-0.5, 0.5, (n_side**2, 2))
    electrons = np.repeat([1500.0, 20000.0], n_side**2 // 2)
    light = np.full(large.shape_px, SKY_E)
    lens.add(light, places[None], electrons[None], np.full(len(places), lens.core_px))
    chip = Chip(large, QUIET, 1, 1)
    data = read(chip, Radiation(hits_per_frame=0), chip.expected(light, 0), 0, 7)[0]
    image = (data - 300.0) * 1.5 - SKY_E
    error = np.sqrt(light + 36.0 + 1.5**2 / 12)
    start = QTable({"x_0": places[:, 0], "y_0": places[:, 1], "flux_0": electrons})
    found = PSFPhotometry(CircularGaussianPRF(fwhm=fwhm_px), 11)(image, error=error, init_params=start)
    for level in np.unique(electrons):
        mine = electrons == level
        bound = np.array([cramer_rao(*place, level, lens.core_px) for place in places[mine]])
        dx, dy = (np.asarray(found[f"{axis}_fit"])[mine] - places[mine, k] for k, axis in enumerate("xy"))
        chi2 = 0.5 * np.mean((dx / bound[:, 0]) ** 2 + (dy / bound[:, 1]) ** 2)
        assert 0.8 < chi2 < 1.25, (level, chi2)
        ratio = np.asarray(found["flux_fit"])[mine] / level
        assert ratio.mean() == pytest.approx(1.0, abs=0.003 + 2 * ratio.std() / math.sqrt(mine.sum()))
        assert abs(dx.mean()) < 4 * bound[:, 0].mean() / math.sqrt(mine.sum())


def cramer_rao(x, y, electrons, sigma):
    """Bounds on x and y [px] of a star on a known background, by Fisher's information over 25 x 25 pixels."""
    i, j = np.round([x, y])
    pixels = np.arange(-12, 13)

    def model(x0, y0):
        share = [np.diff(ndtr((np.append(c + pixels, c + 13) - 0.5 - at) / sigma)) for c, at in ((i, x0), (j, y0))]
        return np.outer(share[1], share[0])

    step = 1e-4
    by_x = electrons * (model(x + step, y) - model(x - step, y)) / (2 * step)
    by_y = electrons * (model(x, y + step) - model(x, y - step)) / (2 * step)
    slopes = np.stack([by_x.ravel(), by_y.ravel(), model(x, y).ravel()])
    variance = (electrons * model(x, y) + SKY_E + 36.0 + 1.5**2 / 12).ravel()
    return np.sqrt(np.diag(np.linalg.inv(slopes / variance @ slopes.T)))[:2]


@pytest.mark.parametrize("exposure_s", [2.0, 12.0])
def test_trailed_stars_are_as_long_and_as_steep_as_the_orbit_says(sensor, exposure_s, rng):
    """Second moments of a star's light: length to 0.05 px, angle to 0.1 deg of the orbit's rate and the camera's roll."""
    host = state_from_elements(GEO_RADIUS_KM, 0.0, 0.0, 0.0, 0.0, 0.0)
    still = {"frame_jitter_arcsec": 0.0, "exposure_jitter_arcsec": 0.0, "vibration_arcsec": 0.0, "drift_arcsec_s": 0.0}
    attitude = Attitude(Pointing(roll_deg=25.0, **still), host, 1, rng)
    lens = Lens(Optics(halo_fraction=0.0, distortion_px=0.0), sensor, 0.0)
    star = attitude.middle[:, 2][None]
    times = ((np.arange(200) + 0.5) / 200 - 0.5) * exposure_s
    path = np.array([lens.project(star, attitude.camera(t, 0)) for t in times])
    light = np.zeros(sensor.shape_px)
    lens.add(light, path, np.full((200, 1), 1000.0 / 200), np.array([lens.core_px]))
    y, x = np.mgrid[: light.shape[0], : light.shape[1]]
    moments = np.cov(np.stack([x.ravel(), y.ravel()]), aweights=light.ravel(), ddof=0)
    values, vectors = np.linalg.eigh(moments)
    length = math.sqrt(12 * (values[1] - (sensor.psf_fwhm_px / FWHM_PER_SIGMA) ** 2 - 1 / 12))
    assert length == pytest.approx(SIDEREAL_RATE * exposure_s * ARCSEC_PER_RAD / sensor.ifov_arcsec, abs=0.05)
    angle = math.degrees(math.atan(vectors[1, 1] / vectors[0, 1]))
    assert abs(angle) == pytest.approx(25.0, abs=0.1)
