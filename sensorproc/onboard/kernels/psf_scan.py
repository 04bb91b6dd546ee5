"""How well point spread functions of many widths describe stars: core, wing and level fitted linearly to each."""

import math

import numpy as np

from sensorproc.onboard.kernels.cholesky import solve_symmetric
from sensorproc.onboard.kernels.jit import f4, f8, i8, kernel, out, ro, u1, void
from sensorproc.onboard.kernels.trail import trail_value

LEVEL_SIGMA = 0.03  # The background under a star may be off by this part of a pixel's noise.


@kernel(void(ro(f4, 2), ro(f4, 2), ro(f8, 2), f8, f8, f8, ro(f8, 1), f8, f8, out(f8, 2), out(f8, 3)))
def psf_scan(image, weight, places, length, cos, sin, widths, wing_ratio, half, misfit, amplitudes):
    """``misfit`` (n, w): chi-squared per pixel of star ``places`` (n, 2) with a core of ``widths`` (w,) and a wing
    ``wing_ratio`` times as wide, both trailed; ``amplitudes`` (n, w, 3): core, wing [e-] and level [e-/px].

    Pixels within ``half`` of the trail are used, those of zero ``weight`` are not; a misfit of 1e30 is no fit.
    """
    ny, nx = image.shape
    normal, rhs, lower, solution, row = np.zeros((3, 3)), np.zeros(3), np.zeros((3, 3)), np.zeros(3), np.ones(3)
    reach_x, reach_y = half + 0.5 * length * abs(cos), half + 0.5 * length * abs(sin)
    for m in range(len(places)):
        x, y = places[m, 0], places[m, 1]
        y0, y1 = max(int(math.ceil(y - reach_y)), 0), min(int(math.floor(y + reach_y)) + 1, ny)
        x0, x1 = max(int(math.ceil(x - reach_x)), 0), min(int(math.floor(x + reach_x)) + 1, nx)
        for i in range(len(widths)):
            normal[:] = 0.0
            rhs[:] = 0.0
            power, count = 0.0, 0
            for v in range(y0, y1):
                for u in range(x0, x1):
                    w = weight[v, u]
                    if w == 0.0:
                        continue
                    row[0] = trail_value(u - x, v - y, length, cos, sin, widths[i])[0]
                    row[1] = trail_value(u - x, v - y, length, cos, sin, widths[i] * wing_ratio)[0]
                    value = image[v, u]
                    power += w * value * value
                    count += 1
                    for a in range(3):
                        rhs[a] += w * row[a] * value
                        for b in range(3):
                            normal[a, b] += w * row[a] * row[b]
            misfit[m, i] = 1e30
            normal[2, 2] += normal[2, 2] / (max(count, 1) * LEVEL_SIGMA * LEVEL_SIGMA)
            if count > 12 and solve_symmetric(normal, rhs, lower, solution):
                explained = 0.0
                for a in range(3):
                    explained += solution[a] * rhs[a]
                    amplitudes[m, i, a] = solution[a]
                misfit[m, i] = (power - explained) / count


@kernel(void(ro(f4, 2), ro(u1, 2), ro(f8, 2), ro(i8, 1), f8, f8, f8, ro(f8, 1), out(f8, 2)))
def width_misfits(image, flags, places, half, length, cos, sin, widths, misfit):
    """``misfit`` (n, w): part of the power of star ``places`` (n, 2) that the best-fitting trails of ``widths`` (w,) leave, over
    boxes of ``half`` (2,) [px in x and y] around their pixels, which lie on the image; pixels with ``flags`` are not used."""
    for m in range(len(places)):
        x, y = places[m, 0], places[m, 1]
        ix, iy = int(np.rint(x)), int(np.rint(y))
        for i in range(len(widths)):
            power, seen, square = 0.0, 0.0, 0.0
            for v in range(iy - half[1], iy + half[1] + 1):
                for u in range(ix - half[0], ix + half[0] + 1):
                    if flags[v, u] == 0:
                        value, model = image[v, u], trail_value(u - x, v - y, length, cos, sin, widths[i])[0]
                        power += value * value
                        seen += model * value
                        square += model * model
            misfit[m, i] = 1.0 - seen * seen / (square * power) if square * power > 0.0 else 1.0
