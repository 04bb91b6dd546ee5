"""Electrons above the background, and the noise that is left."""

import numpy as np
import pytest

from sensorproc.config import Config, Flatten
from sensorproc.errors import FrameSetRejected
from sensorproc.flags import PixelFlag
from sensorproc.frames import SensorFacts
from sensorproc.onboard.frame.flatten import flatten
from sensorproc.onboard.image.background import background_maps, finer_background
from sensorproc.onboard.products import Calibrated, FrameFacts

SHAPE, NOISE = (256, 320), 12.0
FACTS = FrameFacts(0, 0, 10**18, 2.0, SHAPE, SensorFacts(), None, None, True)


def flat(image, dark=None):
    config = Config()
    flags = np.zeros(SHAPE, np.uint8)
    return flatten(Calibrated(FACTS, image.astype(np.float32), dark, None, flags), config.flatten)


def test_a_gradient_and_stars_leave_the_background_at_zero(rng):
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]]
    image = 500.0 + 0.5 * x + 0.3 * y + rng.normal(0.0, NOISE, SHAPE)
    for cx, cy in rng.uniform(20, 230, (40, 2)):
        image += 4000.0 * np.exp(-((x - cx) ** 2 + (y - cy) ** 2) / 2.0)
    made = flat(image)
    assert abs(float(np.median(made.image_e))) < 0.1 * NOISE
    assert made.facts.noise_e == pytest.approx(NOISE, rel=0.08)  # the wings of stars in a crowded field widen it
    assert made.facts.background_e == pytest.approx(500.0 + 0.5 * 160 + 0.3 * 128, rel=0.02)


def test_the_darks_own_noise_is_added_and_hot_pixels_are_flagged(rng):
    image = 500.0 + rng.normal(0.0, NOISE, SHAPE)
    dark = np.zeros(SHAPE, np.float32)
    dark[100, 100], dark[50, 60] = 10000.0, 40.0
    made = flat(image, dark)
    assert made.flags[100, 100] == PixelFlag.HOT
    assert made.flags[50, 60] == 0
    expected = np.hypot(NOISE, np.sqrt(40.0 + (Config().flatten.dark_error * 40.0) ** 2))
    assert float(made.sigma_e[50, 60]) == pytest.approx(expected, rel=0.1)


def test_a_frame_without_noise_is_refused():
    with pytest.raises(FrameSetRejected) as refused:
        flat(np.full(SHAPE, 500.0))
    assert refused.value.reason == "FLAT"


def _arc(shape, peak_e, width_px):
    y, x = np.mgrid[: shape[0], : shape[1]]
    return peak_e * np.exp(-((np.hypot(x - 430.0, y + 100.0) - 450.0) ** 2) / (2.0 * width_px**2))


@pytest.mark.parametrize("width_px", [15.0, 25.0, 40.0])
@pytest.mark.parametrize("peak_e", [1500.0, 6000.0])
def test_arcs_of_stray_light_are_followed_and_make_no_noise(rng, width_px, peak_e):
    light = 700.0 + _arc(SHAPE, peak_e, width_px)
    image = rng.poisson(light).astype(np.float32)
    made, noise = flat(image), np.sqrt(light)
    inner = np.s_[24:-24, 24:-24]
    coarse = image - background_maps(image, np.zeros(SHAPE, np.uint8), Flatten())[0]
    left, before = (float((one / noise)[inner].std()) for one in (made.image_e, coarse))
    assert left < 1.0 + 0.35 * (before - 1.0)
    assert np.percentile((made.sigma_e / noise)[inner], 95) < 2.0 * left


@pytest.mark.parametrize("what", ["stars", "comet", "streak"])
def test_what_is_no_stray_light_keeps_the_coarse_mesh(rng, what):
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]]
    light = np.zeros(SHAPE)
    if what == "stars":
        for u, v, flux in zip(*rng.uniform(0, 320, (2, 700)), rng.pareto(1.0, 700) * 300.0, strict=True):
            light += min(flux, 1e5) / (2.0 * np.pi * 1.2**2) * np.exp(-((x - u) ** 2 + (y - v) ** 2) / (2.0 * 1.2**2))
    elif what == "comet":
        light += 500.0 * np.exp(-((x - 180.0) ** 2 + (y - 200.0) ** 2) / (2.0 * 12.0**2))
    else:
        light += 800.0 * np.exp(-((0.6 * (x - 180.0) - 0.8 * (y - 200.0)) ** 2) / (2.0 * 1.5**2))
    image = rng.poisson(700.0 + light).astype(np.float32)
    clear = np.zeros(SHAPE, np.uint8)
    background, sigma = background_maps(image, clear, Flatten())
    assert finer_background(image - background, clear, sigma, Flatten()) is None
