"""How warm the dark charge of a frame is, where the payload has a map of it."""

import numpy as np
import pytest

from sensorproc.onboard.frame.dark_warmth import Warmth, warmth

SHAPE = (300, 260)


def sky(rng, gradient=0.0):
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]]
    image = 200.0 + gradient * x + rng.normal(0.0, 15.0, SHAPE)
    for cx, cy in rng.uniform(10, 250, (40, 2)):
        image += 5000.0 * np.exp(-((x - cx) ** 2 + (y - cy) ** 2) / 4.0)
    return image


def dark_map(rng, share):
    return np.where(rng.uniform(size=SHAPE) < share, 300.0 * np.exp(0.8 * rng.normal(size=SHAPE)), 0.0).astype(np.float32)


@pytest.mark.parametrize("scale", [0.4, 0.8, 1.3, 2.5])
@pytest.mark.parametrize("share", [0.02, 0.12])
def test_another_temperature_is_told_under_stars_and_stray_light(rng, scale, share):
    dark = dark_map(rng, share)
    image = (sky(rng, gradient=5.0) + scale * dark).astype(np.float32)
    assert warmth(image, dark, None, np.ones(SHAPE, bool)).scale == pytest.approx(scale, rel=0.02)


@pytest.mark.parametrize("scale", [1.0, 0.95, 1.05])
def test_what_the_maps_own_errors_may_do_is_no_temperature(rng, scale):
    dark = dark_map(rng, 0.05)
    image = (sky(rng) + scale * dark).astype(np.float32)
    assert warmth(image, dark, None, np.ones(SHAPE, bool)).scale == 1.0
    learnt = warmth(image, dark, np.full(SHAPE, 3.0, np.float32), np.ones(SHAPE, bool))
    assert learnt.scale == pytest.approx(scale, abs=0.01)


def test_a_map_of_noise_tells_nothing(rng):
    dark = np.abs(rng.normal(0.0, 5.0, SHAPE)).astype(np.float32)
    assert warmth(sky(rng).astype(np.float32), dark, np.full(SHAPE, 5.0, np.float32), np.ones(SHAPE, bool)) == Warmth()
    assert warmth(sky(rng).astype(np.float32), np.zeros(SHAPE, np.float32), None, np.ones(SHAPE, bool)) == Warmth()
    assert warmth(sky(rng).astype(np.float32), dark_map(rng, 0.1), None, np.zeros(SHAPE, bool)) == Warmth()


@pytest.mark.parametrize("scatter", [0.0, 0.05, 0.2, 0.4])
@pytest.mark.parametrize("scale", [1.0, 1.5])
def test_how_much_pixels_scatter_about_a_map_is_told(rng, scatter, scale):
    """Noise and photons of the charge are not taken for errors of the map."""
    dark = dark_map(rng, 0.1)
    charge = scale * dark * (1.0 + scatter * rng.normal(size=SHAPE)).clip(0.0)
    image = (sky(rng) + rng.poisson(charge)).astype(np.float32)
    assert warmth(image, dark, None, np.ones(SHAPE, bool)).scatter == pytest.approx(scatter, abs=0.04 + 0.15 * scatter)
