"""The trailed Gaussian: profile and derivatives (Veres et al. 2012), evaluated at pixel centres with the sampled sigma."""

from sensorproc.onboard.kernels.jit import f8, kernel, out, triple, void
from sensorproc.onboard.kernels.standard_normal import standard_normal

POINT = 0.2  # A trail shorter than this [PSF sigmas] is drawn as a point.


@kernel(triple(f8, f8, f8, f8, f8, f8))
def trail_value(dx, dy, length, cos, sin, s):
    """Density [1/px^2] and its derivatives by the centre's x and y [1/px^3] at offset (dx, dy) from the centre of a unit-flux
    trail."""
    per_px = 1.0 / s
    a = dx * cos + dy * sin
    c = dy * cos - dx * sin
    across = standard_normal(c * per_px)[0] * per_px
    d_across = -c * per_px * per_px * across
    if length < POINT * s:
        along = standard_normal(a * per_px)[0] * per_px
        d_along = -a * per_px * per_px * along
    else:
        at_head, to_head = standard_normal((a + 0.5 * length) * per_px)
        at_tail, to_tail = standard_normal((a - 0.5 * length) * per_px)
        along = (to_head - to_tail) / length
        d_along = (at_head - at_tail) * per_px / length
    return along * across, along * d_across * sin - d_along * across * cos, -(d_along * across * sin + along * d_across * cos)


@kernel(void(f8, f8, f8, f8, f8, f8, out(f8, 2)))
def draw_trail(x, y, length, cos, sin, s, image):
    """Fill ``image`` (ny, nx) with the density of a unit-flux trail centred on pixel (x, y)."""
    for v in range(image.shape[0]):
        for u in range(image.shape[1]):
            image[v, u] = trail_value(u - x, v - y, length, cos, sin, s)[0]
