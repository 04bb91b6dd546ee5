"""Maximum-likelihood fit of one linear track to the pixels of a frame set: Gauss-Newton with damping.

The flux is profiled out: for given (x, y, vx, vy) the best common flux is sum(psi) / sum(phi), with the matched-filter
numerators psi and their variances phi of each frame (Whidden et al. 2019, section 3). One pass over the pixels gives these and
all sums of the normal equations, which do not need the flux.
"""

import math

import numpy as np

from sensorproc.onboard.kernels.cholesky import solve_symmetric
from sensorproc.onboard.kernels.jit import f4, f8, i8, kernel, out, pair, ro, void
from sensorproc.onboard.kernels.trail import trail_value

N_SUMS = 9  # of :func:`frame_sums`; psi and phi come first.


@kernel(void(ro(f4, 3), ro(f4, 3), ro(f8, 2), ro(f8, 2), f8, f8, out(f8, 2)))
def frame_sums(image, weight, path, trail, s, half, sums):
    """Sums over each frame's pixels within ``half`` [px] of a trail at its place of ``path`` (n, 2): to ``sums`` (n, 9) those of
    w p d, w p p; w px d, w py d; w px p, w py p; w px px, w px py, w py py.

    ``image`` and ``weight`` (n, ny, nx) are d and w, p the density of a unit-flux trail, px and py its derivatives by the place;
    ``trail`` (n, 3): length, cosine, sine.
    """
    n, ny, nx = image.shape
    for k in range(n):
        x, y = path[k, 0], path[k, 1]
        length, cos, sin = trail[k, 0], trail[k, 1], trail[k, 2]
        reach_x, reach_y = half + 0.5 * length * abs(cos), half + 0.5 * length * abs(sin)
        y0, y1 = max(int(math.ceil(y - reach_y)), 0), min(int(math.floor(y + reach_y)) + 1, ny)
        x0, x1 = max(int(math.ceil(x - reach_x)), 0), min(int(math.floor(x + reach_x)) + 1, nx)
        psi, phi, xd, yd, xp, yp, xx, xy, yy = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
        for v in range(y0, y1):
            for u in range(x0, x1):
                w = float(weight[k, v, u])
                if w == 0.0 or abs((v - y) * cos - (u - x) * sin) > half:
                    continue
                p, px, py = trail_value(u - x, v - y, length, cos, sin, s)
                d = float(image[k, v, u])
                wp, wx, wy = w * p, w * px, w * py
                psi += wp * d
                phi += wp * p
                xd += wx * d
                yd += wy * d
                xp += wx * p
                yp += wy * p
                xx += wx * px
                xy += wx * py
                yy += wy * py
        sums[k, 0], sums[k, 1], sums[k, 2], sums[k, 3] = psi, phi, xd, yd
        sums[k, 4], sums[k, 5], sums[k, 6], sums[k, 7], sums[k, 8] = xp, yp, xx, xy, yy


@kernel(pair(ro(f8, 2)))
def snr_and_flux(sums):
    """SNR and best common flux of all frames; no light at all if none of their pixels counts."""
    psi, phi = 0.0, 0.0
    for k in range(len(sums)):
        psi += sums[k, 0]
        phi += sums[k, 1]
    return (psi / math.sqrt(phi), psi / phi) if phi > 0.0 else (-1e30, 0.0)


@kernel(void(ro(f8, 2), ro(f8, 1), f8, out(f8, 2)))
def normal_equations(sums, times, flux, normal):
    """``normal`` (5, 5) for (x, y, vx, vy) at a ``flux``: rows 0-3 hold J^T W J (lower half), row 4 holds J^T W r."""
    normal[:] = 0.0
    square = flux * flux
    for k in range(len(sums)):
        t = times[k]
        x = flux * sums[k, 2] - square * sums[k, 4]
        y = flux * sums[k, 3] - square * sums[k, 5]
        xx, xy, yy = square * sums[k, 6], square * sums[k, 7], square * sums[k, 8]
        normal[0, 0] += xx
        normal[1, 0] += xy
        normal[1, 1] += yy
        normal[2, 0] += t * xx
        normal[2, 1] += t * xy
        normal[2, 2] += t * t * xx
        normal[3, 0] += t * xy
        normal[3, 1] += t * yy
        normal[3, 2] += t * t * xy
        normal[3, 3] += t * t * yy
        normal[4, 0] += x
        normal[4, 1] += y
        normal[4, 2] += t * x
        normal[4, 3] += t * y


