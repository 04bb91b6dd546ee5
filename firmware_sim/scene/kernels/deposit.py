"""Light of point sources on pixels."""

import math

import numba
import numpy as np


@numba.njit("void(float64[:, ::1], float64[:, ::1], float64[::1], float64[::1])", cache=True, nogil=True)
def deposit(image, places, flux, sigma):
    """Add Gaussian sources, integrated over each pixel, in place; light beyond 5 sigma or outside is lost.

    ``places`` (n, 2) x and y [px], ``flux`` (n,) in the units of the image, ``sigma`` (n,) [px].
    """
    ny, nx = image.shape
    share_x, share_y = np.empty(nx + 2), np.empty(ny + 2)
    for k in range(places.shape[0]):
        reach = int(math.ceil(5.0 * sigma[k])) + 1
        x, y = places[k, 0], places[k, 1]
        if not (-reach < x < nx + reach and -reach < y < ny + reach):
            continue
        scale = 1.0 / (math.sqrt(2.0) * sigma[k])
        i0, i1 = max(int(round(x)) - reach, 0), min(int(round(x)) + reach, nx - 1)
        j0, j1 = max(int(round(y)) - reach, 0), min(int(round(y)) + reach, ny - 1)
        before = math.erf((i0 - 0.5 - x) * scale)
        for i in range(i0, i1 + 1):
            after = math.erf((i + 0.5 - x) * scale)
            share_x[i - i0] = 0.5 * (after - before)
            before = after
        before = math.erf((j0 - 0.5 - y) * scale)
        for j in range(j0, j1 + 1):
            after = math.erf((j + 0.5 - y) * scale)
            share_y[j - j0] = 0.5 * (after - before)
            before = after
        for j in range(j0, j1 + 1):
            light = flux[k] * share_y[j - j0]
            for i in range(i0, i1 + 1):
                image[j, i] += light * share_x[i - i0]
