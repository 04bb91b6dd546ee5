"""Whether the light at a place is there in all frames alike, or comes, passes and goes."""

import math

import numpy as np

from sensorproc.onboard.kernels.jit import f4, f8, i8, kernel, out, ro, void
from sensorproc.onboard.kernels.star_fit import corner, star_sums

SEEN = 0.2  # A frame with less of the mean energy of all says nothing of its flux.


@kernel(f8(ro(f8, 1), ro(f8, 1), ro(f8, 1)))
def trend(t, signal, power):
    """Squared significance of ``signal`` growing with ``t``, whatever its mean; ``power`` (n,) is its variance."""
    total, mean = 0.0, 0.0
    for k in range(len(t)):
        total += power[k]
        mean += power[k] * t[k]
    if not total > 0.0:
        return 0.0
    mean /= total
    score, variance = 0.0, 0.0
    for k in range(len(t)):
        score += (t[k] - mean) * signal[k]
        variance += (t[k] - mean) ** 2 * power[k]
    return score * score / variance if variance > 0.0 else 0.0


@kernel(void(ro(f4, 3), ro(f4, 3), ro(f4, 5), ro(i8, 1), ro(f8, 3), ro(i8, 2), ro(f8, 1), out(f8, 1), out(f8, 2), out(f8, 1)))
def unsteadiness(cube, weight, banks, width, paths, half, times, snr, chi2, constancy):
    """``snr`` (m,) of a steady star at each of ``paths`` (m, n, 2), and ``chi2`` (m, 2), of two degrees of freedom each for one:
    of a trend and a curvature of its flux over ``times`` (n,), and of a drift of its place in x and in y. ``constancy`` (m,):
    lower quartile of the frames' fluxes over their mean, 1 for a bright star; 0 if there is no light."""
    n, ny, nx = cube.shape
    whole, part = np.empty(4, np.int64), np.empty(2)
    psi, phi, square, sums = np.zeros(n), np.zeros(n), np.zeros(n), np.zeros(9)
    gx, hx, gy, hy = np.zeros(n), np.zeros(n), np.zeros(n), np.zeros(n)
    flux = np.empty(n)
    for m in range(len(paths)):
        bank = banks[width[m]]
        for k in range(n):
            sums[:] = 0.0
            if corner(paths[m, k, 0], paths[m, k, 1], bank.shape[0] - 1, ny, nx, whole, part):
                star_sums(cube[k], weight[k], bank, whole, part, half[m, 0], half[m, 1], 0.0, sums)
            gx[k], gy[k], psi[k], hx[k], hy[k], phi[k] = sums[0], sums[1], sums[2], sums[3], sums[4], sums[5]
        total = phi.sum()
        snr[m] = psi.sum() / math.sqrt(total) if total > 0.0 else 0.0
        n_seen = 0
        for k in range(n):
            if phi[k] > SEEN * total / n:
                flux[n_seen] = psi[k] / phi[k]
                n_seen += 1
        constancy[m] = np.sort(flux[:n_seen])[n_seen // 4] / (psi.sum() / total) if psi.sum() > 0.0 else 0.0
        chi2[m, 0] = trend(times, psi, phi)
        chi2[m, 1] = trend(times, gx, hx) + trend(times, gy, hy)
        # curvature: what t^2 has beyond a straight line
        s1, s2, s3 = (phi * times).sum(), (phi * times**2).sum(), (phi * times**3).sum()
        lever = s2 * total - s1 * s1
        if not lever > 0.0:
            continue
        slope = (s3 * total - s2 * s1) / lever
        square[:] = times**2 - slope * times
        chi2[m, 0] += trend(square, psi, phi)
