"""What a track's template finds once whatever stands still under it is given to the sky, pixel by pixel."""

import numpy as np

from sensorproc.onboard.kernels.jit import f4, f8, i8, kernel, out, ro, void
from sensorproc.onboard.kernels.trail import trail_value


@kernel(void(ro(f4, 3), ro(f4, 3), ro(i8, 3), ro(f8, 2), ro(f8, 2), f8, out(f8, 1)))
def static_free(image, weight, pixels, path, trails, s, sums):
    """``sums`` (2,): psi and phi of the template less its mean at every place of the sky, so that light that stays adds nothing.

    ``pixels`` (m, n, 2): x, y of the detector pixel that sees place m of the sky in frame n; outside, it does not count.
    ``path`` (n, 2) and ``trails`` (n, 3): the track's place and trail (length, cos, sin) in every frame.
    """
    n, ny, nx = image.shape
    template, w, data = np.empty(n), np.empty(n), np.empty(n)
    sums[:] = 0.0
    for m in range(len(pixels)):
        total, mean = 0.0, 0.0
        for k in range(n):
            u, v = pixels[m, k, 0], pixels[m, k, 1]
            w[k] = 0.0
            if u < 0 or v < 0 or u >= nx or v >= ny:
                continue
            template[k] = trail_value(u - path[k, 0], v - path[k, 1], trails[k, 0], trails[k, 1], trails[k, 2], s)[0]
            w[k], data[k] = weight[k, v, u], image[k, v, u]
            total += w[k]
            mean += w[k] * template[k]
        if not total > 0.0:
            continue
        mean /= total
        for k in range(n):
            if w[k] > 0.0:
                sums[0] += w[k] * data[k] * (template[k] - mean)
                sums[1] += w[k] * (template[k] - mean) ** 2
