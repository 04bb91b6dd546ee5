"""Median of the good pixels of every row."""

import numpy as np

from sensorproc.onboard.kernels.jit import f4, i8, kernel, out, ro, u1, void


@kernel(void(ro(f4, 2), ro(u1, 2), i8, out(f4, 1), out(f4, 1)))
def line_medians(image, flags, min_good, scratch, level):
    """``level`` (ny,): median where ``flags`` is 0, itself 0 in rows with fewer than ``min_good`` such pixels."""
    ny, nx = image.shape
    for y in range(ny):
        m = 0
        for x in range(nx):
            if flags[y, x] == 0:
                scratch[m] = image[y, x]
                m += 1
        level[y] = np.median(scratch[:m]) if m >= min_good else f4(0.0)
