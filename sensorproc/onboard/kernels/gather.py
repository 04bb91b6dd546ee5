"""What stands still among the stars: frames sampled along the registered plane, without resampling them.

Frames are turned against one another by little: whole stretches of a row go to a row. Their ends are looked for, and what lies
between is copied.
"""

import math

import numpy as np

from sensorproc.onboard.kernels.jit import f4, f8, i8, kernel, out, ro, u1, void
from sensorproc.onboard.kernels.sorting import sort_columns

MISSING = np.float32(3.4e38)  # It sorts behind every sample.
FIRST_STEP = 32  # Pixels to where a stretch is first looked for; twice as many each time it goes on.


@kernel(void(ro(f8, 2), f8, f8, out(i8, 1)))
def nearest(t, x, y, place):
    """Pixel u, v (2,) nearest to where ``t`` (3, 3) brings (x, y)."""
    w = t[2, 0] * x + t[2, 1] * y + t[2, 2]
    place[0] = int(math.floor((t[0, 0] * x + t[0, 1] * y + t[0, 2]) / w + 0.5))
    place[1] = int(math.floor((t[1, 0] * x + t[1, 1] * y + t[1, 2]) / w + 0.5))


@kernel(i8(ro(f8, 2), f8, f8, i8, i8, out(i8, 1)))
def stretch_end(t, x0, y, i, n, place):
    """End of the stretch from pixel ``i`` of ``n`` on, at (x0 + i, y), whose pixels ``t`` brings side by side into one row;
    ``place`` (2,) receives u, v of the first."""
    nearest(t, x0 + i, y, place)
    u, v = place[0], place[1]
    last, after, step = i, n, FIRST_STEP
    while last + 1 < after:  # ``last`` is on the stretch, ``after`` is not
        j = min(last + step, after - 1) if after == n else (last + after) // 2
        nearest(t, x0 + j, y, place)
        if place[0] == u + j - i and place[1] == v:
            last = j
            step *= 2
        else:
            after = j
    place[0], place[1] = u, v
    return last + 1


@kernel(void(ro(f4, 1), ro(f4, 1), out(f4, 1), out(u1, 1)))
def take(values, weight, samples, count):
    """Values of positive weight to ``samples``, counted in ``count``."""
    for i in range(len(values)):
        good = weight[i] > f4(0.0)
        samples[i] = values[i] if good else MISSING
        count[i] += u1(good)


@kernel(void(ro(f4, 3), ro(f4, 3), ro(f8, 3), i8, i8, i8, i8, out(f4, 2), out(u1, 2)))
def gather_steady(cube, weight, to_detector, x0, y0, first, last, steady, count):
    """Rows ``first`` to ``last`` of ``steady`` (my, mx): mean of the inner half of the samples of each registered pixel;
    ``count`` of samples.

    Registered pixel (x0 + i, y0 + j) goes to the nearest pixel of every frame by ``to_detector`` (n, 3, 3). Pixels of zero
    weight are left out. Outer quarters fall away: a particle, a mover or a star's neighbour brightens a few frames only.
    """
    n, ny, nx = cube.shape
    mx = steady.shape[1]
    samples, place = np.empty((n, mx), np.float32), np.empty(2, np.int64)
    for j in range(first, last):
        count[j] = 0
        for k in range(n):
            samples[k] = MISSING
            i = 0
            while i < mx:
                end = stretch_end(to_detector[k], float(x0), float(y0 + j), i, mx, place)
                u, v = place[0] - i, place[1]
                a, b = max(i, -u), min(end, nx - u)
                if 0 <= v < ny and a < b:
                    take(cube[k, v, u + a : u + b], weight[k, v, u + a : u + b], samples[k, a:b], count[j, a:b])
                i = end
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
    place = np.empty(2, np.int64)
    for y in range(ny):
        image[y] = 0.0
        seen[y] = 0
        x = 0
        while x < nx:
            end = stretch_end(to_registered, 0.0, float(y), x, nx, place)
            i, j = place[0] - x0 - x, place[1] - y0
            a, b = max(x, -i), min(end, mx - i)
            if 0 <= j < my and a < b:
                image[y, a:b] = plane[j, i + a : i + b]
                seen[y, a:b] = count[j, i + a : i + b]
            x = end
