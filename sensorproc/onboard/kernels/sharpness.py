"""Pixels sharper than the optics allow: proton hits, hot pixels, the edges of tracks.

Light that came through the aperture is spread by the PSF in *every* direction, so the mean of two opposite
neighbours is at least a known fraction of the pixel between them: exp(-d^2 / 2 s^2) for a Gaussian centred on
the pixel, more for any other phase, for a trail along it, and for blends. A particle track is narrow across.
"""

import math

from sensorproc.onboard.kernels.jit import f4, f8, i8, kernel, out, ro, u1


@kernel(i8(ro(f4, 2), ro(f4, 2), ro(u1, 2), f8, f8, f8, f8, u1, out(u1, 2)))
def flag_sharp(image, weight, flags, s, threshold, margin, gain_noise, bit, marked):
    """Set ``bit`` in ``marked`` for pixels above ``threshold`` sigma that fail the test in some direction.

    ``weight`` is 1/sigma^2; ``margin`` scales the PSF's ratio; the test allows two sigma of noise, with ``gain_noise`` e-^2 per
    e- of photon variance. Returns the number of pixels marked.
    """
    ny, nx = image.shape
    axial = margin * math.exp(-0.5 / (s * s))
    diagonal = margin * math.exp(-1.0 / (s * s))
    n, least2 = 0, f4(threshold * threshold)
    for y in range(1, ny - 1):
        for x in range(1, nx - 1):
            value = image[y, x]
            if not value * abs(value) * weight[y, x] > least2 or flags[y, x] != 0:
                continue
            for direction in range(4):
                if direction == 0:
                    a, b, fa, fb = image[y, x - 1], image[y, x + 1], flags[y, x - 1], flags[y, x + 1]
                elif direction == 1:
                    a, b, fa, fb = image[y - 1, x], image[y + 1, x], flags[y - 1, x], flags[y + 1, x]
                elif direction == 2:
                    a, b, fa, fb = image[y - 1, x - 1], image[y + 1, x + 1], flags[y - 1, x - 1], flags[y + 1, x + 1]
                else:
                    a, b, fa, fb = image[y - 1, x + 1], image[y + 1, x - 1], flags[y - 1, x + 1], flags[y + 1, x - 1]
                if fa != 0 or fb != 0:
                    continue
                ratio = axial if direction < 2 else diagonal
                noise = 2.0 * math.sqrt((0.5 + ratio * ratio) / weight[y, x] + ratio * ratio * value * gain_noise)
                if 0.5 * (a + b) + noise < ratio * value:
                    marked[y, x] |= bit
                    n += 1
                    break
    return n
