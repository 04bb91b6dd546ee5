"""Joint fit of stars through a whole set: place and flux of each, one after the other, on what the others leave."""

import math

import numpy as np

from sensorproc.onboard.kernels.cholesky import solve_symmetric
from sensorproc.onboard.kernels.jit import boolean, f4, f8, i8, kernel, out, ro, void

MAX_STEP_PX = 0.3


@kernel(boolean(f8, f8, i8, i8, i8, out(i8, 1), out(f8, 1)))
def corner(x, y, n_phases, ny, nx, whole, part):
    """Middle pixel, phase and fraction beyond it of a star at (x, y): False if its middle is far outside."""
    ix, iy = math.floor(x + 0.5), math.floor(y + 0.5)
    px, py = (x + 0.5 - ix) * n_phases, (y + 0.5 - iy) * n_phases
    whole[0], whole[1] = int(ix), int(iy)
    whole[2], whole[3] = min(int(px), n_phases - 1), min(int(py), n_phases - 1)
    part[0], part[1] = px - whole[2], py - whole[3]
    return -256 < ix < nx + 256 and -256 < iy < ny + 256


@kernel(void(ro(f4, 2), ro(f4, 2), ro(f4, 4), ro(i8, 1), ro(f8, 1), i8, i8, f8, out(f8, 1)))
def star_sums(image, weight, bank, whole, part, hy, hx, flux, sums):
    """Add the sums over one frame's pixels within (``hy``, ``hx``) of a star's middle to ``sums`` (9,): of w px r, w py r, w p r,
    w px px, w py py, w p p, w py px, w p px, w p py.

    p is the star's unit-flux image between four phases of its ``bank``, px and py its derivatives by its place, r ``image``
    and w ``weight`` (ny, nx) with the photon noise of the star's own ``flux``; ``whole`` and ``part`` are of :func:`corner`.
    Rows are summed in single precision.
    """
    ny, nx = image.shape
    x0, y0 = whole[0] - hx, whole[1] - hy
    first, last = max(x0, 0), min(whole[0] + hx + 1, nx)
    if last <= first:
        return
    one, n_phases, light = f4(1.0), f4(bank.shape[0] - 1), f4(max(flux, 0.0))
    gx, gy = f4(part[0]), f4(part[1])
    a, b, c, d = (one - gy) * (one - gx), (one - gy) * gx, gy * (one - gx), gy * gx
    up, left = bank.shape[2] // 2 - whole[1], bank.shape[3] // 2 - whole[0]
    for v in range(max(y0, 0), min(whole[1] + hy + 1, ny)):
        upper, lower = bank[whole[3], :, up + v], bank[whole[3] + 1, :, up + v]
        p00, p01 = upper[whole[2], left + first : left + last], upper[whole[2] + 1, left + first : left + last]
        p10, p11 = lower[whole[2], left + first : left + last], lower[whole[2] + 1, left + first : left + last]
        w_row, r_row = weight[v, first:last], image[v, first:last]
        xr = yr = pr = xx = yy = pp = yx = px = py = f4(0.0)
        for u in range(last - first):
            q00, q01, q10, q11 = p00[u], p01[u], p10[u], p11[u]
            p = a * q00 + b * q01 + c * q10 + d * q11
            dx = n_phases * ((one - gy) * (q01 - q00) + gy * (q11 - q10))
            dy = n_phases * ((one - gx) * (q10 - q00) + gx * (q11 - q01))
            w = w_row[u]
            w = w / (one + light * p * w)
            r = r_row[u]
            wx, wy, wp = w * dx, w * dy, w * p
            xr += wx * r
            yr += wy * r
            pr += wp * r
            xx += wx * dx
            yy += wy * dy
            pp += wp * p
            yx += wy * dx
            px += wp * dx
            py += wp * dy
        for i, total in enumerate((xr, yr, pr, xx, yy, pp, yx, px, py)):
            sums[i] += total


@kernel(void(out(f4, 2), ro(f4, 4), ro(i8, 1), ro(f8, 1), i8, i8))
def add_image(image, bank, whole, shares, hy, hx):
    """Add the four phases about a star's place to ``image`` (ny, nx), each with its share (4,) of the flux, within (``hy``,
    ``hx``) of its middle; ``whole`` (4,) is of :func:`corner`."""
    ny, nx = image.shape
    left, right = max(whole[0] - hx, 0), min(whole[0] + hx + 1, nx)
    if right <= left:
        return
    a, b, c, d = f4(shares[0]), f4(shares[1]), f4(shares[2]), f4(shares[3])
    dv, du = bank.shape[2] // 2 - whole[1], bank.shape[3] // 2 - whole[0]
    for v in range(max(whole[1] - hy, 0), min(whole[1] + hy + 1, ny)):
        p00 = bank[whole[3], whole[2], v + dv, left + du : right + du]
        p01 = bank[whole[3], whole[2] + 1, v + dv, left + du : right + du]
        p10 = bank[whole[3] + 1, whole[2], v + dv, left + du : right + du]
        p11 = bank[whole[3] + 1, whole[2] + 1, v + dv, left + du : right + du]
        row = image[v, left:right]
        for u in range(right - left):
            row[u] += a * p00[u] + b * p01[u] + c * p10[u] + d * p11[u]


@kernel(void(f8, ro(f8, 1), out(f8, 1)))
def add_shares(flux, part, shares):
    """Add to ``shares`` (4,) what each phase about a star gets of its ``flux``."""
    shares[0] += flux * (1.0 - part[1]) * (1.0 - part[0])
    shares[1] += flux * (1.0 - part[1]) * part[0]
    shares[2] += flux * part[1] * (1.0 - part[0])
    shares[3] += flux * part[1] * part[0]


