"""Maximum-likelihood fit of one linear track to the pixels of a frame set: Gauss-Newton with damping.

The flux is profiled out: for given (x, y, vx, vy) the best common flux is sum(psi) / sum(phi), with the matched-filter
numerators psi and their variances phi of each frame (Whidden et al. 2019, section 3).
"""

import math

import numpy as np

from sensorproc.onboard.kernels.cholesky import solve_symmetric
from sensorproc.onboard.kernels.jit import f4, f8, i8, kernel, out, ro, void
from sensorproc.onboard.kernels.trail import trail_value


@kernel(void(ro(f4, 3), ro(f4, 3), ro(f8, 2), ro(f8, 2), f8, f8, out(f8, 1), out(f8, 2), i8, f8))
def accumulate(image, weight, place, trail, s, flux, psi_phi, normal, n_par, half):
    """Sum psi, phi and the normal equations of one frame set at given places.

    ``place`` (n, 5): x, y [px], and the frame's time t; columns 3 and 4 unused. ``trail`` (n, 3): length, cos, sin.
    ``psi_phi`` is flat (2 n,); ``normal`` (5, 5): rows 0-3 hold J^T W J, row 4 holds J^T W r, for (x, y, vx, vy).
    """
    n, ny, nx = image.shape
    psi_phi[:] = 0.0
    normal[:] = 0.0
    value = np.empty(3)
    jac = np.empty(4)
    for k in range(n):
        x, y, t = place[k, 0], place[k, 1], place[k, 2]
        length, cos, sin = trail[k, 0], trail[k, 1], trail[k, 2]
        reach_x = half + 0.5 * length * abs(cos)
        reach_y = half + 0.5 * length * abs(sin)
        y0, y1 = max(int(math.ceil(y - reach_y)), 0), min(int(math.floor(y + reach_y)) + 1, ny)
        x0, x1 = max(int(math.ceil(x - reach_x)), 0), min(int(math.floor(x + reach_x)) + 1, nx)
        for v in range(y0, y1):
            for u in range(x0, x1):
                w = weight[k, v, u]
                if w == 0.0 or abs((v - y) * cos - (u - x) * sin) > half:
                    continue
                trail_value(u - x, v - y, length, cos, sin, s, value)
                psi_phi[2 * k] += w * value[0] * image[k, v, u]
                psi_phi[2 * k + 1] += w * value[0] * value[0]
                if n_par == 0:
                    continue
                residual = image[k, v, u] - flux * value[0]
                jac[0] = flux * value[1]
                jac[1] = flux * value[2]
                jac[2] = jac[0] * t
                jac[3] = jac[1] * t
                for a in range(4):
                    normal[4, a] += w * jac[a] * residual
                    for b in range(a + 1):
                        normal[a, b] += w * jac[a] * jac[b]


@kernel(f8(ro(f8, 1), out(f8, 1)))
def best_flux(psi_phi, total):
    """Common flux; ``total`` receives (sum psi, sum phi)."""
    total[0] = 0.0
    total[1] = 0.0
    for k in range(len(psi_phi) // 2):
        total[0] += psi_phi[2 * k]
        total[1] += psi_phi[2 * k + 1]
    return total[0] / total[1] if total[1] > 0.0 else 0.0


@kernel(
    void(ro(f4, 3), ro(f4, 3), ro(f8, 2), ro(f8, 1), ro(f8, 2), f8, f8, i8, f8, out(f8, 1), out(f8, 1), out(f8, 1), out(f8, 2))
)
def fit_track(image, weight, base, times, trail, s, half, n_iterations, max_step, step, summary, psi_phi, normal):
    """Fit around a seed.

    ``base`` (n, 2): the seed's detector positions; ``step`` (4,) in and out: (dx, dy, dvx, dvy) from the seed;
    ``summary`` (2,): best SNR and flux; ``psi_phi`` (2 n,) and ``normal`` (5, 5) at the solution.
    """
    n = len(base)
    place = np.zeros((n, 5))
    total = np.zeros(2)
    trial = step.copy()
    matrix, rhs, lower, delta = np.zeros((4, 4)), np.zeros(4), np.zeros((4, 4)), np.zeros(4)
    summary[0] = -1e30
    damping = 1e-3
    for _ in range(n_iterations):
        for k in range(n):
            place[k, 0] = base[k, 0] + trial[0] + trial[2] * times[k]
            place[k, 1] = base[k, 1] + trial[1] + trial[3] * times[k]
            place[k, 2] = times[k]
        accumulate(image, weight, place, trail, s, 0.0, psi_phi, normal, 0, half)
        flux = best_flux(psi_phi, total)
        snr = total[0] / math.sqrt(total[1]) if total[1] > 0.0 else -1e30
        if snr > summary[0]:
            gained = snr - summary[0]
            summary[0] = snr
            summary[1] = flux
            step[:] = trial
            damping *= 0.3
            accumulate(image, weight, place, trail, s, flux, psi_phi, normal, 4, half)
            if gained < 1e-4:
                break
        else:
            damping = max(damping * 10.0, 1e-2)
            if damping > 1e4:
                break
        if not summary[0] > 0.0:
            break
        for a in range(4):
            rhs[a] = normal[4, a]
            for b in range(a + 1):
                matrix[a, b] = normal[a, b]
                matrix[b, a] = normal[a, b]
        for a in range(4):
            # one frame alone says nothing of the rate: its rows are empty
            matrix[a, a] = matrix[a, a] * (1.0 + damping) if matrix[a, a] > 0.0 else 1.0
        if not solve_symmetric(matrix, rhs, lower, delta):
            break
        reach = 0.0
        for k in range(n):
            reach = max(reach, abs(delta[0] + delta[2] * times[k]), abs(delta[1] + delta[3] * times[k]))
        scale = min(1.0, max_step / reach) if reach > 0.0 else 1.0
        for a in range(4):
            trial[a] = step[a] + scale * delta[a]
    for k in range(n):
        place[k, 0] = base[k, 0] + step[0] + step[2] * times[k]
        place[k, 1] = base[k, 1] + step[1] + step[3] * times[k]
        place[k, 2] = times[k]
    accumulate(image, weight, place, trail, s, summary[1], psi_phi, normal, 4, half)


@kernel(void(out(f4, 2), f8, f8, f8, f8, f8, f8, f8, f8))
def subtract_trail(image, x, y, flux, length, cos, sin, s, half):
    """Subtract one trailed source from an image in place."""
    ny, nx = image.shape
    value = np.empty(3)
    reach_x = half + 0.5 * length * abs(cos)
    reach_y = half + 0.5 * length * abs(sin)
    for v in range(max(int(math.ceil(y - reach_y)), 0), min(int(math.floor(y + reach_y)) + 1, ny)):
        for u in range(max(int(math.ceil(x - reach_x)), 0), min(int(math.floor(x + reach_x)) + 1, nx)):
            trail_value(u - x, v - y, length, cos, sin, s, value)
            image[v, u] -= f4(flux * value[0])
