"""The kernels again, in the plainest numpy: what the fast ones must equal."""

import numpy as np


def trailed(phases, taps, scale, margin):
    """Images filtered for a trail, at four phases like ``phases``, with a margin less of ``margin``: sums of points, rounded."""
    n, height, width = phases.shape[2:]
    out = np.zeros((2, 2, n, height - 2 * margin, width - 2 * margin), np.int64)
    for py, px, k in np.ndindex(2, 2, n):
        total = np.zeros(out.shape[3:])
        for sx, sy in taps[k] + (px, py):
            y0, x0 = margin + sy // 2, margin + sx // 2
            total += phases[sy % 2, sx % 2, k, y0 : y0 + total.shape[0], x0 : x0 + total.shape[1]]
        out[py, px, k] = np.floor(np.clip(scale[k] * total, -127, 127) + 0.5)
    return out


def shift_add(phases, shift_x, shift_y, wanted, margin, threshold):
    """Best sum above ``threshold`` and its velocity, pixel by pixel; the first of equals."""
    _, _, n, height, width = phases.shape
    ny, nx = height - 2 * margin, width - 2 * margin
    best, index = np.full((ny, nx), threshold, np.int64), np.full((ny, nx), -1, np.int64)
    for iy in range(len(shift_y)):
        for ix in range(len(shift_x)):
            if not wanted[iy, ix]:
                continue
            total = np.zeros((ny, nx), np.int64)
            for k in range(n):
                sy, sx = int(shift_y[iy, k]), int(shift_x[ix, k])
                y0, x0 = margin + (sy // 2), margin + (sx // 2)
                total += phases[sy % 2, sx % 2, k, y0 : y0 + ny, x0 : x0 + nx]
            better = total > best
            best[better], index[better] = total[better], iy * len(shift_x) + ix
    return best, index


def line_sum(image, x0, width, row, shift):
    """Sum along the digital line of the fast Radon transform, by its own definition."""
    if width == 1:
        return image[row, x0] if row < image.shape[0] else 0.0
    half = shift // 2
    left = line_sum(image, x0, width // 2, row, half)
    return left + line_sum(image, x0 + width // 2, width // 2, row + shift - half, half)


def cell(values, clip):
    """Clipped median, mean and lower-half noise of a flat sample."""
    values = np.sort(values)
    for _ in range(12):
        middle = values[len(values) // 2]
        noise = middle - values[int(0.1587 * len(values))]
        kept = values[(values >= middle - clip * noise) & (values <= middle + clip * noise)]
        if len(kept) == len(values):
            break
        values = kept
    return values[len(values) // 2], values.mean(), values[len(values) // 2] - values[int(0.1587 * len(values))]


def trail(x, y, length, angle, s, shape, steps=400):
    """A trailed Gaussian as a sum of many points, each of which is a column times a row."""
    u = ((np.arange(steps) + 0.5) / steps - 0.5) * length
    column, row = (
        np.exp(-((np.arange(n) - middle[:, None]) ** 2) / (2 * s * s)) / np.sqrt(2 * np.pi * s * s)
        for n, middle in zip(shape, (y + u * np.sin(angle), x + u * np.cos(angle)), strict=True)
    )
    return column.T @ row / steps
