"""Clipped statistics of the cells of a mesh (Bertin & Arnouts 1996, section 4, with quantiles for the noise)."""

from sensorproc.onboard.kernels.jit import f4, f8, i8, kernel, out, ro, u1, void


@kernel(void(ro(f4, 2), ro(u1, 2), ro(i8, 1), ro(i8, 1), f8, out(f4, 1), out(f4, 2), out(f4, 2), out(f4, 2), out(i8, 2)))
def cell_statistics(image, flags, edges_y, edges_x, clip, scratch, center, mean, sigma, count):
    """Median, mean and noise of the unflagged pixels of each cell after clipping at ``clip`` sigma.

    The noise is the distance from the median down to the 15.87 % quantile: light only adds, so the lower half
    is the clean one. ``scratch`` holds one cell.
    """
    for j in range(len(edges_y) - 1):
        for i in range(len(edges_x) - 1):
            n = 0
            for y in range(edges_y[j], edges_y[j + 1]):
                for x in range(edges_x[i], edges_x[i + 1]):
                    if flags[y, x] == 0:
                        scratch[n] = image[y, x]
                        n += 1
            count[j, i] = n
            center[j, i] = 0.0
            mean[j, i] = 0.0
            sigma[j, i] = 0.0
            if n < 8:
                continue
            values = scratch[:n]
            values.sort()
            lo, hi = 0, n
            for _ in range(12):
                middle = values[(lo + hi) // 2]
                noise = middle - values[lo + int(0.1587 * (hi - lo))]
                new_lo, new_hi = lo, hi
                while new_hi > new_lo + 8 and values[new_hi - 1] > middle + clip * noise:
                    new_hi -= 1
                while new_lo < new_hi - 8 and values[new_lo] < middle - clip * noise:
                    new_lo += 1
                if new_lo == lo and new_hi == hi:
                    break
                lo, hi = new_lo, new_hi
            total = 0.0
            for k in range(lo, hi):
                total += values[k]
            center[j, i] = values[(lo + hi) // 2]
            mean[j, i] = total / (hi - lo)
            sigma[j, i] = values[(lo + hi) // 2] - values[lo + int(0.1587 * (hi - lo))]
