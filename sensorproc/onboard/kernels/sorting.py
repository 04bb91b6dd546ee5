"""Short columns sorted side by side: sets hold few frames, rows many pixels."""

from sensorproc.onboard.kernels.jit import f4, i8, kernel, out, void


@kernel(void(out(f4, 1), out(f4, 1)))
def exchange(low, high):
    """Element by element, the smaller into ``low``, the larger into ``high``."""
    for i in range(len(low)):
        a, b = low[i], high[i]
        low[i] = min(a, b)
        high[i] = max(a, b)


@kernel(void(out(f4, 2)))
def sort_columns(rows):
    """Sort every column of ``rows`` (n, m) in place, by Batcher's odd-even merging network (Knuth 5.3.4, any n)."""
    n = len(rows)
    p = i8(1)
    while p < n:
        k = p
        while k >= 1:
            for j in range(k % p, n - k, 2 * k):
                for i in range(j, min(j + k, n - k)):
                    if i // (2 * p) == (i + k) // (2 * p):
                        exchange(rows[i], rows[i + k])
            k //= 2
        p *= 2
