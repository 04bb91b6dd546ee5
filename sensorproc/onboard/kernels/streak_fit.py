"""Maximum-likelihood fit of one straight, uniform streak to the pixels of a frame: both ends and its brightness.

The trailed Gaussian (Veres et al. 2012) of :mod:`sensorproc.onboard.kernels.trail`, its light per pixel of length times a
profile. Ends move along and across the line by Gauss-Newton steps with damping; moving an end across turns the line.
"""

import math

import numpy as np

from sensorproc.onboard.kernels.cholesky import solve_symmetric
from sensorproc.onboard.kernels.jit import f4, f8, i8, kernel, out, ro, void
from sensorproc.onboard.kernels.standard_normal import standard_normal

MIN_LENGTH_SIGMAS = 1.0  # A shorter one [PSF sigmas] is a point, whose ends cannot be told apart.


@kernel(void(i8, f8, f8, f8, f8, f8, f8, i8, out(i8, 1)))
def columns_near(v, x0, y0, x1, cos, sin, half, nx, columns):
    """First column and the one after the last (2,) of row ``v`` within ``half`` of a line from (x0, y0) that ends at x1."""
    left, right = min(x0, x1) - half, max(x0, x1) + half
    if abs(sin) > 1e-6:
        middle, reach = x0 + (v - y0) * cos / sin, half / abs(sin)
        left, right = max(left, middle - reach), min(right, middle + reach)
    columns[0], columns[1] = max(int(math.ceil(left)), 0), min(int(math.floor(right)) + 1, nx)


@kernel(void(ro(f4, 2), ro(f4, 2), ro(f8, 1), f8, f8, out(f8, 2), out(f8, 1)))
def sums(image, weight, line, s, half, normal, rhs):
    """Normal equations (5, 5) and right-hand side (7,) of the ends' steps (along and across at the first, along and across at
    the second) and of the brightness; rhs[5] and rhs[6] receive the matched filter's psi and phi.

    ``line`` (5,): x0, y0, x1, y1 [px], brightness [e-/px of length]. Pixels within ``half`` of it count.
    """
    ny, nx = image.shape
    normal[:] = 0.0
    rhs[:] = 0.0
    x0, y0, x1, y1, bright = line[0], line[1], line[2], line[3], line[4]
    length = math.sqrt((x1 - x0) ** 2 + (y1 - y0) ** 2)
    cos, sin = (x1 - x0) / length, (y1 - y0) / length
    per_px = 1.0 / s
    jac, columns = np.empty(5), np.empty(2, np.int64)
    first, last = max(int(math.ceil(min(y0, y1) - half)), 0), min(int(math.floor(max(y0, y1) + half)) + 1, ny)
    for v in range(first, last):
        columns_near(v, x0, y0, x1, cos, sin, half, nx, columns)
        for u in range(columns[0], columns[1]):
            w = weight[v, u]
            a, b = (u - x0) * cos + (v - y0) * sin, (v - y0) * cos - (u - x0) * sin
            if w == 0.0 or abs(b) > half:
                continue
            across = standard_normal(b * per_px)[0] * per_px
            at_first, from_first = standard_normal(a * per_px)
            at_second, from_second = standard_normal((a - length) * per_px)
            along = from_first - from_second
            share = min(max(a / length, 0.0), 1.0)
            turn = bright * along * across * b / (s * s)
            jac[0] = -bright * at_first * per_px * across
            jac[1] = turn * (1.0 - share)
            jac[2] = bright * at_second * per_px * across
            jac[3] = turn * share
            jac[4] = along * across
            data = float(image[v, u])
            residual = data - bright * jac[4]
            rhs[5] += w * jac[4] * data
            rhs[6] += w * jac[4] * jac[4]
            for i in range(5):
                rhs[i] += w * jac[i] * residual
                for j in range(i + 1):
                    normal[i, j] += w * jac[i] * jac[j]


