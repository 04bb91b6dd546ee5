"""Frames sampled along the registered plane, stretch by stretch, against every pixel by itself."""

import math

import numpy as np
import pytest

from sensorproc.onboard.kernels.gather import gather_steady, scatter_plane

TURNS = [0.0, 1e-4, -0.003, 0.02, -0.4, math.pi / 2, math.pi]


def _transforms(rng, turn, n):
    """Turned by ``turn`` times frame numbers about the middle, moved, hardly stretched and hardly in perspective."""
    found = []
    for k in range(n):
        c, s = math.cos(k * turn), math.sin(k * turn)
        x, y = rng.uniform(-3.0, 3.0, 2)
        scale = 1.0 + rng.uniform(-1e-4, 1e-4)
        found.append([[scale * c, -scale * s, 40 - 40 * c + 30 * s + x], [scale * s, scale * c, 30 - 40 * s - 30 * c + y],
                      [*rng.uniform(-1e-7, 1e-7, 2), 1.0]])  # fmt: skip
    return np.array(found)


def _nearest(t, x, y):
    w = t[2, 0] * x + t[2, 1] * y + t[2, 2]
    return [math.floor((t[i, 0] * x + t[i, 1] * y + t[i, 2]) / w + 0.5) for i in (0, 1)]


@pytest.mark.parametrize("turn", TURNS)
def test_every_registered_pixel_has_the_inner_half_of_its_samples(rng, turn):
    n, ny, nx = 5, 60, 80
    cube, weight = rng.normal(size=(n, ny, nx)).astype(np.float32), np.ones((n, ny, nx), np.float32)
    weight[rng.uniform(size=weight.shape) < 0.1] = 0.0
    matrices = _transforms(rng, turn, n)
    steady, count = np.empty((70, 90), np.float32), np.empty((70, 90), np.uint8)
    for rows in ((0, 33), (33, 70)):
        gather_steady(cube, weight, matrices, -4, -5, *rows, steady, count)
    for j, i in np.ndindex(steady.shape):
        places = [_nearest(t, i - 4, j - 5) for t in matrices]
        seen = sorted(cube[k, v, u] for k, (u, v) in enumerate(places) if 0 <= u < nx and 0 <= v < ny and weight[k, v, u] > 0.0)
        inner = seen[len(seen) // 4 : len(seen) - len(seen) // 4]
        assert count[j, i] == len(seen)
        assert steady[j, i] == pytest.approx(float(np.mean(inner)) if inner else 0.0, abs=1e-6)


@pytest.mark.parametrize("turn", TURNS)
def test_every_pixel_of_a_frame_sees_the_plane_beneath_it(rng, turn):
    plane, count = rng.normal(size=(50, 70)).astype(np.float32), rng.integers(1, 9, (50, 70)).astype(np.uint8)
    (_, matrix) = _transforms(rng, turn, 2)
    image, seen = np.empty((60, 80), np.float32), np.empty((60, 80), np.uint8)
    scatter_plane(plane, count, 3, 6, matrix, image, seen)
    for y, x in np.ndindex(image.shape):
        i, j = (a - b for a, b in zip(_nearest(matrix, x, y), (3, 6), strict=True))
        inside = 0 <= i < 70 and 0 <= j < 50
        assert image[y, x] == (plane[j, i] if inside else 0.0)
        assert seen[y, x] == (count[j, i] if inside else 0)
