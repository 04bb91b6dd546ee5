"""Velocity shift-and-add on quantised matched-filter images (Reed, Gagliardi & Shao 1983; Zackay & Ofek 2017).

The sum over frames at every pixel and velocity, keeping for each pixel the best velocity above a threshold, and the same of the
pixels with their signs changed. Images are filtered for a point and come at four half-pixel phases, so that a path is sampled to
a quarter of a pixel at worst; a trail is a row of points. Bands of rows are the outer loop: what the velocities of a tile need of
all frames is drawn once a band and stays in cache while they run.
"""

import numpy as np

from sensorproc.onboard.kernels.jit import f4, f8, i1, i2, i4, i8, kernel, out, ro, u1, void

BAND_ROWS = 48  # Higher bands draw less twice, lower ones stay nearer to the processor.
TOP = 127  # of what is kept of an image, and less its bottom.


@kernel(void(ro(i1, 5), ro(i8, 3), ro(f4, 1), i8, i8, i8, out(i1, 5)))
def draw_trails(phases, taps, scale, margin, first, reach, tile):
    """Rows from ``first`` - ``reach`` on of images filtered for a trail, to ``tile`` (2, 2, n, rows, nx + 2 ``reach``).

    ``phases`` (2, 2, n, ny + 2 margin, nx + 2 margin) int8: images filtered for a point, displaced by half a pixel in y and x.
    The trail of frame k is the sum of points at ``taps`` (n, m, 2), half-pixels in x and y, times ``scale`` (n,).
    """
    n, n_rows, width = tile.shape[2], tile.shape[3], tile.shape[4]
    m = taps.shape[1]
    low, high, half = f4(-TOP), f4(TOP), f4(0.5)
    total = np.empty(width, np.int16)
    for k in range(n):
        for py in range(2):
            for px in range(2):
                for r in range(n_rows):
                    total[:] = 0
                    for j in range(m):
                        sx, sy = taps[k, j, 0] + px, taps[k, j, 1] + py
                        row, left = margin + first - reach + r + (sy >> 1), margin - reach + (sx >> 1)
                        source = phases[sy & 1, sx & 1, k, row, left : left + width]
                        for x in range(width):
                            total[x] += source[x]
                    target = tile[py, px, k, r]
                    for x in range(width):
                        target[x] = i1(np.floor(min(max(scale[k] * total[x], low), high) + half))


@kernel(void(ro(i1, 5), ro(i8, 2), ro(i8, 2), i8, i8, i8, out(i2, 1)))
def sum_path(tile, shift_x, shift_y, iy, ix, row, total):
    """``total`` (nx,): sum over the frames of ``tile`` at ``row`` and velocity (iy, ix) of the shifts, half-pixels and in
    the tile's own pixels."""
    n, nx = tile.shape[2], len(total)
    total[:] = 0
    k = 0
    while k < n:
        sy, sx = shift_y[iy, k], shift_x[ix, k]
        a = tile[sy & 1, sx & 1, k, row + (sy >> 1), (sx >> 1) : (sx >> 1) + nx]
        if k + 3 < n:
            sy, sx = shift_y[iy, k + 1], shift_x[ix, k + 1]
            b = tile[sy & 1, sx & 1, k + 1, row + (sy >> 1), (sx >> 1) : (sx >> 1) + nx]
            sy, sx = shift_y[iy, k + 2], shift_x[ix, k + 2]
            c = tile[sy & 1, sx & 1, k + 2, row + (sy >> 1), (sx >> 1) : (sx >> 1) + nx]
            sy, sx = shift_y[iy, k + 3], shift_x[ix, k + 3]
            d = tile[sy & 1, sx & 1, k + 3, row + (sy >> 1), (sx >> 1) : (sx >> 1) + nx]
            for m in range(nx):
                total[m] += i2(a[m]) + i2(b[m]) + i2(c[m]) + i2(d[m])
            k += 4
        else:
            for m in range(nx):
                total[m] += a[m]
            k += 1


@kernel(void(ro(i2, 1), i4, out(i2, 1), out(i4, 1)))
def keep_higher(total, index, best, best_index):
    """Where a velocity's sums are above the best ones so far, they and its ``index`` take their place."""
    for m in range(len(total)):
        if total[m] > best[m]:
            best[m] = total[m]
            best_index[m] = index


@kernel(void(ro(i2, 1), i4, out(i2, 1), out(i4, 1)))
def keep_lower(total, index, worst, worst_index):
    """The same of the lowest sums."""
    for m in range(len(total)):
        if total[m] < worst[m]:
            worst[m] = total[m]
            worst_index[m] = index


