"""Covered rows and columns that no header speaks of."""

import numpy as np
import pytest

from sensorproc.flags import PixelFlag
from sensorproc.frames import SensorFacts
from sensorproc.onboard.frame.covered_borders import covered_borders, with_covers_of_most
from sensorproc.onboard.products import Flattened, FrameFacts


def test_covered_borders_are_seen(rng):
    """A step from a cover's level to the sky's; a slope of stray light is none."""
    image = rng.normal(500.0, 20.0, (300, 400)).astype(np.float32)
    usable = np.ones(image.shape, bool)
    assert covered_borders(image, usable, 0.08) == (0, 0, 0, 0)
    slope = image + np.linspace(0.0, 4000.0, 400, dtype=np.float32)
    assert covered_borders(slope, usable, 0.08) == (0, 0, 0, 0)
    image[:, :12] = rng.normal(40.0, 5.0, (300, 12))
    image[-5:] = rng.normal(40.0, 5.0, (5, 400))
    left, right, first, last = covered_borders(image, usable, 0.08)
    assert 12 <= left <= 15
    assert 5 <= last <= 8
    assert (right, first) == (0, 0)


@pytest.mark.parametrize("second", [0.0, 500.0, np.nan])
def test_frames_without_noise_have_no_covered_borders(second):
    """Constant, half constant, or with a part that is not known: nothing is divided by a spread of zero."""
    image = np.full((120, 150), 7.0, np.float32)
    image[:, 75:] = second
    usable = np.isfinite(image)
    assert all(0 <= n <= 15 for n in covered_borders(image, usable, 0.08))
    image[0] = 300.0
    assert all(0 <= n <= 15 for n in covered_borders(image, usable, 0.08))


def test_a_cover_beside_an_amplifier_of_another_level_is_seen(rng):
    image = rng.normal(500.0, 20.0, (300, 400)).astype(np.float32)
    image[:, 200:] += 60.0
    image[:, -8:] -= 80.0
    left, right, first, last = covered_borders(image, np.ones(image.shape, bool), 0.08)
    assert 8 <= right <= 11
    assert (left, first, last) == (0, 0, 0)


@pytest.mark.parametrize("scale_px", [15.0, 30.0, 60.0])
def test_light_that_fades_towards_an_edge_is_no_cover(rng, scale_px):
    image = rng.normal(500.0, 20.0, (300, 400))
    image -= 150.0 * np.exp(-np.arange(400) / scale_px)[None, :]
    assert covered_borders(image.astype(np.float32), np.ones(image.shape, bool), 0.08) == (0, 0, 0, 0)


@pytest.mark.parametrize(("n_seen", "in_all"), [(5, True), (2, False)])
def test_a_cover_that_most_frames_show_is_in_all(n_seen, in_all):
    shape, frames = (40, 50), []
    for k in range(8):
        flags = np.zeros(shape, np.uint8)
        flags[:, 44:] |= PixelFlag.NO_DATA.value * (k < n_seen)
        flags[3, 4] = PixelFlag.NO_DATA.value
        facts = FrameFacts(k, 0, 10**18 + k, 1.0, shape, SensorFacts(), None, None, True)
        frames.append(Flattened(facts, np.zeros(shape, np.float32), np.ones(shape, np.float32), flags))
    flags = np.stack([frame.flags for frame in with_covers_of_most(frames)])
    assert (flags[n_seen:, :, 44:] > 0).all() == in_all
    assert (flags[:n_seen, :, 44:] > 0).all()
    assert (flags[:, :, :44] > 0).sum() == 8