@kernel(f8(ro(f4, 2), ro(f4, 2), f8, f8, i8, f8, out(f8, 1), out(f8, 2)))
def fit_streak(image, weight, s, half, n_iterations, max_step, line, normal):
    """Fit ``line`` (5,) in place from a first guess and return its SNR, 0 if there is nothing to fit.

    ``normal`` (5, 5): the equations at the answer, in the directions along and across the line at each end, and brightness.
    """
    trial, rhs, delta = line.copy(), np.zeros(7), np.zeros(5)
    trial_normal, trial_rhs = np.zeros((5, 5)), np.zeros(7)
    matrix, lower = np.zeros((5, 5)), np.zeros((5, 5))
    best, damping = -1e30, 1e-2
    for _ in range(n_iterations):
        sums(image, weight, trial, s, half, trial_normal, trial_rhs)
        if not trial_rhs[6] > 0.0:
            break
        snr = trial_rhs[5] / math.sqrt(trial_rhs[6])
        if snr > best:
            gained = snr - best
            best = snr
            trial[4] = max(trial_rhs[5] / trial_rhs[6], 1e-6)
            line[:] = trial
            damping = max(0.2 * damping, 1e-4)
            sums(image, weight, line, s, half, normal, rhs)
            if gained < 1e-4:
                break
        else:
            damping = max(8.0 * damping, 1e-2)
            if damping > 1e3:
                break
        for i in range(5):
            for j in range(i + 1):
                matrix[i, j] = normal[i, j]
                matrix[j, i] = normal[i, j]
        for i in range(5):
            matrix[i, i] = matrix[i, i] * (1.0 + damping) + 1e-12
        if not solve_symmetric(matrix, rhs[:5].copy(), lower, delta):
            break
        length = math.sqrt((line[2] - line[0]) ** 2 + (line[3] - line[1]) ** 2)
        cos, sin = (line[2] - line[0]) / length, (line[3] - line[1]) / length
        for i in range(4):
            delta[i] = min(max(delta[i], -max_step), max_step)
        trial[0] = line[0] + delta[0] * cos - delta[1] * sin
        trial[1] = line[1] + delta[0] * sin + delta[1] * cos
        trial[2] = line[2] + delta[2] * cos - delta[3] * sin
        trial[3] = line[3] + delta[2] * sin + delta[3] * cos
        trial[4] = line[4]
        if (trial[2] - trial[0]) * cos + (trial[3] - trial[1]) * sin < MIN_LENGTH_SIGMAS * s:
            break
    return max(best, 0.0)


@kernel(void(ro(f4, 2), ro(f4, 2), f8, f8, f8, f8, f8, out(f8, 1), out(f8, 1)))
def profile(image, weight, x, y, cos, sin, s, psi, phi):
    """Matched-filter sums across a line, by the pixel along it: pixels whose foot lies between i and i + 1 pixels from (x, y)
    go to ``psi`` and ``phi`` (n,) at i."""
    ny, nx = image.shape
    n = len(psi)
    psi[:] = 0.0
    phi[:] = 0.0
    per_px, half = 1.0 / s, 4.0 * s
    x1, y1 = x + n * cos, y + n * sin
    columns = np.empty(2, np.int64)
    for v in range(max(int(min(y, y1) - half), 0), min(int(max(y, y1) + half) + 2, ny)):
        columns_near(v, x, y, x1, cos, sin, half, nx, columns)
        for u in range(columns[0], columns[1]):
            w = weight[v, u]
            a, b = (u - x) * cos + (v - y) * sin, (v - y) * cos - (u - x) * sin
            if w == 0.0 or abs(b) > half or a < 0.0 or a >= n:
                continue
            across = standard_normal(b * per_px)[0] * per_px
            psi[int(a)] += w * across * image[v, u]
            phi[int(a)] += w * across * across


@kernel(void(ro(f8, 1), ro(f8, 1), i8, out(i8, 1)))
def best_interval(psi, phi, shortest, ends):
    """First and last + 1 (2,) of the interval of at least ``shortest`` pixels with the highest sum(psi) / sqrt(sum(phi))."""
    n = len(psi)
    best = -1e30
    ends[0], ends[1] = 0, n
    for first in range(n - shortest + 1):
        signal, power = 0.0, 0.0
        for last in range(first, n):
            signal += psi[last]
            power += phi[last]
            if last - first + 1 >= shortest and signal > 0.0 and power > 0.0 and signal * signal > best * power:
                best = signal * signal / power
                ends[0], ends[1] = first, last + 1
