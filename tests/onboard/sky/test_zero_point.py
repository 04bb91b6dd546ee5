"""Zero points: for the Sun's colour whatever the stars' are, with sigmas that hold."""

import numpy as np
import pytest

from sensorproc.onboard.sky.zero_point import zero_point

TRUE, TERM = 21.5, -0.12


def stars(rng, n, known, outliers=0):
    """Rates, magnitudes and colours of n stars, a share of them of known colour, a few blended with another."""
    mag, colour = rng.uniform(8.0, 11.0, n), rng.normal(1.0, 0.45, n)
    rate = 10.0 ** (-0.4 * (mag + TERM * (colour - 0.82) + rng.normal(0.0, 0.03, n) - TRUE))
    rate[:outliers] *= 1.8
    return rate, mag, np.where(rng.random(n) < known, colour, np.nan)


@pytest.mark.parametrize(("n", "known", "outliers"), [(60, 1.0, 3), (60, 0.3, 3), (12, 0.0, 1)])
def test_zero_points_are_right_and_their_sigmas_true(rng, n, known, outliers):
    """Pulls over 300 fields: mean within its error and the colours', rms between 0.5 and 1.3."""
    found = np.array([zero_point(*stars(rng, n, known, outliers)) for _ in range(300)])
    pull = (found[:, 0] - TRUE) / found[:, 1]
    assert 0.3 < np.sqrt((pull**2).mean()) < 1.3
    assert abs(found[:, 0].mean() - TRUE) < 0.01 + 0.025 * (1.0 - known)


def test_four_stars_are_too_few(rng):
    assert zero_point(*stars(rng, 4, 1.0)) is None