@kernel(void(out(f4, 3), ro(f4, 4), ro(f8, 2), f8, f8, f8, i8, i8, i8, i8))
def add_star(cube, bank, path, dx, dy, flux, hy, hx, first, last):
    """Add a star of ``flux`` to frames ``first`` to ``last`` of ``cube`` (n, ny, nx) at ``path`` (n, 2) + (dx, dy)."""
    ny, nx = cube.shape[1:]
    whole, part, shares = np.empty(4, np.int64), np.empty(2), np.empty(4)
    for k in range(first, last):
        if corner(path[k, 0] + dx, path[k, 1] + dy, bank.shape[0] - 1, ny, nx, whole, part):
            shares[:] = 0.0
            add_shares(flux, part, shares)
            add_image(cube[k], bank, whole, shares, hy, hx)


@kernel(void(out(f4, 3), ro(f4, 4), ro(f8, 2), ro(f8, 1), ro(f8, 1), i8, i8))
def move_star(cube, bank, path, old, new, hy, hx):
    """Put a star's light back that was taken out at ``old`` (3,), (dx, dy, flux), and take it out at ``new``, in one pass where
    both lie between the same phases."""
    n, ny, nx = cube.shape
    n_phases = bank.shape[0] - 1
    whole, part, shares = np.empty(4, np.int64), np.empty(2), np.empty(4)
    then, then_part = np.empty(4, np.int64), np.empty(2)
    for k in range(n):
        is_near = corner(path[k, 0] + new[0], path[k, 1] + new[1], n_phases, ny, nx, whole, part)
        was_near = corner(path[k, 0] + old[0], path[k, 1] + old[1], n_phases, ny, nx, then, then_part)
        shares[:] = 0.0
        if was_near:
            add_shares(old[2], then_part, shares)
            if not is_near or then[0] != whole[0] or then[1] != whole[1] or then[2] != whole[2] or then[3] != whole[3]:
                add_image(cube[k], bank, then, shares, hy, hx)
                shares[:] = 0.0
        if is_near:
            add_shares(-new[2], part, shares)
            add_image(cube[k], bank, whole, shares, hy, hx)


@kernel(void(out(f4, 3), ro(f4, 5), ro(i8, 1), ro(f8, 3), ro(f8, 1), ro(i8, 2), f8, i8, i8))
def add_stars(cube, banks, width, paths, flux, full_half, sign, first, last):
    """Add ``sign`` times all stars to frames ``first`` to ``last`` of ``cube``; arguments as of :func:`fit_stars`."""
    for m in range(len(flux)):
        add_star(cube, banks[width[m]], paths[m], 0.0, 0.0, sign * flux[m], full_half[m, 0], full_half[m, 1], first, last)


@kernel(
    void(
        out(f4, 3), ro(f4, 3), ro(f4, 5), ro(i8, 1), ro(f8, 3), ro(i8, 1), ro(i8, 2), ro(i8, 2), i8, f8, out(f8, 2),
    )
)  # fmt: skip
def fit_stars(cube, weight, banks, width, paths, order, fit_half, full_half, n_steps, place_sigma, stars):
    """Gauss-Newton on (dx, dy, flux) of every star in ``order``, one after the other, with the others' light subtracted.

    ``cube`` (n, ny, nx) holds what all present models leave, and is kept so; ``weight`` is 1/variance without stars, zero
    where pixels are bad. ``paths`` (m, n, 2) [px]; ``stars`` (m, 3): dx, dy, flux [e-]; ``fit_half`` and ``full_half``
    (m, 2): half-widths in y, x of the pixels fitted and of the image subtracted. ``place_sigma`` [px] holds the places of
    faint stars to where they were found.
    """
    n, ny, nx = cube.shape
    whole, part = np.empty(4, np.int64), np.empty(2)
    normal, rhs, lower, step, sums = np.zeros((3, 3)), np.zeros(3), np.zeros((3, 3)), np.zeros(3), np.zeros(9)
    old = np.empty(3)
    stiffness = 1.0 / (place_sigma * place_sigma)
    for m in order:
        bank, path = banks[width[m]], paths[m]
        hy, hx = fit_half[m, 0], fit_half[m, 1]
        for _ in range(n_steps):
            flux = stars[m, 2]
            sums[:] = 0.0
            for k in range(n):
                if corner(path[k, 0] + stars[m, 0], path[k, 1] + stars[m, 1], bank.shape[0] - 1, ny, nx, whole, part):
                    star_sums(cube[k], weight[k], bank, whole, part, hy, hx, flux, sums)
            if not sums[5] > 0.0:
                break
            rhs[0], rhs[1], rhs[2] = flux * sums[0], flux * sums[1], sums[2]
            normal[0, 0], normal[1, 1] = flux * flux * sums[3] + stiffness, flux * flux * sums[4] + stiffness
            normal[2, 2] = sums[5]
            normal[1, 0], normal[2, 0], normal[2, 1] = flux * flux * sums[6], flux * sums[7], flux * sums[8]
            normal[0, 1], normal[0, 2], normal[1, 2] = normal[1, 0], normal[2, 0], normal[2, 1]
            if not solve_symmetric(normal, rhs, lower, step):
                break
            old[:] = stars[m]
            for a in range(2):
                stars[m, a] += min(max(step[a], -MAX_STEP_PX), MAX_STEP_PX)
            stars[m, 2] = max(flux + step[2], 0.0)
            move_star(cube, bank, path, old, stars[m], full_half[m, 0], full_half[m, 1])
