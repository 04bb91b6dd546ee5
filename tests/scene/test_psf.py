"""Images of points that are no Gaussians, against astropy and against the Airy pattern in closed form."""

import math
from dataclasses import replace

import numpy as np
import pytest
from astropy.modeling.models import Moffat2D
from scipy.special import j1

from firmware_sim.scene.camera.optics import Lens
from firmware_sim.scene.camera.psf import COLOURS, FWHM_OF_AIRY, REACH_PX, Profile, core_px
from firmware_sim.scene.settings.scene import Optics
from sensorproc.conventions import FWHM_PER_SIGMA

MOFFAT = Optics(family="moffat", moffat_beta=3.0)
ROUND = Optics(family="pupil", obscuration=0.0, spider=0.0)
CENTRE = REACH_PX + 5


def image_of(optics, fwhm_px, place, blur_px=0.0):
    image = np.zeros((2 * CENTRE + 1,) * 2)
    Profile(optics, fwhm_px, blur_px).add(image, np.array([place], float), np.array([1.0]))
    return image


def integrated(curve, place, samples=15):
    """A curve of two coordinates integrated over the pixels."""
    u = (np.arange((2 * CENTRE + 1) * samples) + 0.5) / samples - 0.5
    fine = curve(u[None, :] - place[0], u[:, None] - place[1])
    pixels = fine.reshape(2 * CENTRE + 1, samples, 2 * CENTRE + 1, samples).sum(axis=(1, 3))
    return pixels / pixels.sum()


def airy(x, y, fwhm_px):
    total = 0.0
    for colour in COLOURS:
        r = np.maximum(math.pi * np.hypot(x, y) * FWHM_OF_AIRY / fwhm_px / colour, 1e-9)
        total = total + (2 * j1(r) / r) ** 2 / colour**2
    return total


@pytest.mark.parametrize("place", [(CENTRE, CENTRE), (CENTRE + 0.31, CENTRE - 0.43)])
@pytest.mark.parametrize("fwhm_px", [1.3, 2.0, 4.0])
def test_a_moffat_is_astropys_at_any_phase(fwhm_px, place):
    gamma = 0.5 * fwhm_px / math.sqrt(2 ** (1 / 3) - 1)
    wanted = integrated(lambda x, y: Moffat2D(1.0, 0.0, 0.0, gamma, 3.0)(x, y), place)
    np.testing.assert_allclose(image_of(MOFFAT, fwhm_px, place), wanted, atol=0.012 * wanted.max())


@pytest.mark.parametrize("place", [(CENTRE, CENTRE), (CENTRE + 0.31, CENTRE - 0.43)])
@pytest.mark.parametrize("fwhm_px", [1.3, 2.0, 4.0])
def test_a_round_aperture_gives_the_airy_pattern(fwhm_px, place):
    wanted = integrated(lambda x, y: airy(x, y, fwhm_px), place)
    np.testing.assert_allclose(image_of(ROUND, fwhm_px, place), wanted, atol=0.025 * wanted.max())


@pytest.mark.parametrize(
    "optics",
    [MOFFAT, ROUND, replace(ROUND, obscuration=0.4, spider=0.03, defocus_waves=0.25), replace(ROUND, coma_waves=0.15)],
)
def test_no_light_is_lost_and_the_place_is_right_at_any_phase(optics, rng):
    base = image_of(optics, 2.0, (CENTRE, CENTRE))
    y, x = np.indices(base.shape)
    near = np.hypot(y - CENTRE, x - CENTRE) < 8  # wings are cut at the edges of the image
    offset = [(near * base * axis).sum() / (near * base).sum() - CENTRE for axis in (x, y)]
    for dx, dy in rng.uniform(-0.5, 0.5, (5, 2)):
        image = image_of(optics, 2.0, (CENTRE + dx, CENTRE + dy))
        assert image.sum() == pytest.approx(1.0, abs=2e-3)
        window = np.exp(-0.5 * (np.hypot(y - CENTRE - dy, x - CENTRE - dx) / 3) ** 2)
        still = np.exp(-0.5 * (np.hypot(y - CENTRE, x - CENTRE) / 3) ** 2)
        for axis, moved in ((x, dx), (y, dy)):
            found = (window * image * axis).sum() / (window * image).sum()
            before = (still * base * axis).sum() / (still * base).sum()
            assert found - before == pytest.approx(moved, abs=0.02)
    assert max(map(abs, offset)) < (1.0 if optics.coma_waves else 0.01)


def test_a_defocused_obscured_aperture_is_a_ring():
    donut = image_of(replace(ROUND, obscuration=0.45, defocus_waves=0.36), 2.0, (CENTRE, CENTRE))
    # On the axis light interferes away where the defocus over the open ring is one wave from peak to valley.
    ring = max(donut[CENTRE, CENTRE + r] for r in range(2, 9))
    assert ring > 1.5 * donut[CENTRE, CENTRE]


def test_blur_widens_every_family():
    for optics in (MOFFAT, ROUND):
        sharp, shaken = (image_of(optics, 2.0, (CENTRE, CENTRE), blur).max() for blur in (0.0, 1.0))
        assert shaken < 0.7 * sharp


def test_the_equivalent_core_of_a_sharp_family_is_near_its_width():
    assert core_px(Optics(), 2.0) == pytest.approx(2.0 / FWHM_PER_SIGMA)
    assert core_px(Optics(family="moffat", moffat_beta=20.0), 2.0) == pytest.approx(2.0 / FWHM_PER_SIGMA, rel=0.05)
    assert core_px(replace(ROUND, defocus_waves=0.3), 2.0) > 1.5 * core_px(ROUND, 2.0)


def test_many_points_are_the_sum_of_single_ones_and_trails_keep_their_light(sensor, rng):
    small = replace(sensor, shape_px=(70, 90))
    lens = Lens(MOFFAT, small, 0.0)
    paths = rng.uniform([-10, -10], [100, 80], (4, 6, 2))
    shares = rng.uniform(10, 100, (4, 6))
    together, one_by_one = np.zeros(small.shape_px), np.zeros(small.shape_px)
    lens.add(together, paths, shares, np.zeros(6))
    for k in range(6):
        lens.add(one_by_one, paths[:, k : k + 1], shares[:, k : k + 1], np.zeros(1))
    np.testing.assert_allclose(together, one_by_one, atol=2e-4)
