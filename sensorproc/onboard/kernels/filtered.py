"""Element by element in one pass: memory, not arithmetic, is what whole frames cost."""

import math

import numpy as np

from sensorproc.onboard.kernels.jit import boolean, f4, f8, i1, i8, kernel, out, ro, triple, u1, u2, u4, void


@kernel(void(ro(u1, 2), out(f4, 2)))
def to_weights(flags, sigma):
    """1 / ``sigma``^2 in place, 0 where flagged."""
    ny, nx = sigma.shape
    one = f4(1.0)
    for y in range(ny):
        for x in range(nx):
            sigma[y, x] = one / (sigma[y, x] * sigma[y, x]) if flags[y, x] == 0 else f4(0.0)


@kernel(void(ro(f4, 2), ro(u1, 2), out(f4, 2)))
def unflagged(weight, flags, kept):
    """``kept``: ``weight``, 0 where flagged."""
    ny, nx = weight.shape
    for y in range(ny):
        for x in range(nx):
            kept[y, x] = weight[y, x] if flags[y, x] == 0 else f4(0.0)


@kernel(void(ro(f4, 2), ro(f4, 2), f8, out(boolean, 2)))
def above(image, weight, snr, bright):
    """``bright``: where pixels are more than so many of their sigmas, of those that have a weight."""
    ny, nx = image.shape
    least2, zero = f4(snr * snr), f4(0.0)
    for y in range(ny):
        for x in range(nx):
            light = max(image[y, x], zero)
            bright[y, x] = light * light * weight[y, x] > least2


@kernel(void(ro(f4, 2), ro(f4, 2), ro(f4, 2), ro(boolean, 2), f8, u1, ro(u1, 2), out(f4, 2), out(u1, 2), out(u1, 2)))
def take_clutter(clutter, light, weight, is_lone, snr, lone, flags, image, flagged, starlit):
    """Take ``clutter`` off ``image`` (ny, nx). ``flagged`` are the ``flags``, and ``lone`` where it is so; ``starlit`` those, and
    1 where there is clutter, or starlight of more than ``snr`` sigmas of a pixel's noise."""
    ny, nx = image.shape
    most = f4(snr * snr)
    for y in range(ny):
        for x in range(nx):
            image[y, x] -= clutter[y, x]
            flag = flags[y, x] | (lone if is_lone[y, x] else u1(0))
            is_lit = light[y, x] * light[y, x] * weight[y, x] > most
            flagged[y, x] = flag
            starlit[y, x] = flag | u1(is_lit or clutter[y, x] != f4(0.0))


@kernel(void(ro(f4, 2), f8, out(u2, 2)))
def to_half(image, scale, bits):
    """``bits`` (ny, nx) of ``scale`` times ``image``, not negative, in half precision, rounded to the nearest: the exponent of a
    single less 112, its mantissa without the last 13 bits."""
    ny, nx = image.shape
    factor, most = f4(scale), f4(65504.0)
    less, row = f4(2.0**-112), np.empty(nx, np.float32)
    single = row.view(np.uint32)
    for y in range(ny):
        for x in range(nx):
            row[x] = min(factor * image[y, x], most) * less
        for x in range(nx):
            bits[y, x] = (single[x] + u4(4095) + ((single[x] >> u4(13)) & u4(1))) >> u4(13)


@kernel(void(ro(f4, 2), ro(f4, 2), ro(boolean, 2), f8, f8, triple, out(f4, 2)))
def add_star_noise(light, clutter, is_saturated, scale, photons, errors, weight):
    """Add to the noise of sky and read-out, ``scale`` times what ``weight`` (ny, nx) says, that of the stars' photons, so many to
    a unit of ``light``, and of their model, in place.

    ``errors``: of a star's model and of one near a saturated pixel, parts of its light; of what stands still without being a
    star, part of ``clutter``. What is wrong with a star's model shows in what stands still, too: the larger of both counts.
    """
    ny, nx = weight.shape
    usual, most, unmoved = f4(errors[0]), f4(errors[1]), f4(errors[2])
    per_light, times2 = f4(photons), f4(scale * scale)
    for y in range(ny):
        for x in range(nx):
            w = weight[y, x]
            model = max((most if is_saturated[y, x] else usual) * light[y, x], unmoved * abs(clutter[y, x]))
            weight[y, x] = w / (times2 + w * (per_light * light[y, x] + model * model))


@kernel(void(ro(f4, 2), ro(f4, 2), boolean, f8, f8, ro(u1, 2), u1, out(f4, 2), out(u1, 2)))
def add_dark_noise(dark, error, is_known, share, hot_sigma, flags, hot, sigma, flagged):
    """Add the noise of ``dark`` charge to ``sigma`` (ny, nx), that of the sky: of its electrons, and of its ``error``, or of
    ``share`` of it where that is not known. ``flagged`` are the ``flags``, and ``hot`` where the known error, or else all that
    the dark adds, is more than ``hot_sigma`` times the sky's."""
    ny, nx = sigma.shape
    part, most = f4(share), f4(hot_sigma)
    for y in range(ny):
        for x in range(nx):
            signal = max(dark[y, x], f4(0.0))
            wrong = error[y, x] if is_known else part * signal
            variance = signal + wrong * wrong
            sky2 = sigma[y, x] * sigma[y, x]
            is_hot = (wrong * wrong if is_known else variance) > most * most * sky2
            flagged[y, x] = flags[y, x] | (hot if is_hot else u1(0))
            sigma[y, x] = math.sqrt(sky2 + variance)


