"""Solve small symmetric systems without LAPACK, so that decisions do not depend on a library's threads."""

import math

import numpy as np

from sensorproc.onboard.kernels.jit import boolean, f8, kernel, out, ro


@kernel(boolean(ro(f8, 2), ro(f8, 1), out(f8, 2), out(f8, 1)))
def solve_symmetric(a, b, lower, x):
    """Solve ``a x = b`` for positive definite ``a`` (n, n) by Cholesky; False if it is not."""
    n = len(b)
    for i in range(n):
        for j in range(i + 1):
            total = a[i, j]
            for k in range(j):
                total -= lower[i, k] * lower[j, k]
            if i == j:
                if not total > 1e-12 * a[i, i] or not a[i, i] > 0.0:
                    return False
                lower[i, i] = math.sqrt(total)
            else:
                lower[i, j] = total / lower[j, j]
    for i in range(n):
        total = b[i]
        for k in range(i):
            total -= lower[i, k] * x[k]
        x[i] = total / lower[i, i]
    for i in range(n - 1, -1, -1):
        total = x[i]
        for k in range(i + 1, n):
            total -= lower[k, i] * x[k]
        x[i] = total / lower[i, i]
    return True


@kernel(boolean(ro(f8, 2), out(f8, 2)))
def invert_symmetric(a, inverse):
    """``inverse`` (n, n) of positive definite ``a`` (n, n); False if it is not."""
    n = len(a)
    lower, unit, column = np.zeros((n, n)), np.zeros(n), np.zeros(n)
    for k in range(n):
        unit[:] = 0.0
        unit[k] = 1.0
        if not solve_symmetric(a, unit, lower, column):
            return False
        inverse[:, k] = column
    return True
