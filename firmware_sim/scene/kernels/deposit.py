"""Light of point sources on pixels."""

import math

import numba
import numpy as np


@numba.njit("void(float64[:, ::1], float64[:, ::1], float64[::1], float64)", cache=True, nogil=True)
def deposit(image, places, flux, sigma):
    """Add Gaussian sources, integrated over each pixel, in place; light beyond 5 sigma or outside is lost.

    ``places`` (n, 2) x and y [px], ``flux`` (n,) in the units of the image, ``sigma`` [px].
    """
    reach = int(math.ceil(5.0 * sigma)) + 1
    size = 2 * reach + 1
    share_x, share_y = np.empty(size), np.empty(size)
    scale = 1.0 / (math.sqrt(2.0) * sigma)
    ny, nx = image.shape
    for k in range(places.shape[0]):
        x, y = places[k, 0], places[k, 1]
        if not (-reach < x < nx + reach and -reach < y < ny + reach):
            continue
        i0, j0 = int(round(x)) - reach, int(round(y)) - reach
        before_x, before_y = math.erf((i0 - 0.5 - x) * scale), math.erf((j0 - 0.5 - y) * scale)
        for m in range(size):
            after_x, after_y = math.erf((i0 + m + 0.5 - x) * scale), math.erf((j0 + m + 0.5 - y) * scale)
            share_x[m], share_y[m] = 0.5 * (after_x - before_x), 0.5 * (after_y - before_y)
            before_x, before_y = after_x, after_y
        for n in range(max(0, -j0), min(size, ny - j0)):
            light = flux[k] * share_y[n]
            for m in range(max(0, -i0), min(size, nx - i0)):
                image[j0 + n, i0 + m] += light * share_x[m]