@kernel(void(ro(f4, 2), ro(f4, 2), ro(f4, 2), f8, out(f4, 2)))
def clipped_snr(image, weight, part, clip, snr):
    """``snr`` (ny, nx) of every pixel, within +-``clip``, times its ``part``."""
    ny, nx = image.shape
    high = f4(clip)
    for y in range(ny):
        for x in range(nx):
            snr[y, x] = part[y, x] * min(max(image[y, x] * f4(math.sqrt(weight[y, x])), -high), high)


@kernel(void(out(f4, 2), ro(f4, 2), f8))
def to_snr(psi, phi, least):
    """``psi`` / sqrt(``phi``) in place, 0 where ``phi`` is not above ``least``."""
    ny, nx = psi.shape
    limit = f4(least)
    for y in range(ny):
        for x in range(nx):
            psi[y, x] = psi[y, x] / f4(math.sqrt(max(phi[y, x], limit))) if phi[y, x] > limit else f4(0.0)


@kernel(void(ro(f4, 2), ro(f4, 2), ro(f4, 2), ro(i8, 2), f8, out(f8, 1)))
def best_near(image, weight, template, places, least, best):
    """Highest matched-filter SNR of ``template`` on and around each of ``places`` (m, 2: x, y), at least 0; what has no more
    than ``least`` of the template's energy on good pixels does not count."""
    ny, nx = image.shape
    ky, kx = template.shape
    for m in range(len(places)):
        best[m] = 0.0
        for dy in range(-1, 2):
            for dx in range(-1, 2):
                y0, x0 = places[m, 1] + dy - ky // 2, places[m, 0] + dx - kx // 2
                psi, phi = 0.0, 0.0
                for v in range(max(-y0, 0), min(ky, ny - y0)):
                    for u in range(max(-x0, 0), min(kx, nx - x0)):
                        w, t = weight[y0 + v, x0 + u], template[v, u]
                        psi += w * t * image[y0 + v, x0 + u]
                        phi += w * t * t
                if phi > least:
                    best[m] = max(best[m], psi / math.sqrt(phi))


@kernel(f8(ro(f4, 2), ro(f4, 2), i8, i8, f8))
def likeness(before, after, dx, dy, least):
    """Correlation of ``before`` with ``after`` at pixels (dx, dy) further on, over every second row and the pixels where either
    is above ``least``; 0 if there are none."""
    ny, nx = before.shape
    both, one, other = 0.0, 0.0, 0.0
    for y in range(max(0, -dy), ny - max(0, dy), 2):
        for x in range(max(0, -dx), nx - max(0, dx)):
            a, b = before[y, x], after[y + dy, x + dx]
            if a > least or b > least:
                both += a * b
                one += a * a
                other += b * b
    return both / math.sqrt(one * other) if one * other > 0.0 else 0.0


@kernel(void(ro(f4, 2), ro(f4, 2), f8, i8, i8, i8, out(f4, 2), out(f4, 2)))
def add_clipped(image, weight, clip, roots, first, last, total, seen):
    """Add a frame's SNR by the pixel, within +-``clip``, times ``roots`` powers of its weight's root to rows ``first`` to
    ``last`` of ``total``, and 1 to ``seen`` where the pixel is good."""
    nx = image.shape[1]
    high = f4(clip)
    for y in range(first, last):
        for x in range(nx):
            root = f4(math.sqrt(weight[y, x]))
            snr = min(max(image[y, x] * root, -high), high)
            total[y, x] += snr * root if roots > 0 else snr
            seen[y, x] += f4(1.0) if root > 0.0 else f4(0.0)


@kernel(void(ro(f4, 1), out(i1, 1), out(i1, 1)))
def quantise_row(row, here, halfway):
    """``row`` (nx + 4,) rounded to ``here`` (nx,) without its first and last two, and half a pixel on to ``halfway``; ends at
    +-127."""
    nx = len(here)
    before, at, after, beyond = row[1 : 1 + nx], row[2 : 2 + nx], row[3 : 3 + nx], row[4 : 4 + nx]
    low, high, half = f4(-127.0), f4(127.0), f4(0.5)
    for x in range(nx):
        here[x] = i1(math.floor(min(max(at[x], low), high) + half))
        between = f4(0.5625) * (at[x] + after[x]) - f4(0.0625) * (before[x] + beyond[x])
        halfway[x] = i1(math.floor(min(max(between, low), high) + half))


@kernel(void(ro(f4, 2), f8, out(i1, 2), out(i1, 2), out(i1, 2), out(i1, 2)))
def half_pixel_phases(image, levels, here, right, below, both):
    """``image`` (ny, nx) times ``levels``, rounded, at every pixel and half a pixel to the ``right``, ``below``, and ``both``, by
    cubic interpolation; outside of the image it goes on as at its edge."""
    ny, nx = image.shape
    scale = f4(levels)
    row = np.empty(nx + 4, np.float32)
    for y in range(ny):
        above, at = image[max(y - 1, 0)], image[y]
        after, beyond = image[min(y + 1, ny - 1)], image[min(y + 2, ny - 1)]
        for half in range(2):
            for x in range(nx):
                between = f4(0.5625) * (at[x] + after[x]) - f4(0.0625) * (above[x] + beyond[x])
                row[x + 2] = scale * (between if half else at[x])
            row[0], row[1], row[nx + 2], row[nx + 3] = row[2], row[2], row[nx + 1], row[nx + 1]
            if half:
                quantise_row(row, below[y], both[y])
            else:
                quantise_row(row, here[y], right[y])
