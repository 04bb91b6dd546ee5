"""Clipped statistics of the cells of a mesh (Bertin & Arnouts 1996, section 4, with quantiles for the noise)."""

import math

import numpy as np

from sensorproc.onboard.kernels.jit import f4, f8, i8, kernel, out, ro, u1, void

N_SAMPLE = 96  # Pixels of a cell that tell where its histogram lies.
BINS_PER_SIGMA = 24
COARSE = 0.3  # Of the noise: a finer step moves no median by more than a hundredth of it.
MOST_ALIKE = 0.9  # Of a cell's pixels with one value: where more are, the noise cannot be told.
GOLDEN = 0.6180339887498949  # Multiples of it fill a step evenly.
REACH = 8.0  # The histogram reaches so many sigmas to either side.


@kernel(f8(ro(i8, 1), i8, i8, f8, f8, f8))
def histogram_quantile(bins, lo, hi, fraction, start, width):
    """Value below which ``fraction`` of the counts of bins lo to hi lie, between them linearly."""
    total = 0
    for b in range(lo, hi):
        total += bins[b]
    wanted = fraction * total
    below = 0.0
    for b in range(lo, hi):
        if below + bins[b] >= wanted and bins[b] > 0:
            return start + width * (b + (wanted - below) / bins[b])
        below += bins[b]
    return start + width * hi


@kernel(f8(ro(f4, 1), f8))
def share_of(ordered, value):
    """Share of a sample that has one value."""
    n = 0
    for k in range(len(ordered)):
        n += ordered[k] == value
    return n / len(ordered)


@kernel(void(ro(f4, 2), ro(u1, 2), ro(i8, 1), ro(i8, 1), f8, f8, out(f4, 2), out(f4, 2), out(i8, 2)))
def cell_statistics(image, flags, edges_y, edges_x, clip, count_step, center, sigma, count):
    """Median and noise of the unflagged pixels of each cell after clipping at ``clip`` sigma.

    The noise is the distance from the median down to the 15.87 % quantile: light only adds, so the lower half is the clean
    one. A few sorted pixels say where a histogram must lie, the histogram says the rest: no cell is sorted whole.

    Where the converter's step, ``count_step``, is coarse against the noise, a median of whole steps is wrong by up to half of
    one. There every value stands for all of its step: pixels are spread over it evenly, and the variance that this adds is taken
    off again.
    """
    sample = np.empty(N_SAMPLE, np.float32)
    n_bins = int(2 * REACH * BINS_PER_SIGMA)
    bins = np.empty(n_bins, np.int64)
    for j in range(len(edges_y) - 1):
        for i in range(len(edges_x) - 1):
            n = 0
            for y in range(edges_y[j], edges_y[j + 1]):
                for x in range(edges_x[i], edges_x[i + 1]):
                    n += flags[y, x] == 0
            count[j, i] = n
            center[j, i] = 0.0
            sigma[j, i] = 0.0
            if n < 8:
                continue
            every, seen, m = max(n // N_SAMPLE, 1), 0, 0
            for y in range(edges_y[j], edges_y[j + 1]):
                for x in range(edges_x[i], edges_x[i + 1]):
                    if flags[y, x] == 0:
                        if seen % every == 0 and m < N_SAMPLE:
                            sample[m] = image[y, x]
                            m += 1
                        seen += 1
            some = sample[:m]
            some.sort()
            middle = float(some[m // 2])
            noise = middle - float(some[int(0.1587 * m)])
            step = count_step if count_step > COARSE * noise else 0.0
            if not noise > 0.0 and (step == 0.0 or share_of(some, middle) > MOST_ALIKE):
                center[j, i] = middle
                continue
            noise = max(noise, step)
            width = noise / BINS_PER_SIGMA
            start = middle - REACH * noise
            bins[:] = 0
            seen = 0
            for y in range(edges_y[j], edges_y[j + 1]):
                for x in range(edges_x[i], edges_x[i + 1]):
                    if flags[y, x] == 0:
                        seen += 1
                        spread = step * ((seen * GOLDEN) % 1.0 - 0.5)
                        b = math.floor((image[y, x] + spread - start) / width)
                        if 0 <= b < n_bins:
                            bins[int(b)] += 1
            lo, hi = 0, n_bins
            for _ in range(8):
                middle = histogram_quantile(bins, lo, hi, 0.5, start, width)
                noise = middle - histogram_quantile(bins, lo, hi, 0.1587, start, width)
                new_lo = max(int(math.floor((middle - clip * noise - start) / width)), 0)
                new_hi = min(int(math.ceil((middle + clip * noise - start) / width)), n_bins)
                if (new_lo == lo and new_hi == hi) or new_hi - new_lo < 8:
                    break
                lo, hi = new_lo, new_hi
            center[j, i] = middle
            sigma[j, i] = math.sqrt(max(noise * noise - step * step / 12.0, step * step / 12.0))


@kernel(void(ro(f4, 2), ro(u1, 2), ro(i8, 1), ro(i8, 1), f8, f8, f8, out(f4, 2), out(f4, 2), out(i8, 2)))
def cell_moments(image, flags, edges_y, edges_x, scale, clip, kept_rms, mean, sigma, count):
    """Mean and noise of each cell of a residual without sources: pixels within ``clip`` sigma, three times over from a
    sigma of ``scale``. ``kept_rms`` is what that clipping leaves of a unit normal's rms.

    All cells of a row of cells at once, column by column of the image: whole rows are summed side by side.
    """
    nx = image.shape[1]
    n_cells = len(edges_x) - 1
    middle, reach = np.empty(nx, np.float32), np.empty(nx, np.float32)
    total, square = np.empty(nx, np.float32), np.empty(nx, np.float32)
    inner, good = np.empty(nx, np.float32), np.empty(nx, np.float32)
    for j in range(len(edges_y) - 1):
        mean[j] = 0.0
        sigma[j] = 2.0 * scale
        for _ in range(4):
            for i in range(n_cells):
                for x in range(edges_x[i], edges_x[i + 1]):
                    middle[x], reach[x] = mean[j, i], f4(clip) * sigma[j, i]
            total[:] = 0.0
            square[:] = 0.0
            inner[:] = 0.0
            good[:] = 0.0
            for y in range(edges_y[j], edges_y[j + 1]):
                for x in range(nx):
                    d = image[y, x] - middle[x]
                    one = f4(1.0) if flags[y, x] == 0 else f4(0.0)
                    counted = one if abs(d) < reach[x] else f4(0.0)
                    value = d * counted
                    good[x] += one
                    inner[x] += counted
                    total[x] += value
                    square[x] += value * value
            for i in range(n_cells):
                first, second, n, n_good = 0.0, 0.0, 0.0, 0.0
                for x in range(edges_x[i], edges_x[i + 1]):
                    first += total[x]
                    second += square[x]
                    n += inner[x]
                    n_good += good[x]
                count[j, i] = int(n_good)
                if n < 8.0:
                    mean[j, i], sigma[j, i] = 0.0, 0.0
                    continue
                shift = first / n
                mean[j, i] += f4(shift)
                sigma[j, i] = math.sqrt(max(second / n - shift * shift, 0.0)) / kept_rms
