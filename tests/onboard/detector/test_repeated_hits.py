"""Hits that fall on one pixel again and again are its own, however many pixels there are of either kind."""

import numpy as np
import pytest

from sensorproc.flags import PixelFlag
from sensorproc.onboard.detector.repeated_hits import repeated_hits

SHAPE = (200, 300)


def hit_frames(rng, n, hit_share, warm_share, taken_for_hit):
    """Flags of ``n`` frames and the warm pixels, each of which is taken for a hit in a part of the frames."""
    warm = rng.uniform(size=SHAPE) < warm_share
    frames = [(rng.uniform(size=SHAPE) < hit_share) | (warm & (rng.uniform(size=SHAPE) < taken_for_hit)) for _ in range(n)]
    return [frame * np.uint8(PixelFlag.COSMIC_RAY) | np.uint8(PixelFlag.HOT) for frame in frames], warm


@pytest.mark.parametrize("n", [4, 8, 16])
@pytest.mark.parametrize("hit_share", [1e-4, 1e-3, 1e-2])
@pytest.mark.parametrize("warm_share", [0.0, 0.01, 0.3])
def test_warm_pixels_are_told_from_hits(rng, n, hit_share, warm_share):
    flags, warm = hit_frames(rng, n, hit_share, warm_share, taken_for_hit=0.9)
    found = repeated_hits(flags)
    assert found[~warm].mean() < 1e-3
    assert warm_share == 0.0 or found[warm].mean() > 0.9


def test_other_flags_and_clean_frames_are_none():
    assert not repeated_hits([np.full(SHAPE, PixelFlag.HOT, np.uint8)] * 8).any()
