"""Whole rows and columns of a frame: what they hold, summed in one pass, and their levels."""

import numpy as np

from sensorproc.onboard.kernels.jit import f4, f8, i4, i8, kernel, out, ro, u1, void


@kernel(f8(ro(f4, 2), ro(f4, 2), ro(u1, 2), f8, out(f8, 2), out(f8, 2), out(i8, 2), out(i8, 2)))
def line_sums(image, sigma, flags, clip, columns, rows, n_columns, n_rows):
    """Sums of the good pixels' SNR within +-``clip``: of each column's upper and lower half in ``columns`` (2, nx), of each row's
    left and right one in ``rows`` (2, ny), and how many they are; the sum of the squares of all is returned."""
    ny, nx = image.shape
    total, count = np.empty(nx, np.float32), np.empty(nx, np.int32)
    high, zero, power = f4(clip), f4(0.0), 0.0
    for half in range(2):
        total[:], count[:] = zero, i4(0)
        for y in range(ny // 2 if half else 0, ny if half else ny // 2):
            for side in range(2):
                a, b = (nx // 2, nx) if side else (0, nx // 2)
                values, noise, bad, sums, numbers = image[y, a:b], sigma[y, a:b], flags[y, a:b], total[a:b], count[a:b]
                row, squares, good = zero, zero, i4(0)
                for x in range(len(values)):
                    usable = bad[x] == 0
                    z = min(max(values[x] / noise[x], -high), high) if usable else zero
                    sums[x] += z
                    numbers[x] += i4(usable)
                    row += z
                    squares += z * z
                    good += i4(usable)
                rows[side, y], n_rows[side, y] = row, good
                power += squares
        columns[half], n_columns[half] = total, count
    return power


@kernel(i8(ro(f4, 1), f4))
def n_up_to(values, limit):
    """How many of some values are not above a limit."""
    n = i4(0)
    for k in range(len(values)):
        n += i4(values[k] <= limit)
    return n


@kernel(f8(ro(f4, 1)))
def median_of(values):
    """Median of some values, one at least, all finite: their range halved until nothing lies between, which costs no order."""
    low, high = values[0], values[0]
    for k in range(len(values)):
        low, high = min(low, values[k]), max(high, values[k])
    wanted = (len(values) + 1) // 2
    if n_up_to(values, low) < wanted:
        while True:
            middle = f4(0.5) * low + f4(0.5) * high  # their sum may be no number
            if not low < middle < high:
                break
            if n_up_to(values, middle) >= wanted:
                high = middle
            else:
                low = middle
    else:
        high = low
    # the smallest value that as many lie at or below, and for an even number the next one
    infinite = f4(np.inf)
    first, after = -infinite, infinite
    for k in range(len(values)):
        first = max(first, values[k] if values[k] <= high else -infinite)
        after = min(after, infinite if values[k] <= high else values[k])
    return 0.5 * (first + after) if len(values) % 2 == 0 and n_up_to(values, high) == wanted else first


@kernel(void(ro(f4, 2), f8, out(f8, 1)))
def means_near_medians(lines, reach, means):
    """``means`` (m,) of what lies within ``reach`` of the median of each of the ``lines`` (m, n). What is not finite says
    nothing, and a line that says nothing has no mean: NaN."""
    known = np.empty(lines.shape[1], np.float32)
    for i in range(len(lines)):
        n = 0
        for value in lines[i]:
            if np.isfinite(value):
                known[n] = value
                n += 1
        means[i] = np.nan
        if n == 0:
            continue
        middle = median_of(known[:n])
        total, near = 0.0, i4(0)
        for k in range(n):
            is_near = abs(known[k] - middle) <= reach
            total += known[k] if is_near else 0.0
            near += i4(is_near)
        means[i] = total / near if near > 0 else middle
