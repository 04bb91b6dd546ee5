"""Points on a grid finer than a pixel."""

import math

import numba
import numpy as np


@numba.njit("void(float32[:, ::1], float64[:, ::1], float64[::1])", cache=True, nogil=True)
def scatter(grid, places, flux):
    """Add points to a grid, in place: each spread over 4 x 4 nodes by cubic convolution, what falls outside is lost.

    ``places`` (n, 2) x and y in nodes, ``flux`` (n,). The weights keep flux, place and width (Keys 1981, IEEE Trans. ASSP
    29, 1153): what is then convolved with a curve is that curve interpolated to third order.
    """
    ny, nx = grid.shape
    wx, wy = np.empty(4), np.empty(4)
    for k in range(places.shape[0]):
        x, y = places[k, 0], places[k, 1]
        if not (-2.0 < x < nx + 1.0 and -2.0 < y < ny + 1.0):
            continue
        i, j = int(math.floor(x)), int(math.floor(y))
        for weights, u in ((wx, x - i), (wy, y - j)):
            weights[0] = ((-0.5 * u + 1.0) * u - 0.5) * u
            weights[1] = (1.5 * u - 2.5) * u * u + 1.0
            weights[2] = ((-1.5 * u + 2.0) * u + 0.5) * u
            weights[3] = (0.5 * u - 0.5) * u * u
        for b in range(4):
            row = j - 1 + b
            if row < 0 or row >= ny:
                continue
            for a in range(4):
                column = i - 1 + a
                if 0 <= column < nx:
                    grid[row, column] += flux[k] * wx[a] * wy[b]
