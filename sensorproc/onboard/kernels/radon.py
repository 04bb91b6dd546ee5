"""Fast discrete Radon transform (Brady 1998; Götz & Druck 1996) in 16-bit integers, and the best pieces of lines in it.

A level of height h holds blocks of h rows; its row ``block * h + shift`` is, at x, the sum along the line that enters the
block's first row at x and leaves its last row at x + sign * shift. Slopes 0 to 1 only; the caller mirrors and transposes.
"""

import numpy as np

from sensorproc.onboard.kernels.jit import f4, f8, i2, i8, kernel, out, ro, void


@kernel(void(ro(i2, 1), ro(i2, 1), i8, out(i2, 1)))
def join_rows(a, b, halve, target):
    """``target`` = a + b, or half of it: shifts by a constant stay in lanes of 16 bits."""
    if halve:
        for x in range(len(target)):
            target[x] = i2((a[x] + b[x]) >> 1)
    else:
        for x in range(len(target)):
            target[x] = i2(a[x] + b[x])


@kernel(void(ro(i2, 1), i8, out(i2, 1)))
def copy_row(a, halve, target):
    """``target`` = a, or half of it."""
    if halve:
        for x in range(len(target)):
            target[x] = a[x] >> 1
    else:
        for x in range(len(target)):
            target[x] = a[x]


@kernel(void(ro(i2, 2), i8, i8, i8, out(i2, 2)))
def join_blocks(lower, height, sign, halve, upper):
    """One level up from blocks of ``height`` rows; ``halve`` 1: the sums' lowest bit is dropped."""
    ny, nx = lower.shape
    for top in range(0, ny, 2 * height):
        for shift in range(2 * height):
            half = shift // 2
            rest = min(shift - half, nx)
            a, b, target = lower[top + half], lower[top + height + half], upper[top + shift]
            if sign > 0:
                join_rows(a[: nx - rest], b[rest:], halve, target[: nx - rest])
                copy_row(a[nx - rest :], halve, target[nx - rest :])
            else:
                join_rows(a[rest:], b[: nx - rest], halve, target[rest:])
                copy_row(a[:rest], halve, target[:rest])


@kernel(i2(ro(i2, 1)))
def highest(a):
    """Largest of a row."""
    top = i2(-32768)
    for x in range(len(a)):
        top = max(top, a[x])
    return top


@kernel(i2(ro(i2, 1), ro(i2, 1), i8, i8))
def highest_sum(a, b, bits1, bits2):
    """Largest sum of two rows, each shifted right by 0 or 1."""
    top = i2(-32768)
    if bits1 == 0 and bits2 == 0:
        for x in range(len(a)):
            top = max(top, i2(a[x] + b[x]))
    elif bits1 == 1 and bits2 == 1:
        for x in range(len(a)):
            top = max(top, i2((a[x] >> 1) + (b[x] >> 1)))
    elif bits1 == 1:
        for x in range(len(a)):
            top = max(top, i2((a[x] >> 1) + b[x]))
    else:
        for x in range(len(a)):
            top = max(top, i2(a[x] + (b[x] >> 1)))
    return top


@kernel(i8(ro(i2, 2), ro(i2, 2), i8, i8, i8, i8, i8, i8, i8, ro(f4, 1), i8, out(f8, 2)))
def best_pieces(first, second, h1, h2, start, step, sign, bits1, bits2, limits, n, found):
    """Most significant lines across a block of ``h1`` rows and the one of ``h2`` rows below it.

    Pairs start at rows ``start``, ``start + step``, ...; ``h2 = 0``: blocks of ``first`` alone. Sums of the two are shifted
    right by ``bits1`` and ``bits2`` before they are added. ``limits`` (h1 + h2,): threshold of every shift. Of each pair and
    each stretch of h1 + h2 columns the line that exceeds its threshold most is written to ``found`` (most, 5) from row ``n``
    on: ratio to the threshold, first row, rows, shift, column; returns the rows filled.
    """
    ny, nx = first.shape
    height = h1 + h2
    n_cells = (nx + height - 1) // height
    best, best_shift, best_x = np.empty(n_cells, np.float32), np.empty(n_cells, np.int64), np.empty(n_cells, np.int64)
    for top in range(start, ny - height + 1, step):
        best[:] = 1.0
        some = False
        for shift in range(height):
            part1, part2 = shift * h1 // height, shift * h2 // height
            rest = shift - part2 if h2 > 0 else 0
            if rest >= nx:
                break
            limit = limits[shift]
            low, high = (0, nx - rest) if sign > 0 else (rest, nx)
            width = high - low
            a = first[top + part1, low:high]
            b = second[top + h1 + part2, low + sign * rest : high + sign * rest] if h2 > 0 else a
            if (highest_sum(a, b, bits1, bits2) if h2 > 0 else highest(a)) <= limit:
                continue
            some = True
            for x in range(width):
                total = (a[x] >> bits1) + (b[x] >> bits2) if h2 > 0 else a[x]
                if total > limit:
                    cell = (low + x) // height
                    ratio = f4(total) / limit
                    if ratio > best[cell]:
                        best[cell], best_shift[cell], best_x[cell] = ratio, shift, low + x
        if not some:
            continue
        for cell in range(n_cells):
            if best[cell] > 1.0 and n < len(found):
                found[n, 0], found[n, 1], found[n, 2] = best[cell], top, height
                found[n, 3], found[n, 4] = best_shift[cell], best_x[cell]
                n += 1
    return n
