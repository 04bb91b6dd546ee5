"""Clipped statistics of the cells of a mesh (Bertin & Arnouts 1996, section 4, with quantiles for the noise)."""

import math

import numpy as np

from sensorproc.onboard.kernels.jit import f4, f8, i4, i8, kernel, out, ro, u1, void

N_SAMPLE = 96  # Pixels of a cell that tell where its histogram lies.
BINS_PER_SIGMA = 24
COARSE = 0.3  # Of the noise: a finer step moves no median by more than a hundredth of it.
MOST_ALIKE = 0.9  # Of a cell's pixels with one value: where more are, the noise cannot be told.
GOLDEN = 0.6180339887498949  # Multiples of it fill a step evenly.
FEW_ROWS = 8  # Of a cell: to keep sums of every column would cost more than to add them up.
REACH = 8.0  # The histogram reaches so many sigmas to either side.


@kernel(f8(ro(i8, 1), i8, i8, f8, f8, f8))
def histogram_quantile(below, lo, hi, fraction, start, width):
    """Value below which ``fraction`` of the counts of bins lo to hi lie, within one of them linearly; ``below`` (bins + 1,) are
    the counts in all bins before each."""
    wanted = below[lo] + fraction * (below[hi] - below[lo])
    first, last = lo, hi
    while first < last:
        b = (first + last) // 2
        if below[b + 1] >= wanted:
            last = b
        else:
            first = b + 1
    if first >= hi:
        return start + width * hi
    return start + width * (first + (wanted - below[first]) / max(below[first + 1] - below[first], 1))


@kernel(f8(ro(f4, 1), f8))
def share_of(ordered, value):
    """Share of a sample that has one value."""
    n = 0
    for k in range(len(ordered)):
        n += ordered[k] == value
    return n / len(ordered)


@kernel(i8(ro(u1, 2), i8, i8, i8, i8))
def n_good(flags, y0, y1, x0, x1):
    """Pixels of a cell that are not flagged."""
    n = 0
    for y in range(y0, y1):
        row, some = flags[y, x0:x1], i4(0)
        for x in range(len(row)):
            some += i4(row[x] == 0)
        n += some
    return n


@kernel(i8(ro(f4, 2), ro(u1, 2), i8, i8, i8, i8, i8, out(f4, 1)))
def evenly(image, flags, y0, y1, x0, x1, every, sample):
    """Every so manieth good pixel of a cell into ``sample``; how many they are."""
    m, wait = 0, 0
    for y in range(y0, y1):
        for x in range(x0, x1):
            if flags[y, x] == 0:
                if wait == 0 and m < len(sample):
                    sample[m] = image[y, x]
                    m += 1
                    wait = every
                wait -= 1
    return m


@kernel(void(ro(f4, 1), ro(u1, 1), f8, f8, out(i8, 1)))
def fill_histogram(row, flags, start, width, bins):
    """Count the good pixels of a row in bins of ``width`` from ``start`` on; those beyond are not counted."""
    n = float(len(bins))
    for x in range(len(row)):
        b = (row[x] - start) / width  # whole numbers may lie on the edges of bins: each belongs to the bin above, not to either
        if flags[x] == 0 and 0.0 <= b < n:
            bins[int(b)] += 1


