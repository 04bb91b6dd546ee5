"""Median over frames of the valid samples of each pixel, by insertion sort (sets hold few frames)."""

from sensorproc.onboard.kernels.jit import f4, kernel, out, ro, u1, void


@kernel(void(ro(f4, 3), ro(u1, 3), out(f4, 1), out(f4, 2), out(u1, 2)))
def temporal_median(cube, invalid, scratch, median, count):
    """``median`` (ny, nx) and ``count`` of valid samples of ``cube`` (n, ny, nx); 0 where nothing is valid."""
    n, ny, nx = cube.shape
    for y in range(ny):
        for x in range(nx):
            m = 0
            for k in range(n):
                if invalid[k, y, x] != 0:
                    continue
                value = cube[k, y, x]
                p = m
                while p > 0 and scratch[p - 1] > value:
                    scratch[p] = scratch[p - 1]
                    p -= 1
                scratch[p] = value
                m += 1
            count[y, x] = m
            if m == 0:
                median[y, x] = 0.0
            elif m % 2:
                median[y, x] = scratch[m // 2]
            else:
                median[y, x] = (scratch[m // 2 - 1] + scratch[m // 2]) * f4(0.5)
