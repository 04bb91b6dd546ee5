"""What is done down the columns and along the rows apart: the matched filter of a round point in one pass, numerator and
variance, and maps between the rows of a mesh."""

import math

import numpy as np

from sensorproc.onboard.kernels.jit import f4, i8, kernel, out, ro, void


@kernel(void(ro(f4, 1), ro(f4, 1), ro(f4, 1), ro(f4, 1), ro(f4, 1), f4, f4, f4, out(f4, 1)))
def begin(middle, a1, b1, a2, b2, t0, t1, t2, total):
    """``total`` = t0 ``middle`` + t1 (a1 + b1) + t2 (a2 + b2), element by element."""
    for x in range(len(total)):
        total[x] = t0 * middle[x] + t1 * (a1[x] + b1[x]) + t2 * (a2[x] + b2[x])


@kernel(void(ro(f4, 1), ro(f4, 1), ro(f4, 1), ro(f4, 1), f4, f4, out(f4, 1)))
def add(a1, b1, a2, b2, t1, t2, total):
    """``total`` += t1 (a1 + b1) + t2 (a2 + b2), element by element."""
    for x in range(len(total)):
        total[x] += t1 * (a1[x] + b1[x]) + t2 * (a2[x] + b2[x])


@kernel(void(ro(f4, 2), i8, ro(f4, 1), out(f4, 1)))
def down(ring, y, taps, total):
    """``total`` (nx,): rows around ``y`` of a ``ring`` (n, nx), in which row y is the one of y modulo n, folded by an odd
    number of ``taps`` (h + 1,), from the middle on."""
    n = len(ring)
    begin(
        ring[y % n], ring[(y - 1) % n], ring[(y + 1) % n], ring[(y - 2) % n], ring[(y + 2) % n], taps[0], taps[1], taps[2], total
    )
    for j in range(3, len(taps), 2):
        add(ring[(y - j) % n], ring[(y + j) % n], ring[(y - j - 1) % n], ring[(y + j + 1) % n], taps[j], taps[j + 1], total)


@kernel(void(ro(f4, 1), ro(f4, 1), out(f4, 1)))
def along(row, taps, total):
    """``total`` (nx,): pixels around each of a ``row`` (nx + 2 h,), folded in the same way."""
    h, nx = len(taps) - 1, len(total)
    begin(
        row[h : h + nx], row[h - 1 : h - 1 + nx], row[h + 1 : h + 1 + nx], row[h - 2 : h - 2 + nx], row[h + 2 : h + 2 + nx],
        taps[0], taps[1], taps[2], total,
    )  # fmt: skip
    for j in range(3, h + 1, 2):
        i = j + 1
        add(
            row[h - j : h - j + nx], row[h + j : h + j + nx], row[h - i : h - i + nx], row[h + i : h + i + nx],
            taps[j], taps[i], total,
        )  # fmt: skip


@kernel(void(ro(f4, 2), ro(f4, 2), ro(f4, 1), f4, out(f4, 2)))
def point_snr(image, weight, taps, least, snr):
    """``snr`` (ny, nx) of a point centred on every pixel: sum(w p d) / sqrt(sum(w p^2)), 0 where the sum of w p^2 is not above
    ``least``.

    p is the product of ``taps`` (h + 1,) in x and in y, h even: from the middle on, as far as light reaches and zeros beyond.
    Outside the image weights are zero.
    """
    ny, nx = image.shape
    h = len(taps) - 1
    squares = taps * taps
    psi_ring, phi_ring = np.zeros((2 * h + 1, nx), np.float32), np.zeros((2 * h + 1, nx), np.float32)
    psi_row, phi_row = np.zeros(nx + 2 * h, np.float32), np.zeros(nx + 2 * h, np.float32)
    psi, phi = np.empty(nx, np.float32), np.empty(nx, np.float32)
    zero = f4(0.0)
    for v in range(ny + h):
        products, weights = psi_ring[v % len(psi_ring)], phi_ring[v % len(psi_ring)]
        if v < ny:
            for x in range(nx):
                weights[x] = weight[v, x]
                products[x] = weight[v, x] * image[v, x]
        else:
            products[:], weights[:] = zero, zero
        y = v - h
        if y < 0:
            continue
        down(psi_ring, y, taps, psi_row[h : h + nx])
        down(phi_ring, y, squares, phi_row[h : h + nx])
        along(psi_row, taps, psi)
        along(phi_row, squares, phi)
        row = snr[y]
        for x in range(nx):
            value = psi[x] / f4(math.sqrt(max(phi[x], least)))
            row[x] = value if phi[x] > least else zero


@kernel(void(ro(f4, 2), ro(i8, 1), ro(f4, 1), out(f4, 1)))
def mix(rows, which, parts, total):
    """``total`` (nx,): the sum of four ``rows`` (m, nx), ``which`` (4,) of them times ``parts`` (4,)."""
    a, b, c, d = rows[which[0]], rows[which[1]], rows[which[2]], rows[which[3]]
    p, q, r, s = parts[0], parts[1], parts[2], parts[3]
    for x in range(len(total)):
        total[x] = p * a[x] + q * b[x] + r * c[x] + s * d[x]


@kernel(void(ro(f4, 2), ro(i8, 2), ro(f4, 2), out(f4, 2)))
def mix_rows(rows, which, parts, mixed):
    """``mixed`` (ny, nx): each row by :func:`mix`, ``which`` and ``parts`` (ny, 4)."""
    for y in range(len(mixed)):
        mix(rows, which[y], parts[y], mixed[y])


@kernel(void(ro(f4, 2), ro(i8, 2), ro(f4, 2), out(f4, 2)))
def subtract_mixed(rows, which, parts, image):
    """``image`` (ny, nx) less what :func:`mix_rows` gives, in place."""
    total = np.empty(image.shape[1], np.float32)
    for y in range(len(image)):
        mix(rows, which[y], parts[y], total)
        line = image[y]
        for x in range(len(line)):
            line[x] -= total[x]
