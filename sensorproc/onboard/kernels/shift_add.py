"""Velocity shift-and-add on quantised matched-filter images (Reed, Gagliardi & Shao 1983; Zackay & Ofek 2017).

The sum over frames at every pixel and velocity, keeping for each pixel the best velocity. Rows are the outer loop:
the rows of all frames that one output row can touch stay in cache while the velocities run.
"""

from sensorproc.onboard.kernels.jit import i1, i2, i4, i8, kernel, out, ro, u1, void


@kernel(void(ro(i1, 3), ro(i8, 2), ro(i8, 2), ro(u1, 2), out(i2, 1), out(i2, 2), out(i4, 2)))
def shift_add(cube, shift_x, shift_y, wanted, row_sum, best, best_index):
    """``cube`` (n, ny, nx) int8; ``shift_x`` (n_vx, n), ``shift_y`` (n_vy, n) whole pixels per frame.

    ``wanted`` (n_vy, n_vx) selects velocities. ``best`` (ny, nx) receives the largest sum and ``best_index`` its
    velocity as iy * n_vx + ix; ties keep the first. Samples outside a frame count zero.
    """
    n, ny, nx = cube.shape
    n_vx, n_vy = len(shift_x), len(shift_y)
    for y in range(ny):
        for x in range(nx):
            best[y, x] = i2(-32768)
            best_index[y, x] = 0
        for iy in range(n_vy):
            for ix in range(n_vx):
                if wanted[iy, ix] == 0:
                    continue
                row_sum[:] = 0
                for k in range(n):
                    yy = y + shift_y[iy, k]
                    if yy < 0 or yy >= ny:
                        continue
                    dx = shift_x[ix, k]
                    first, last = max(0, -dx), min(nx, nx - dx)
                    if last <= first:
                        continue
                    source = cube[k, yy, first + dx : last + dx]
                    target = row_sum[first:last]
                    for m in range(last - first):
                        target[m] += source[m]
                index = i4(iy * n_vx + ix)
                best_row, index_row = best[y], best_index[y]
                for m in range(nx):
                    better = row_sum[m] > best_row[m]
                    best_row[m] = row_sum[m] if better else best_row[m]
                    index_row[m] = index if better else index_row[m]
