"""The trailed point spread function at every sub-pixel phase, so that thousands of stars cost no transcendental."""

from sensorproc.onboard.kernels.jit import f4, f8, kernel, out, ro, void
from sensorproc.onboard.kernels.trail import trail_value

PHASES = 16  # Images of a pixel's phases; between two they are interpolated linearly: 0.1 % of the peak at FWHM 2 px.


@kernel(void(f8, f8, f8, ro(f8, 1), f8, f8, out(f4, 5)))
def fill_bank(length, cos, sin, widths, wing_fraction, wing_ratio, bank):
    """``bank`` (w, PHASES + 1, PHASES + 1, ky, kx): unit-flux images of cores of ``widths`` (w,) with wings.

    Phase p of an axis puts the centre at (p / PHASES - 1/2) pixels from the middle pixel.
    """
    n_w, n_p, _, ky, kx = bank.shape
    for i in range(n_w):
        for py in range(n_p):
            for px in range(n_p):
                cx, cy = kx // 2 + px / (n_p - 1) - 0.5, ky // 2 + py / (n_p - 1) - 0.5
                for v in range(ky):
                    for u in range(kx):
                        value = trail_value(u - cx, v - cy, length, cos, sin, widths[i])[0]
                        if wing_fraction > 0.0:
                            wing = trail_value(u - cx, v - cy, length, cos, sin, widths[i] * wing_ratio)[0]
                            value += wing_fraction * (wing - value)
                        bank[i, py, px, v, u] = value
