"""What stands still among the stars: frames sampled along the registered plane, without resampling them."""

import math

import numpy as np

from sensorproc.onboard.kernels.jit import f4, f8, i8, kernel, out, ro, u1, void
from sensorproc.onboard.kernels.sorting import sort_columns

MISSING = np.float32(3.4e38)  # It sorts behind every sample.


@kernel(void(ro(f4, 3), ro(f4, 3), ro(f8, 3), i8, i8, i8, i8, out(f4, 2), out(u1, 2)))
def gather_steady(cube, weight, to_detector, x0, y0, first, last, steady, count):
    """Rows ``first`` to ``last`` of ``steady`` (my, mx): mean of the inner half of the samples of each registered pixel;
    ``count`` of samples.

    Registered pixel (x0 + i, y0 + j) goes to the nearest pixel of every frame by ``to_detector`` (n, 3, 3). Pixels of zero
    weight are left out. Outer quarters fall away: a particle, a mover or a star's neighbour brightens a few frames only.
    """
    n, ny, nx = cube.shape
    mx = steady.shape[1]
    samples = np.empty((n, mx), np.float32)
    for j in range(first, last):
        count[j] = 0
        for k in range(n):
            t, row, flat, seen = to_detector[k], samples[k], cube[k], weight[k]
            y = float(y0 + j)
            for i in range(mx):
                x = float(x0 + i)
                w = t[2, 0] * x + t[2, 1] * y + t[2, 2]
                u = int(math.floor((t[0, 0] * x + t[0, 1] * y + t[0, 2]) / w + 0.5))
                v = int(math.floor((t[1, 0] * x + t[1, 1] * y + t[1, 2]) / w + 0.5))
                row[i] = MISSING
                if u >= 0 and v >= 0 and u < nx and v < ny and seen[v, u] > 0.0:
                    row[i] = flat[v, u]
                    count[j, i] += 1
        sort_columns(samples)
        for i in range(mx):
            m = int(count[j, i])
            outer = m // 4
            total = f4(0.0)
            for p in range(outer, m - outer):
                total += samples[p, i]
            steady[j, i] = total / f4(max(m - 2 * outer, 1))


@kernel(void(ro(f4, 2), ro(u1, 2), i8, i8, ro(f8, 2), out(f4, 2), out(u1, 2)))
def scatter_plane(plane, count, x0, y0, to_registered, image, seen):
    """``image`` (ny, nx): the value of the registered plane under every pixel of one frame, 0 outside; ``seen``: its count.

    ``to_registered`` (3, 3) leads from the detector to the plane, whose corner is (x0, y0); the nearest pixel counts.
    """
    ny, nx = image.shape
    my, mx = plane.shape
    t = to_registered
    for y in range(ny):
        for x in range(nx):
            w = t[2, 0] * x + t[2, 1] * y + t[2, 2]
            i = int(math.floor((t[0, 0] * x + t[0, 1] * y + t[0, 2]) / w + 0.5)) - x0
            j = int(math.floor((t[1, 0] * x + t[1, 1] * y + t[1, 2]) / w + 0.5)) - y0
            inside = 0 <= i < mx and 0 <= j < my
            image[y, x] = plane[j, i] if inside else f4(0.0)
            seen[y, x] = count[j, i] if inside else 0
