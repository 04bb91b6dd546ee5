"""Charge that comes late is found behind warm pixels, whichever way they are read, and nothing where nothing is late."""

import numpy as np
import pytest

from sensorproc.onboard.frame.deferred_charge import late_charge

SHAPE = (320, 280)
TRAIL = 0.03, 0.015, 0.008  # of the charge, at the far end
HELD = 0.08


def warm(rng, share=0.08):
    return np.where(rng.uniform(size=SHAPE) < share, 400.0 * np.exp(0.7 * rng.normal(size=SHAPE)), 0.0).astype(np.float32)


def late(dark):
    """Charge moved behind, the first axis being the way away from the readout."""
    gone = dark * ((np.arange(len(dark)) + 1.0) / len(dark))[:, None]
    moved = -HELD * gone
    for k, share in enumerate(TRAIL, 1):
        moved[k:] += share * gone[:-k]
    return moved


def sky(rng, shape):
    return 150.0 + rng.normal(0.0, 12.0, shape)


@pytest.mark.parametrize("turn", range(4))
@pytest.mark.parametrize("scale", [1.0, 0.8])
def test_trails_are_found_whichever_way_they_lie(rng, turn, scale):
    """Two thirds of what is late, and more, is known."""
    dark = warm(rng)
    expected = scale * late(dark)
    image = sky(rng, SHAPE) + scale * dark + expected
    dark, image, expected = (np.ascontiguousarray(np.rot90(one, turn)).astype(np.float32) for one in (dark, image, expected))
    found = late_charge(image, dark, np.ones(image.shape, bool))
    behind = (dark == 0.0) & (np.abs(expected) > 2.0)
    assert found is not None
    assert np.abs(found - expected)[behind].mean() < 0.35 * np.abs(expected[behind]).mean()
    own = dark > 0.0
    assert np.median(found[own] / expected[own]) == pytest.approx(1.0, abs=0.35)


@pytest.mark.parametrize("share", [0.0, 0.005, 0.08])
def test_nothing_is_late_in_a_good_detector(rng, share):
    dark = warm(rng, share)
    image = (sky(rng, SHAPE) + dark).astype(np.float32)
    assert late_charge(image, dark, np.ones(SHAPE, bool)) is None


def test_stars_are_no_late_charge(rng):
    dark = warm(rng)
    image = sky(rng, SHAPE) + dark
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]]
    for cx, cy in rng.uniform(5, 270, (150, 2)):
        image += 3000.0 * np.exp(-((x - cx) ** 2 + (y - cy) ** 2) / 3.0)
    assert late_charge(image.astype(np.float32), dark, np.ones(SHAPE, bool)) is None
