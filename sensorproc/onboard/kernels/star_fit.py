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


@kernel(void(ro(f4, 4), i8, i8, f8, f8, i8, i8, out(f4, 2), out(f4, 2), out(f4, 2)))
def stamp(bank, py, px, fy, fx, hy, hx, value, d_x, d_y):
    """The middle (2 hy + 1, 2 hx + 1) of a star's image between four phases, and its derivatives by the star's place."""
    ky, kx = bank.shape[2], bank.shape[3]
    oy, ox = ky // 2 - hy, kx // 2 - hx
    n = f4(bank.shape[0] - 1)
    a, b = f4((1.0 - fy) * (1.0 - fx)), f4((1.0 - fy) * fx)
    c, d = f4(fy * (1.0 - fx)), f4(fy * fx)
    gy, gx = f4(fy), f4(fx)
    one = f4(1.0)
    for v in range(2 * hy + 1):
        p00, p01 = bank[py, px, oy + v], bank[py, px + 1, oy + v]
        p10, p11 = bank[py + 1, px, oy + v], bank[py + 1, px + 1, oy + v]
        for u in range(2 * hx + 1):
            q00, q01, q10, q11 = p00[ox + u], p01[ox + u], p10[ox + u], p11[ox + u]
            value[v, u] = a * q00 + b * q01 + c * q10 + d * q11
            d_x[v, u] = n * ((one - gy) * (q01 - q00) + gy * (q11 - q10))
            d_y[v, u] = n * ((one - gx) * (q10 - q00) + gx * (q11 - q01))


@kernel(void(out(f4, 3), ro(f4, 4), ro(f8, 2), f8, f8, f8, i8, i8, f8, i8, i8))
def add_star(cube, bank, path, dx, dy, flux, hy, hx, sign, first, last):
    """Add ``sign`` times a star to frames ``first`` to ``last`` of ``cube`` (n, ny, nx) at ``path`` (n, 2) + (dx, dy)."""
    ny, nx = cube.shape[1:]
    whole, part = np.empty(4, np.int64), np.empty(2)
    value = np.empty((2 * hy + 1, 2 * hx + 1), np.float32)
    d_x, d_y = np.empty_like(value), np.empty_like(value)
    scale = f4(sign * flux)
    for k in range(first, last):
        if not corner(path[k, 0] + dx, path[k, 1] + dy, bank.shape[0] - 1, ny, nx, whole, part):
            continue
        stamp(bank, whole[3], whole[2], part[1], part[0], hy, hx, value, d_x, d_y)
        x0, y0 = whole[0] - hx, whole[1] - hy
        for v in range(max(-y0, 0), min(2 * hy + 1, ny - y0)):
            for u in range(max(-x0, 0), min(2 * hx + 1, nx - x0)):
                cube[k, y0 + v, x0 + u] += scale * value[v, u]


@kernel(void(out(f4, 3), ro(f4, 5), ro(i8, 1), ro(f8, 3), ro(f8, 1), ro(i8, 2), f8, i8, i8))
def add_stars(cube, banks, width, paths, flux, full_half, sign, first, last):
    """Add ``sign`` times all stars to frames ``first`` to ``last`` of ``cube``; arguments as of :func:`fit_stars`."""
    for m in range(len(flux)):
        add_star(cube, banks[width[m]], paths[m], 0.0, 0.0, flux[m], full_half[m, 0], full_half[m, 1], sign, first, last)


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
    most_y, most_x = 2 * np.max(fit_half[:, 0]) + 1, 2 * np.max(fit_half[:, 1]) + 1
    value = np.empty((most_y, most_x), np.float32)
    d_x, d_y = np.empty_like(value), np.empty_like(value)
    normal, rhs, lower, step = np.zeros((3, 3)), np.zeros(3), np.zeros((3, 3)), np.zeros(3)
    for m in order:
        bank, path = banks[width[m]], paths[m]
        hy, hx = fit_half[m, 0], fit_half[m, 1]
        for _ in range(n_steps):
            normal[:] = 0.0
            rhs[:] = 0.0
            flux = stars[m, 2]
            for k in range(n):
                if not corner(path[k, 0] + stars[m, 0], path[k, 1] + stars[m, 1], bank.shape[0] - 1, ny, nx, whole, part):
                    continue
                x0, y0 = whole[0] - hx, whole[1] - hy
                if x0 + 2 * hx < 0 or y0 + 2 * hy < 0 or x0 >= nx or y0 >= ny:
                    continue
                stamp(bank, whole[3], whole[2], part[1], part[0], hy, hx, value, d_x, d_y)
                light = f4(max(flux, 0.0))
                s0, s1, s2 = 0.0, 0.0, 0.0
                n00, n11, n22, n10, n20, n21 = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
                for v in range(max(-y0, 0), min(2 * hy + 1, ny - y0)):
                    for u in range(max(-x0, 0), min(2 * hx + 1, nx - x0)):
                        w = weight[k, y0 + v, x0 + u]
                        p = value[v, u]
                        w = w / (f4(1.0) + light * p * w)
                        r = cube[k, y0 + v, x0 + u]
                        px, py = d_x[v, u], d_y[v, u]
                        s0 += w * px * r
                        s1 += w * py * r
                        s2 += w * p * r
                        n00 += w * px * px
                        n11 += w * py * py
                        n22 += w * p * p
                        n10 += w * py * px
                        n20 += w * p * px
                        n21 += w * p * py
                rhs[0] += flux * s0
                rhs[1] += flux * s1
                rhs[2] += s2
                normal[0, 0] += flux * flux * n00
                normal[1, 1] += flux * flux * n11
                normal[2, 2] += n22
                normal[1, 0] += flux * flux * n10
                normal[2, 0] += flux * n20
                normal[2, 1] += flux * n21
            if not normal[2, 2] > 0.0:
                break
            normal[0, 1], normal[0, 2], normal[1, 2] = normal[1, 0], normal[2, 0], normal[2, 1]
            for a in range(2):
                normal[a, a] += 1.0 / (place_sigma * place_sigma)
            if not solve_symmetric(normal, rhs, lower, step):
                break
            dx, dy = min(max(step[0], -MAX_STEP_PX), MAX_STEP_PX), min(max(step[1], -MAX_STEP_PX), MAX_STEP_PX)
            fy, fx = full_half[m, 0], full_half[m, 1]
            add_star(cube, bank, path, stars[m, 0], stars[m, 1], flux, fy, fx, 1.0, 0, n)
            stars[m, 0] += dx
            stars[m, 1] += dy
            stars[m, 2] = max(flux + step[2], 0.0)
            add_star(cube, bank, path, stars[m, 0], stars[m, 1], stars[m, 2], fy, fx, -1.0, 0, n)
