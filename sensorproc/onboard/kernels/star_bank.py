"""The trailed point spread function at every sub-pixel phase, so that thousands of stars cost no transcendental, and what it
misses of them, gathered over many stars and frames on a grid finer than a pixel."""

import math

from sensorproc.onboard.kernels.jit import f4, f8, i8, kernel, out, ro, void
from sensorproc.onboard.kernels.trail import trail_value

PHASES = 16  # Images of a pixel's phases; between two they are interpolated linearly: 0.1 % of the peak at FWHM 2 px.


@kernel(void(f8, f8, f8, ro(f8, 1), f8, f8, out(f4, 5)))
def fill_bank(length, cos, sin, widths, wing_fraction, wing_ratio, bank):
    """``bank`` (w, PHASES + 1, PHASES + 1, ky, kx): unit-flux images of cores of ``widths`` (w,) with wings.

    Phase p of an axis puts the centre at (p / PHASES - 1/2) pixels from the middle pixel.
    """
    n_w, n_p, _, ky, kx = bank.shape
    for i in range(n_w):
        for py in range(n_p):
            for px in range(n_p):
                cx, cy = kx // 2 + px / (n_p - 1) - 0.5, ky // 2 + py / (n_p - 1) - 0.5
                for v in range(ky):
                    for u in range(kx):
                        value = trail_value(u - cx, v - cy, length, cos, sin, widths[i])[0]
                        if wing_fraction > 0.0:
                            wing = trail_value(u - cx, v - cy, length, cos, sin, widths[i] * wing_ratio)[0]
                            value += wing_fraction * (wing - value)
                        bank[i, py, px, v, u] = value


@kernel(void(ro(f4, 3), ro(f4, 3), ro(f8, 3), ro(f8, 1), i8, f8, out(f8, 2), out(f8, 2)))
def residual_profile(cube, weight, paths, flux, per_px, saturation, total, norm):
    """Sum of flux x residual x weight in ``total`` and of flux^2 x weight in ``norm`` (gy, gx), by offset from the star.

    ``cube`` (n, ny, nx) is what all star models leave, ``paths`` (m, n, 2) and ``flux`` (m,) the stars that count; the middle
    of the grid is offset zero, with ``per_px`` cells a pixel. Photon noise of the star itself is in ``saturation``: the
    weight of a pixel falls with flux over this.
    """
    n, ny, nx = cube.shape
    gy, gx = total.shape
    hy, hx = (gy // 2) // per_px, (gx // 2) // per_px
    for m in range(len(flux)):
        for k in range(n):
            x, y = paths[m, k, 0], paths[m, k, 1]
            ix, iy = int(math.floor(x + 0.5)), int(math.floor(y + 0.5))
            if ix < hx or iy < hy or ix >= nx - hx or iy >= ny - hy:
                continue
            for v in range(iy - hy, iy + hy + 1):
                j = int(math.floor((v - y) * per_px + 0.5)) + gy // 2
                for u in range(ix - hx, ix + hx + 1):
                    i = int(math.floor((u - x) * per_px + 0.5)) + gx // 2
                    w = weight[k, v, u]
                    if w == 0.0 or i < 0 or j < 0 or i >= gx or j >= gy:
                        continue
                    w = w / (1.0 + w * flux[m] * saturation)
                    total[j, i] += w * flux[m] * cube[k, v, u]
                    norm[j, i] += w * flux[m] * flux[m]
