"""Velocity shift-and-add against its slow twin, and the walk uphill."""

import numpy as np
import pytest

from sensorproc.onboard.kernels.filtered import half_pixel_phases
from sensorproc.onboard.kernels.shift_add import BAND_ROWS, climb, shift_add
from tests.oracles import slow


@pytest.mark.parametrize(("n", "m"), [(6, 1), (8, 3), (5, 4)])
def test_sums_of_both_signs_equal_their_slow_twins(rng, n, m):
    """In parts whose edges are no band's, with trails that differ by the frame."""
    reach, margin, shape = 5, 12, (BAND_ROWS + 23, 37)
    phases = rng.integers(-100, 101, (2, 2, n, shape[0] + 2 * margin, shape[1] + 2 * margin)).astype(np.int8)
    taps = rng.integers(-8, 9, (n, m, 2)) if m > 1 else np.zeros((n, 1, 2), np.int64)
    scale = (rng.uniform(0.6, 0.9, n) if m > 1 else np.ones(n)).astype(np.float32)
    shifts = rng.integers(-2 * reach, 2 * reach + 1, (4, n))
    wanted, gain = np.ones((3, 4), np.uint8), np.ones((3, 4), np.float32)
    wanted[1, 2] = 0
    extreme, index = np.empty((2, *shape), np.int16), np.empty((2, *shape), np.int32)
    for y0, y1 in ((0, 11), (11, shape[0])):
        shift_add(phases, taps, scale, shifts, shifts[:3], wanted, gain, margin, reach, 40, y0, y1, extreme, index)
    tile = slow.trailed(phases, taps, scale, margin - reach)
    best, best_index = slow.shift_add(tile, shifts, shifts[:3], wanted, reach, 40)
    worst, worst_index = slow.shift_add(-tile, shifts, shifts[:3], wanted, reach, 40)
    assert (extreme[0] == best).all()
    assert (extreme[1] == -worst).all()
    assert (index[0] == best_index).all()
    assert (index[1] == worst_index).all()
    assert {-1, 11} <= set(index.ravel().tolist())


def test_a_gain_multiplies_both_signs(rng):
    phases = rng.integers(-100, 101, (2, 2, 4, 30, 30)).astype(np.int8)
    fixed = np.zeros((4, 1, 2), np.int64), np.ones(4, np.float32), np.zeros((1, 4), np.int64), np.zeros((1, 4), np.int64)
    extreme, index = np.empty((2, 2, 20, 20), np.int16), np.empty((2, 2, 20, 20), np.int32)
    for i, gain in enumerate((1.0, 1.5)):
        work = *fixed, np.ones((1, 1), np.uint8), np.full((1, 1), gain, np.float32)
        shift_add(phases, *work, 5, 1, 0, 0, 20, extreme[i], index[i])
    np.testing.assert_allclose(extreme[1], 1.5 * extreme[0], atol=1.0)


@pytest.mark.parametrize("sign", [1, -1])
def test_a_climb_ends_on_the_objects_path(rng, sign):
    """A point moving at an unseen rate between the grid's: the walk gains nearly all of its sum."""
    n, size, margin, s = 8, 41, 16, 1.3
    times = np.arange(n) - 3.5
    x, y, vx, vy = 20.3, 19.8, 0.63, -0.41
    v, u = np.mgrid[: size + 2 * margin, : size + 2 * margin]
    phases = np.empty((2, 2, n, *v.shape), np.int8)
    for k, t in enumerate(times):
        for py in (0, 1):
            for px in (0, 1):
                dx, dy = u + 0.5 * px - margin - x - vx * t, v + 0.5 * py - margin - y - vy * t
                phases[py, px, k] = sign * np.rint(100.0 * np.exp(-0.5 * (dx**2 + dy**2) / s**2))
    seeds, sums = np.array([[21.0, 19.0, 0.5, -0.25]]), np.empty(1)
    climb(phases, np.zeros((n, 1, 2), np.int64), np.ones(n, np.float32), times, margin, sign, seeds, sums, 0.5, 0.1)
    assert sums[0] > 0.95 * 100.0 * n
    np.testing.assert_allclose(seeds[0], (x, y, vx, vy), atol=0.3)


def test_half_pixel_phases_are_cubic_interpolation(rng):
    """A smooth image between its pixels, rounded to levels and cut where they end."""
    v, u = np.mgrid[:40, :50]

    def light(x, y):
        return 30.0 * np.sin(0.35 * x + 0.2) * np.cos(0.3 * y)

    phases = np.empty((2, 2, 40, 50), np.int8)
    half_pixel_phases(light(u, v).astype(np.float32), 5.0, phases[0, 0], phases[0, 1], phases[1, 0], phases[1, 1])
    inner = np.s_[2:-3, 2:-3]
    for py, px in np.ndindex(2, 2):
        expected = np.clip(5.0 * light(u + 0.5 * px, v + 0.5 * py), -127.0, 127.0)
        assert np.abs(phases[py, px] - expected)[inner].max() < 1.5
