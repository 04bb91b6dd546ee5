"""The trailed Gaussian: profile and derivatives (Veres et al. 2012), evaluated at pixel centres with the sampled sigma."""

import math

import numpy as np

from sensorproc.onboard.kernels.jit import f8, kernel, out, void


@kernel(void(f8, f8, f8, f8, f8, f8, out(f8, 1)))
def trail_value(dx, dy, length, cos, sin, s, value):
    """``value`` = (density, d/dx0, d/dy0) [1/px^2, 1/px^3] at offset (dx, dy) from the centre of a unit-flux trail."""
    a = dx * cos + dy * sin
    c = dy * cos - dx * sin
    norm = 1.0 / (s * math.sqrt(2.0 * math.pi))
    across = norm * math.exp(-0.5 * (c / s) ** 2)
    if length < 0.2 * s:
        along = norm * math.exp(-0.5 * (a / s) ** 2)
        d_along = -a / (s * s) * along
    else:
        root = s * math.sqrt(2.0)
        head, tail = a + 0.5 * length, a - 0.5 * length
        along = 0.5 * (math.erf(head / root) - math.erf(tail / root)) / length
        d_along = norm * (math.exp(-0.5 * (head / s) ** 2) - math.exp(-0.5 * (tail / s) ** 2)) / length
    d_across = -c / (s * s) * across
    value[0] = along * across
    value[1] = -(d_along * across * cos - along * d_across * sin)
    value[2] = -(d_along * across * sin + along * d_across * cos)


@kernel(void(f8, f8, f8, f8, f8, f8, out(f8, 2)))
def draw_trail(x, y, length, cos, sin, s, image):
    """Fill ``image`` (ny, nx) with the density of a unit-flux trail centred on pixel (x, y)."""
    value = np.empty(3)
    for v in range(image.shape[0]):
        for u in range(image.shape[1]):
            trail_value(u - x, v - y, length, cos, sin, s, value)
            image[v, u] = value[0]