@kernel(void(ro(f8, 2), ro(f8, 1), ro(f8, 1), out(f8, 2)))
def displaced(base, times, step, path):
    """``path`` (n, 2): ``base`` moved by ``step`` (4,), (dx, dy, dvx, dvy)."""
    for k in range(len(base)):
        path[k, 0] = base[k, 0] + step[0] + step[2] * times[k]
        path[k, 1] = base[k, 1] + step[1] + step[3] * times[k]


@kernel(
    void(ro(f4, 3), ro(f4, 3), ro(f8, 2), ro(f8, 1), ro(f8, 2), f8, f8, i8, f8, out(f8, 1), out(f8, 1), out(f8, 1), out(f8, 2))
)
def fit_track(image, weight, base, times, trail, s, half, n_iterations, max_step, step, summary, psi_phi, normal):
    """Fit around a seed.

    ``base`` (n, 2): the seed's detector positions; ``step`` (4,) in and out: (dx, dy, dvx, dvy) from the seed;
    ``summary`` (2,): best SNR and flux; ``psi_phi`` (2 n,) and ``normal`` (5, 5) at the solution. A step that is worse is tried
    again, shorter, from the best place's own equations.
    """
    n = len(base)
    path, sums = np.empty((n, 2)), np.empty((n, N_SUMS))
    trial = step.copy()
    matrix, rhs, lower, delta = np.zeros((4, 4)), np.zeros(4), np.zeros((4, 4)), np.zeros(4)
    summary[0], summary[1] = -1e30, 0.0
    damping = 1e-3
    for _ in range(n_iterations):
        displaced(base, times, trial, path)
        frame_sums(image, weight, path, trail, s, half, sums)
        snr, flux = snr_and_flux(sums)
        if snr > summary[0]:
            gained = snr - summary[0]
            summary[0], summary[1] = snr, flux
            step[:] = trial
            for k in range(n):
                psi_phi[2 * k], psi_phi[2 * k + 1] = sums[k, 0], sums[k, 1]
            normal_equations(sums, times, flux, normal)
            damping *= 0.3
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


@kernel(void(ro(f4, 3), ro(f4, 3), ro(f8, 2), ro(f8, 1), ro(f8, 2), f8, f8, ro(f8, 2), out(f8, 1)))
def snr_beside(image, weight, base, times, trail, s, half, steps, snr):
    """``snr`` (m,) of a track moved by each of ``steps`` (m, 4) from ``base`` (n, 2)."""
    n = len(base)
    path, sums = np.empty((n, 2)), np.empty((n, N_SUMS))
    for m in range(len(steps)):
        displaced(base, times, steps[m], path)
        frame_sums(image, weight, path, trail, s, half, sums)
        snr[m] = snr_and_flux(sums)[0]


@kernel(void(out(f4, 2), f8, f8, f8, f8, f8, f8, f8, f8))
def subtract_trail(image, x, y, flux, length, cos, sin, s, half):
    """Subtract one trailed source from an image in place."""
    ny, nx = image.shape
    reach_x = half + 0.5 * length * abs(cos)
    reach_y = half + 0.5 * length * abs(sin)
    for v in range(max(int(math.ceil(y - reach_y)), 0), min(int(math.floor(y + reach_y)) + 1, ny)):
        for u in range(max(int(math.ceil(x - reach_x)), 0), min(int(math.floor(x + reach_x)) + 1, nx)):
            image[v, u] -= f4(flux * trail_value(u - x, v - y, length, cos, sin, s)[0])
