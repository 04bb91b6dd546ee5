"""Covered rows and columns that no header speaks of."""

import numpy as np
import pytest

from sensorproc.onboard.frame.covered_borders import covered_borders


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
