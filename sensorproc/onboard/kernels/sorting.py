"""Short columns sorted side by side, and their medians: sets hold few frames, rows many pixels."""

import numpy as np

from sensorproc.onboard.kernels.jit import f4, i8, kernel, out, ro, u1, void


@kernel(void(out(f4, 1), out(f4, 1)))
def exchange(low, high):
    """Element by element, the smaller into ``low``, the larger into ``high``."""
    for i in range(len(low)):
        a, b = low[i], high[i]
        low[i] = min(a, b)
        high[i] = max(a, b)


@kernel(void(out(f4, 2)))
def sort_columns(rows):
    """Sort every column of ``rows`` (n, m) in place, by Batcher's odd-even merging network (Knuth 5.3.4, any n)."""
    n = len(rows)
    p = i8(1)
    while p < n:
        k = p
        while k >= 1:
            for j in range(k % p, n - k, 2 * k):
                for i in range(j, min(j + k, n - k)):
                    if i // (2 * p) == (i + k) // (2 * p):
                        exchange(rows[i], rows[i + k])
            k //= 2
        p *= 2


@kernel(void(ro(f4, 3), ro(u1, 3), out(f4, 2), out(u1, 2)))
def temporal_median(cube, invalid, median, count):
    """``median`` (ny, nx) and ``count`` of valid samples of ``cube`` (n, ny, nx); 0 where nothing is valid."""
    n, ny, nx = cube.shape
    rows = np.empty((n, nx), np.float32)
    for y in range(ny):
        for x in range(nx):
            count[y, x] = 0
        for k in range(n):
            for x in range(nx):
                good = invalid[k, y, x] == 0
                rows[k, x] = cube[k, y, x] if good else f4(np.inf)  # sorted behind all others
                count[y, x] += u1(good)
        sort_columns(rows)
        for x in range(nx):
            m = i8(count[y, x])
            middle = f4(0.5) * (rows[(m - 1) // 2, x] + rows[m // 2, x]) if m > 0 else f4(0.0)
            median[y, x] = middle
