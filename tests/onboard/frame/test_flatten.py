"""Electrons above the background, and the noise that is left."""

import numpy as np
import pytest

from sensorproc.config import Config
from sensorproc.errors import FrameSetRejected
from sensorproc.flags import PixelFlag
from sensorproc.frames import SensorFacts
from sensorproc.onboard.frame.flatten import flatten
from sensorproc.onboard.image.matched_filter import noise_at
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
    assert float(noise_at(made, (50, 60))) == pytest.approx(expected, rel=0.1)


def test_a_frame_without_noise_is_refused():
    with pytest.raises(FrameSetRejected) as refused:
        flat(np.full(SHAPE, 500.0))
    assert refused.value.reason == "FLAT"
