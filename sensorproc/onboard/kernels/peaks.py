"""Local maxima above a threshold."""

from sensorproc.onboard.kernels.jit import f4, f8, i8, kernel, out, ro


@kernel(i8(ro(f4, 2), f8, i8, out(i8, 2)))
def local_maxima(image, threshold, radius, found):
    """Write (y, x) of the maxima of (2 radius + 1)^2 windows into ``found`` (m, 2); return how many exist.

    Ties go to the first in scan order. More than ``len(found)`` are counted but not kept.
    """
    ny, nx = image.shape
    n = 0
    for y in range(ny):
        for x in range(nx):
            value = image[y, x]
            if not value > threshold:
                continue
            is_peak = True
            for v in range(max(y - radius, 0), min(y + radius + 1, ny)):
                for u in range(max(x - radius, 0), min(x + radius + 1, nx)):
                    other = image[v, u]
                    if other > value or (other == value and (v < y or (v == y and u < x))):
                        is_peak = False
                        break
                if not is_peak:
                    break
            if is_peak:
                if n < len(found):
                    found[n, 0] = y
                    found[n, 1] = x
                n += 1
    return n
