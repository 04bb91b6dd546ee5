"""Several sources under one another: the equations of their joint fit over a set."""

import math

import numpy as np

from sensorproc.onboard.kernels.jit import f4, f8, kernel, out, ro, void
from sensorproc.onboard.kernels.trail import trail_value

PARAMETERS = 5  # Unknowns of a source: x, y, vx, vy, flux.


@kernel(f8(f8, f8, f8))
def weight_with(weight, light, model_error):
    """Weight [e-^-2] of a pixel whose sky alone has ``weight`` under ``light`` [e-] known to ``model_error`` of itself."""
    own = max(light, 0.0)
    return 1.0 / (1.0 / weight + own + (model_error * own) ** 2)


@kernel(void(ro(f4, 3), ro(f4, 3), ro(f8, 3), ro(f8, 1), f8, f8, f8, ro(f8, 1), ro(f8, 2), f8, f8, f8, out(f8, 2), out(f8, 1)))
def blend_sums(image, weight, paths, times, width, part, half, fluxes, one, s, light, model_error, normal, rhs):
    """Normal equations (5 m, 5 m) and right-hand side (5 m + 2,) of m sources of ``fluxes`` along ``paths`` (m, n, 2); the last
    entries of ``rhs`` receive chi-squared and how many pixels count.

    ``one`` (n, 5) is the one source that the blend may be instead: x, y, trail length, cosine, sine. Pixels within ``half`` of it
    count; ``light``, its flux, adds its photons and ``model_error`` of it for the PSF of width ``s`` to the variance, so that all
    hypotheses are weighed alike. They are drawn ``width`` wide and with a ``part`` of the trail.
    """
    n, ny, nx = image.shape
    m = len(paths)
    jac = np.empty(PARAMETERS * m)
    normal[:] = 0.0
    rhs[:] = 0.0
    for k in range(n):
        x, y, length, cos, sin = one[k, 0], one[k, 1], one[k, 2], one[k, 3], one[k, 4]
        reach_x, reach_y = half + 0.5 * length * abs(cos), half + 0.5 * length * abs(sin)
        for v in range(max(int(math.ceil(y - reach_y)), 0), min(int(math.floor(y + reach_y)) + 1, ny)):
            for u in range(max(int(math.ceil(x - reach_x)), 0), min(int(math.floor(x + reach_x)) + 1, nx)):
                w = weight[k, v, u]
                if w == 0.0 or abs((v - y) * cos - (u - x) * sin) > half:
                    continue
                w = weight_with(w, light * trail_value(u - x, v - y, length, cos, sin, s)[0], model_error)
                model = 0.0
                for i in range(m):
                    p, px, py = trail_value(u - paths[i, k, 0], v - paths[i, k, 1], part * length, cos, sin, width)
                    a = PARAMETERS * i
                    jac[a] = fluxes[i] * px
                    jac[a + 1] = fluxes[i] * py
                    jac[a + 2] = jac[a] * times[k]
                    jac[a + 3] = jac[a + 1] * times[k]
                    jac[a + 4] = p
                    model += fluxes[i] * p
                residual = image[k, v, u] - model
                rhs[PARAMETERS * m] += w * residual * residual
                rhs[PARAMETERS * m + 1] += 1.0
                for a in range(PARAMETERS * m):
                    rhs[a] += w * jac[a] * residual
                    for b in range(a + 1):
                        normal[a, b] += w * jac[a] * jac[b]


@kernel(void(ro(f4, 3), ro(f4, 3), ro(f8, 2), ro(f8, 2), f8, f8, ro(f8, 2), f8, f8, out(f8, 1), out(f8, 1)))
def offset_sums(image, weight, path, trails, s, half, offsets, light, model_error, psi, phi):
    """Matched-filter sums psi and phi (m,) over the set along ``path`` (n, 2) displaced by each of ``offsets`` (m, 2).

    ``light`` on the path itself adds to the variance as in :func:`blend_sums`.
    """
    n, ny, nx = image.shape
    psi[:] = 0.0
    phi[:] = 0.0
    for k in range(n):
        length, cos, sin = trails[k, 0], trails[k, 1], trails[k, 2]
        reach_x, reach_y = half + 0.5 * length * abs(cos), half + 0.5 * length * abs(sin)
        for m in range(len(offsets)):
            x, y = path[k, 0] + offsets[m, 0], path[k, 1] + offsets[m, 1]
            for v in range(max(int(math.ceil(y - reach_y)), 0), min(int(math.floor(y + reach_y)) + 1, ny)):
                for u in range(max(int(math.ceil(x - reach_x)), 0), min(int(math.floor(x + reach_x)) + 1, nx)):
                    w = weight[k, v, u]
                    if w == 0.0 or abs((v - y) * cos - (u - x) * sin) > half:
                        continue
                    own = trail_value(u - path[k, 0], v - path[k, 1], length, cos, sin, s)[0]
                    w = weight_with(w, light * own, model_error)
                    p = trail_value(u - x, v - y, length, cos, sin, s)[0]
                    psi[m] += w * p * image[k, v, u]
                    phi[m] += w * p * p
