"""Trails as rows of points: what they keep of an object's light, and the noise of their sums."""

import math
from types import SimpleNamespace

import numpy as np
import pytest
from scipy import ndimage

from sensorproc.onboard.search.tiles import Tile, tiles
from sensorproc.onboard.search.velocity_boxes import Box, Centre
from tests.oracles import slow

STILL = SimpleNamespace(transform=SimpleNamespace(inverse=((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0))))
TURNED = SimpleNamespace(transform=SimpleNamespace(inverse=((0.8, -0.6, 5.0), (0.6, 0.8, -3.0), (0.0, 0.0, 1.0))))


def _stack(s, trail, registration=STILL, n=4):
    return SimpleNamespace(
        psf_sigma_px=s, times=np.arange(n) - 0.5 * (n - 1), exposure_fraction=0.9, registrations=[registration] * n,
        trails=lambda vx, vy: np.tile(trail, (n, 1)), pattern_scales=None,
    )  # fmt: skip


def _tile(stack):
    grid = np.array([0.0])
    return Tile(stack, Box((Centre("stars", 0.0, 0.0),), 1.0), grid, grid, np.ones((1, 1), np.uint8))


@pytest.mark.parametrize("s", [0.5, 0.85, 1.6])
@pytest.mark.parametrize("length", [0.0, 0.6, 1.3, 2.7, 5.0, 8.0, 20.0])
def test_a_row_of_points_sees_a_trail_nearly_as_well_as_its_own_filter(rng, s, length):
    """In unit noise: within 0.2 dB, and 1.2 for the narrowest PSF, which half-pixels sample too coarsely."""
    for angle in rng.uniform(0.0, math.pi, 4):
        taps, scale = _tile(_stack(s, (length, math.cos(angle), math.sin(angle)))).trail
        size, middle = 81, 40
        light = slow.trail(middle, middle, length, angle, s, (size, size))
        point = slow.trail(middle, middle, 0.0, 0.0, s, (size, size))
        seen = ndimage.correlate(light, point[20:61, 20:61] / math.sqrt(float((point**2).sum())), mode="constant")
        at = middle + 0.5 * taps[0][:, ::-1].T
        total = float(scale[0]) * float(ndimage.map_coordinates(seen, at, order=3).sum())
        assert 20.0 * math.log10(math.sqrt(float((light**2).sum())) / total) < (0.2 if s > 0.6 else 1.2)


@pytest.mark.parametrize("length", [0.0, 2.7, 8.0])
def test_its_sum_has_unit_noise(rng, length):
    s = 0.85
    taps, scale = _tile(_stack(s, (length, 0.6, 0.8))).trail
    kernel = slow.trail(8, 8, 0.0, 0.0, s, (17, 17))
    noise = ndimage.correlate(rng.normal(size=(600, 600)), kernel / math.sqrt(float((kernel**2).sum())))
    total = sum(ndimage.shift(noise, -0.5 * tap[::-1], order=3) for tap in taps[0]) * float(scale[0])
    assert total[20:-20, 20:-20].std() == pytest.approx(1.0, abs=0.04)


def test_points_lie_along_the_trail_in_the_registered_plane():
    """Where the frame is turned against it, the trail on the detector is turned back."""
    (across, down), _ = _tile(_stack(0.85, (8.0, 1.0, 0.0), TURNED)).trail[0][0].T, None
    ends = across[[0, -1]], down[[0, -1]]
    assert math.atan2(ends[1][1] - ends[1][0], ends[0][1] - ends[0][0]) == pytest.approx(math.atan2(-0.6, 0.8), abs=0.15)


def test_tiles_hold_every_velocity_of_a_box_once(monkeypatch):
    stack = _stack(0.85, (1.0, 1.0, 0.0), n=16)
    box = Box((Centre("stars", 0.0, 0.0),), 4.0)
    monkeypatch.setattr(Box, "wanted", lambda box, stack, step: np.ones(tuple(len(g) for g in box.grid(step))[::-1], np.uint8))
    parts = tiles(stack, box, 4.0 / 15.0)
    rates = [(x, y) for tile in parts for y in tile.grid_y.tolist() for x in tile.grid_x.tolist()]
    assert len(parts) > 1
    assert len(set(rates)) == len(rates) == 31 * 31
    for tile in parts:
        for grid, shift, way in zip((tile.grid_x, tile.grid_y), tile.shifts, tile.way.T, strict=True):
            np.testing.assert_allclose(shift + way, 2.0 * grid[:, None] * stack.times, atol=0.5)  # the nearest half-pixel
            assert np.abs(shift).max() <= 2 * tile.reach
