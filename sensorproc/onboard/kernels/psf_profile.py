"""What the model of stars misses, gathered over many stars and frames on a grid finer than a pixel."""

import math

from sensorproc.onboard.kernels.jit import f4, f8, i8, kernel, out, ro, void


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
