"""Streaks of very unequal brightness in one frame, through the command line: bright ones do not use up what faint ones need."""

import math

import numpy as np
import pytest

from tests.skies import made
from tests.test_strangers import processed

SIZE, WIDTH = 360, 2.0
NOISE = math.sqrt(made.SKY_E + made.READ_E**2)


def _streaks(rng, n):
    """Ends (n, 4) of streaks, and their SNRs (n,): from twice the threshold to 25 times it, brightest first."""
    length, angle = rng.uniform(60.0, 150.0, n), rng.uniform(0.0, math.pi, n)
    x, y = rng.uniform(90.0, SIZE - 90.0, (2, n))
    dx, dy = 0.5 * length * np.cos(angle), 0.5 * length * np.sin(angle)
    return np.stack([x - dx, y - dy, x + dx, y + dy], axis=1), np.geomspace(200.0, 16.0, n)


def _nearest(ends, x, y):
    """Distance [px] of a place from the nearest streak, and which it is."""
    start, way = ends[:, :2], ends[:, 2:] - ends[:, :2]
    along = (((x, y) - start) * way).sum(axis=1) / (way**2).sum(axis=1)
    foot = start + along.clip(0.0, 1.0)[:, None] * way
    distance = np.hypot(*((x, y) - foot).T)
    return float(distance.min()), int(distance.argmin())


@pytest.mark.parametrize("seed", [0, *(pytest.param(k, marks=pytest.mark.slow) for k in range(1, 10))])
def test_faint_streaks_are_found_beside_bright_ones(tmp_path, seed):
    rng = np.random.default_rng(700 + seed)
    ends, snrs = _streaks(rng, 10)
    lights = []
    for (x0, y0, x1, y1), snr in zip(ends.tolist(), snrs.tolist(), strict=True):
        pixels = math.hypot(x1 - x0, y1 - y0) * 2.0 * math.sqrt(math.pi) * WIDTH / made.FWHM_PER_SIGMA
        lights.append(made.streak(3, (x0, y0), (x1, y1), snr * NOISE * math.sqrt(pixels)))
    _, streaks, *_ = processed(tmp_path, made.frames(rng, lights, shape=(SIZE, SIZE), optics=made.Optics(WIDTH, 0.0)))
    seen = [_nearest(ends, streak["x_px"], streak["y_px"]) for streak in streaks]
    assert max(distance for distance, _ in seen) < 2.0
    assert len({number for _, number in seen}) >= 9  # one may lie along a brighter one, or on a star
