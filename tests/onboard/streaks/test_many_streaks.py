"""Streaks of very unequal brightness in one frame: bright ones do not use up what faint ones need."""

import math
from dataclasses import replace

import numpy as np
import pytest

from sensorproc.config import Streaks
from sensorproc.onboard.streaks.find import find_streaks
from tests.oracles import slow
from tests.skies.frames import made_up_frames
from tests.skies.stages import stages_of

SIZE = 512


@pytest.fixture(scope="module")
def template():
    """A residual of a set in which nothing is."""
    return stages_of(made_up_frames(SIZE, 4)).results["stack"].frames[0]


def _nearest(ends, x, y):
    """Distance [px] of a place from the nearest streak, and which it is."""
    start, way = ends[:, :2], ends[:, 2:] - ends[:, :2]
    along = (((x, y) - start) * way).sum(axis=1) / (way**2).sum(axis=1)
    distance = np.hypot(*((x, y) - start - along.clip(0.0, 1.0)[:, None] * way).T)
    return float(distance.min()), int(distance.argmin())


@pytest.mark.parametrize("seed", range(4))
def test_faint_streaks_are_found_beside_bright_ones(template, seed):
    """Ten of them, from twice the threshold to seventy times it; noise alone in the other frames."""
    rng = np.random.default_rng(700 + seed)
    s, n = template.registration.psf_sigma_px, 10
    length, angle = rng.uniform(60.0, 200.0, n), rng.uniform(0.0, math.pi, n)
    x, y = rng.uniform(110.0, SIZE - 110.0, (2, n))
    images = rng.normal(size=(4, SIZE, SIZE))
    for *where, snr in zip(x, y, length, angle, np.geomspace(500.0, 14.0, n), strict=True):
        light = slow.trail(*where, s, (SIZE, SIZE))
        images[1] += snr / math.sqrt(float((light**2).sum())) * light
    empty = np.zeros((SIZE, SIZE))
    frames = [
        replace(
            template, image_e=image.astype(np.float32), weight=np.ones((SIZE, SIZE), np.float32),
            flags=empty.astype(np.uint8), star_snr=empty.astype(np.float16),
        )
        for image in images
    ]  # fmt: skip
    found = find_streaks(frames, Streaks())
    assert {k for k, _ in found} == {1}
    dx, dy = 0.5 * length * np.cos(angle), 0.5 * length * np.sin(angle)
    ends = np.stack([x - dx, y - dy, x + dx, y + dy], axis=1)
    seen = [_nearest(ends, *streak.middle) for _, streak in found]
    assert max(distance for distance, _ in seen) < 2.0
    assert len({number for _, number in seen}) >= 9  # one may lie along a brighter one
