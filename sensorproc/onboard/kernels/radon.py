"""Fast discrete Radon transform (Brady 1998; Götz & Druck 1996), keeping the best line piece of every block.

Level m joins blocks of 2^m columns: row y with shift d is the sum along the line from (left edge, y) to
(right edge, y + d), built from two halves of the level below. Slopes 0..1; the caller flips and transposes.
"""

from sensorproc.onboard.kernels.jit import f4, i8, kernel, out, ro, void


@kernel(void(ro(f4, 3), out(f4, 3)))
def join_blocks(lower, upper):
    """One level up: ``lower`` (n_blocks, w, ny) -> ``upper`` (n_blocks / 2, 2 w, ny), index [block, shift, row]."""
    n_blocks, width, ny = lower.shape
    for block in range(n_blocks // 2):
        left, right = lower[2 * block], lower[2 * block + 1]
        for shift in range(2 * width):
            half = shift // 2
            rest = shift - half
            a, b, target = left[half], right[half], upper[block, shift]
            for y in range(ny):
                yy = y + rest
                target[y] = a[y] + b[yy] if yy < ny else a[y]


@kernel(i8(ro(f4, 3), ro(f4, 3), f4, f4, out(f4, 2)))
def best_line(sums, counts, threshold, min_count, found):
    """The most significant piece above ``threshold``: sum over root of the number of good pixels under it.

    ``found`` (1, 4) receives significance, block, shift and row of the first best one; returns 1 if there is any.
    """
    n_blocks, n_shifts, ny = sums.shape
    best = threshold
    n = 0
    for block in range(n_blocks):
        for shift in range(n_shifts):
            total, good = sums[block, shift], counts[block, shift]
            for y in range(ny):
                if total[y] <= 0.0 or good[y] < min_count or total[y] * total[y] <= best * best * good[y]:
                    continue
                best = total[y] / f4(good[y] ** 0.5)
                found[0, 0] = best
                found[0, 1] = block
                found[0, 2] = shift
                found[0, 3] = y
                n = 1
    return n
