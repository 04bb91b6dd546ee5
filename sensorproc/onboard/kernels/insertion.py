"""Sorted insertion into a short list: sets hold few frames."""

from sensorproc.onboard.kernels.jit import f4, i8, kernel, out, void


@kernel(void(out(f4, 1), i8, f4))
def insert(values, n, value):
    """Put ``value`` in its place among the first ``n`` sorted ``values``."""
    p = n
    while p > 0 and values[p - 1] > value:
        values[p] = values[p - 1]
        p -= 1
    values[p] = value
