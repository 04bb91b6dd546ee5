"""The kernels again, in the plainest numpy: what the fast ones must equal."""

import numpy as np


def shift_add(cube, shift_x, shift_y):
    """Best sum and its velocity at every pixel."""
    n, ny, nx = cube.shape
    padded = np.pad(cube.astype(int), ((0, 0), (64, 64), (64, 64)))
    sums = []
    for sy in shift_y:
        for sx in shift_x:
            planes = [padded[k, 64 + sy[k] : 64 + sy[k] + ny, 64 + sx[k] : 64 + sx[k] + nx] for k in range(n)]
            sums.append(np.sum(planes, axis=0))
    sums = np.array(sums)
    return sums.max(axis=0), sums.argmax(axis=0)


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
    """A trailed Gaussian as a sum of many points."""
    yy, xx = np.mgrid[0 : shape[0], 0 : shape[1]]
    image = np.zeros(shape)
    for u in (np.arange(steps) + 0.5) / steps - 0.5:
        cx, cy = x + u * length * np.cos(angle), y + u * length * np.sin(angle)
        image += np.exp(-((xx - cx) ** 2 + (yy - cy) ** 2) / (2 * s * s)) / (2 * np.pi * s * s * steps)
    return image