@kernel(i8(ro(f4, 1), ro(u1, 1), f8, f8, f8, i8, out(i8, 1)))
def fill_spread(row, flags, start, width, step, seen, bins):
    """The same of pixels spread evenly over the converter's ``step``, of which ``seen`` came before; how many have come then."""
    for x in range(len(row)):
        if flags[x] == 0:
            seen += 1
            spread = step * ((seen * GOLDEN) % 1.0 - 0.5)
            b = math.floor((row[x] + spread - start) / width)
            if 0 <= b < len(bins):
                bins[int(b)] += 1
    return seen


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
    bins, below = np.empty(n_bins, np.int64), np.zeros(n_bins + 1, np.int64)
    for j in range(len(edges_y) - 1):
        y0, y1 = edges_y[j], edges_y[j + 1]
        for i in range(len(edges_x) - 1):
            x0, x1 = edges_x[i], edges_x[i + 1]
            n = n_good(flags, y0, y1, x0, x1)
            count[j, i], center[j, i], sigma[j, i] = n, 0.0, 0.0
            if n < 8:
                continue
            some = sample[: evenly(image, flags, y0, y1, x0, x1, max(n // N_SAMPLE, 1), sample)]
            some.sort()
            middle = float(some[len(some) // 2])
            noise = middle - float(some[int(0.1587 * len(some))])
            step = count_step if count_step > COARSE * noise else 0.0
            if not noise > 0.0 and (step == 0.0 or share_of(some, middle) > MOST_ALIKE):
                center[j, i] = middle
                continue
            noise = max(noise, step)
            width, start = noise / BINS_PER_SIGMA, middle - REACH * noise
            bins[:] = 0
            seen = 0
            for y in range(y0, y1):
                if step > 0.0:
                    seen = fill_spread(image[y, x0:x1], flags[y, x0:x1], start, width, step, seen, bins)
                else:
                    fill_histogram(image[y, x0:x1], flags[y, x0:x1], start, width, bins)
            for b in range(n_bins):
                below[b + 1] = below[b] + bins[b]
            lo, hi = 0, n_bins
            for _ in range(8):
                middle = histogram_quantile(below, lo, hi, 0.5, start, width)
                noise = middle - histogram_quantile(below, lo, hi, 0.1587, start, width)
                new_lo = max(int(math.floor((middle - clip * noise - start) / width)), 0)
                new_hi = min(int(math.ceil((middle + clip * noise - start) / width)), n_bins)
                if (new_lo == lo and new_hi == hi) or new_hi - new_lo < 8:
                    break
                lo, hi = new_lo, new_hi
            center[j, i] = middle
            sigma[j, i] = math.sqrt(max(noise * noise - step * step / 12.0, step * step / 12.0))


@kernel(void(ro(f4, 1), ro(u1, 1), f4, f4, out(f4, 1)))
def add_moments(row, flags, middle, reach, sums):
    """Add to ``sums`` (4,): good pixels of a row, those of them within ``reach`` of the ``middle``, and their first and second
    moments about it."""
    good, inner, total, square = f4(0.0), f4(0.0), f4(0.0), f4(0.0)
    for x in range(len(row)):
        d = row[x] - middle
        one = f4(1.0) if flags[x] == 0 else f4(0.0)
        counted = one if abs(d) < reach else f4(0.0)
        value = d * counted
        good += one
        inner += counted
        total += value
        square += value * value
    sums[0] += good
    sums[1] += inner
    sums[2] += total
    sums[3] += square


@kernel(void(ro(f4, 2), ro(u1, 2), ro(i8, 1), i8, i8, f8, f8, f8, out(f4, 1), out(f4, 1), out(i8, 1)))
def moments_of_rows(image, flags, edges_x, y0, y1, scale, clip, kept_rms, mean, sigma, count):
    """:func:`cell_moments` of one row of cells, cell by cell: for cells of few rows."""
    sums = np.empty(4, np.float32)
    for i in range(len(edges_x) - 1):
        x0, x1 = edges_x[i], edges_x[i + 1]
        middle, noise = f4(0.0), f4(2.0 * scale)
        for _ in range(4):
            sums[:] = 0.0
            for y in range(y0, y1):
                add_moments(image[y, x0:x1], flags[y, x0:x1], middle, f4(clip) * noise, sums)
            if sums[1] < f4(8.0):
                middle, noise = f4(0.0), f4(0.0)
                continue
            shift = sums[2] / sums[1]
            middle += shift
            noise = f4(math.sqrt(max(sums[3] / sums[1] - shift * shift, f4(0.0))) / kept_rms)
        mean[i], sigma[i], count[i] = middle, noise, int(sums[0])


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
        if edges_y[j + 1] - edges_y[j] < FEW_ROWS:
            y0, y1 = edges_y[j], edges_y[j + 1]
            moments_of_rows(image, flags, edges_x, y0, y1, scale, clip, kept_rms, mean[j], sigma[j], count[j])
            continue
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
