"""Velocity shift-and-add on quantised matched-filter images (Reed, Gagliardi & Shao 1983; Zackay & Ofek 2017).

The sum over frames at every pixel and velocity, keeping for each pixel the best velocity above a threshold. Images come at
four half-pixel phases, so that a path is sampled to a quarter of a pixel at worst. Rows are the outer loop: the rows of all
frames that one output row can touch stay in cache while the velocities run.
"""

import numpy as np

from sensorproc.onboard.kernels.jit import f4, f8, i1, i2, i4, i8, kernel, out, ro, u1, void

MARGIN_SHIFT = 1  # Half-pixels to pixels, as a shift of bits.


@kernel(void(ro(i1, 5), ro(i8, 2), ro(i8, 2), ro(u1, 2), ro(f4, 2), i8, i8, i8, i8, out(i2, 2), out(i4, 2)))
def shift_add(phases, shift_x, shift_y, wanted, gain, margin, threshold, y0, y1, best, best_index):
    """``phases`` (2, 2, n, ny + 2 margin, nx + 2 margin) int8: images displaced by half a pixel in y and x.

    ``shift_x`` (n_vx, n), ``shift_y`` (n_vy, n): half-pixels per frame, at most 2 ``margin``. ``wanted`` (n_vy, n_vx)
    selects velocities, ``gain`` (n_vy, n_vx) multiplies their sums. Rows ``y0`` to ``y1`` of ``best`` (ny, nx) receive the
    largest sum above ``threshold``, else that, and ``best_index`` its velocity as iy * n_vx + ix, else -1; ties keep the first.
    """
    n = phases.shape[2]
    nx = best.shape[1]
    n_vx, n_vy = len(shift_x), len(shift_y)
    row_sum = np.empty(nx, np.int16)
    for y in range(y0, y1):
        best_row, index_row = best[y], best_index[y]
        best_row[:] = threshold
        index_row[:] = -1
        for iy in range(n_vy):
            for ix in range(n_vx):
                if wanted[iy, ix] == 0:
                    continue
                row_sum[:] = 0
                k = 0
                while k < n:
                    sy, sx = shift_y[iy, k], shift_x[ix, k]
                    first = margin + (sx >> MARGIN_SHIFT)
                    a = phases[sy & 1, sx & 1, k, y + margin + (sy >> MARGIN_SHIFT), first : first + nx]
                    if k + 3 < n:
                        sy, sx = shift_y[iy, k + 1], shift_x[ix, k + 1]
                        first = margin + (sx >> MARGIN_SHIFT)
                        b = phases[sy & 1, sx & 1, k + 1, y + margin + (sy >> MARGIN_SHIFT), first : first + nx]
                        sy, sx = shift_y[iy, k + 2], shift_x[ix, k + 2]
                        first = margin + (sx >> MARGIN_SHIFT)
                        c = phases[sy & 1, sx & 1, k + 2, y + margin + (sy >> MARGIN_SHIFT), first : first + nx]
                        sy, sx = shift_y[iy, k + 3], shift_x[ix, k + 3]
                        first = margin + (sx >> MARGIN_SHIFT)
                        d = phases[sy & 1, sx & 1, k + 3, y + margin + (sy >> MARGIN_SHIFT), first : first + nx]
                        for m in range(nx):
                            row_sum[m] += i2(a[m]) + i2(b[m]) + i2(c[m]) + i2(d[m])
                        k += 4
                    else:
                        for m in range(nx):
                            row_sum[m] += a[m]
                        k += 1
                factor = gain[iy, ix]
                if factor != f4(1.0):
                    for m in range(nx):
                        row_sum[m] = i2(min(factor * row_sum[m], f4(32767.0)))
                top = i2(-32768)
                for m in range(nx):
                    top = max(top, row_sum[m])
                if top <= threshold:
                    continue
                index = i4(iy * n_vx + ix)
                for m in range(nx):
                    if row_sum[m] > best_row[m]:
                        best_row[m] = row_sum[m]
                        index_row[m] = index


@kernel(void(ro(i1, 5), ro(f8, 1), i8, out(f8, 2), out(f8, 1), f8, f8))
def climb(phases, times, margin, seeds, sums, place_step, velocity_step):
    """Walk each seed (m, 4: x, y, vx, vy in the pixels of the phases without margin) uphill on the summed phases.

    Steps of both sizes and of half of them, one coordinate at a time, until none gains. ``sums`` (m,): where they ended.
    """
    n, height, width = phases.shape[2], phases.shape[3], phases.shape[4]
    trial = np.empty(4)
    for m in range(len(seeds)):
        top = -1e30
        scale = 1.0
        for _ in range(3):
            gained = True
            while gained:
                gained = False
                for move in range(9):
                    trial[:] = seeds[m]
                    if move < 8:
                        size = place_step if move < 4 else velocity_step
                        trial[move // 2] += scale * size * (1.0 if move % 2 else -1.0)
                    total = 0.0
                    for k in range(n):
                        sx = int(np.floor(2.0 * (trial[0] + trial[2] * times[k]) + 0.5)) + 2 * margin
                        sy = int(np.floor(2.0 * (trial[1] + trial[3] * times[k]) + 0.5)) + 2 * margin
                        if sx >= 0 and sy >= 0 and sx < 2 * width and sy < 2 * height:
                            total += phases[sy & 1, sx & 1, k, sy >> 1, sx >> 1]
                    if total > top + 0.5:
                        top = total
                        seeds[m] = trial
                        gained = True
            scale *= 0.5
        sums[m] = top