@kernel(
    void(
        ro(i1, 5), ro(i8, 3), ro(f4, 1), ro(i8, 2), ro(i8, 2), ro(u1, 2), ro(f4, 2), i8, i8, i8, i8, i8,
        out(i2, 3), out(i4, 3),
    )
)  # fmt: skip
def shift_add(phases, taps, scale, shift_x, shift_y, wanted, gain, margin, reach, threshold, y0, y1, extreme, index):
    """Largest and smallest sums over the frames, in rows ``y0`` to ``y1`` of ``extreme`` (2, ny, nx), and their velocities in
    ``index``, as iy * n_vx + ix.

    ``phases``, ``taps``, ``scale`` and ``margin`` are those of :func:`draw_trails`. ``shift_x`` (n_vx, n), ``shift_y`` (n_vy, n):
    half-pixels per frame, beside the taps, at most 2 ``reach``. ``wanted`` (n_vy, n_vx) selects velocities, ``gain`` (n_vy, n_vx)
    multiplies their sums. Where no sum is above ``threshold``, or below its negative, that is kept, with -1; ties keep the first.
    """
    n, nx = phases.shape[2], extreme.shape[2]
    n_vx, n_vy = len(shift_x), len(shift_y)
    tile = np.empty((2, 2, n, BAND_ROWS + 2 * reach, nx + 2 * reach), np.int8)
    total = np.empty(nx, np.int16)
    across, down = shift_x + 2 * reach, shift_y + 2 * reach
    for y in range(y0, y1):
        row = (y - y0) % BAND_ROWS
        if row == 0:
            rows = min(BAND_ROWS, y1 - y) + 2 * reach
            if rows < tile.shape[3]:
                tile = np.empty((2, 2, n, rows, nx + 2 * reach), np.int8)
            draw_trails(phases, taps, scale, margin, y, reach, tile)
        extreme[0, y], extreme[1, y] = threshold, -threshold
        index[:, y] = -1
        for iy in range(n_vy):
            for ix in range(n_vx):
                if wanted[iy, ix] == 0:
                    continue
                sum_path(tile, across, down, iy, ix, row, total)
                factor = gain[iy, ix]
                if factor != f4(1.0):
                    for m in range(nx):
                        total[m] = i2(min(max(factor * total[m], f4(-32767.0)), f4(32767.0)))
                top, bottom = i2(-32768), i2(32767)
                for m in range(nx):
                    top = max(top, total[m])
                    bottom = min(bottom, total[m])
                if top > threshold:
                    keep_higher(total, i4(iy * n_vx + ix), extreme[0, y], index[0, y])
                if bottom < -threshold:
                    keep_lower(total, i4(iy * n_vx + ix), extreme[1, y], index[1, y])


@kernel(void(ro(i1, 5), ro(i8, 3), ro(f4, 1), ro(f8, 1), i8, f8, out(f8, 2), out(f8, 1), f8, f8))
def climb(phases, taps, scale, times, margin, sign, seeds, sums, place_step, velocity_step):
    """Walk each seed (m, 4: x, y, vx, vy in the pixels of the phases without margin) uphill on the sums times ``sign``.

    Steps of both sizes and of half of them, one coordinate at a time, until none gains. ``sums`` (m,): where they ended.
    """
    n, height, width = phases.shape[2], phases.shape[3], phases.shape[4]
    trial = np.empty(4)
    for m in range(len(seeds)):
        top = -1e30
        size = 1.0
        for _ in range(3):
            gained = True
            while gained:
                gained = False
                for move in range(9):
                    trial[:] = seeds[m]
                    if move < 8:
                        trial[move // 2] += size * (place_step if move < 4 else velocity_step) * (1.0 if move % 2 else -1.0)
                    total = 0.0
                    for k in range(n):
                        x = int(np.floor(2.0 * (trial[0] + trial[2] * times[k]) + 0.5)) + 2 * margin
                        y = int(np.floor(2.0 * (trial[1] + trial[3] * times[k]) + 0.5)) + 2 * margin
                        light = 0
                        for j in range(taps.shape[1]):
                            sx, sy = x + taps[k, j, 0], y + taps[k, j, 1]
                            if sx >= 0 and sy >= 0 and sx < 2 * width and sy < 2 * height:
                                light += phases[sy & 1, sx & 1, k, sy >> 1, sx >> 1]
                        total += min(max(float(scale[k]) * light, -float(TOP)), float(TOP))
                    if sign * total > top + 0.5:
                        top = sign * total
                        seeds[m] = trial
                        gained = True
            size *= 0.5
        sums[m] = top
