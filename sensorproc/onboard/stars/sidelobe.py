"""What a Gaussian leaves of a point beside it: the tail of coma, the spikes of spiders, the rim of a defocused image.

A second source beside an object may be no more than that. Bright lonely stars show how much it is.
"""

import numpy as np

from sensorproc.onboard.image.matched_filter import correlate, template
from sensorproc.onboard.products import Registered
from sensorproc.onboard.stars.psf import MIN_STARS, lonely_stars, sampled_frames
from sensorproc.onboard.threads import each

BRIGHT_SNR = 40.0  # Fainter stars tell nothing of so little light.
BESIDE_SIGMAS = 1.5, 5.25  # How near and how far beside a point, in PSF sigmas.
NOISE_SIGMAS = 2.5  # The largest of some dozens of places is by chance so high.
MEDIAN_NOISE = 1.25  # Noise of a median over that of a mean.


def sidelobe(frames: list[Registered], s: float) -> float:
    """Largest part of a point's light that a matched filter of sigma ``s`` [px] finds beside it, less that of a Gaussian; zero if
    there are too few stars."""
    found = each(lambda k: _beside(frames[k], s), sampled_frames(len(frames)))
    fewest = min((len(one[0]) for one in found), default=0)  # the same stars in all frames
    if fewest < MIN_STARS:
        return 0.0
    snr = np.concatenate([one[0] for one in found])
    share = np.median(np.concatenate([one[1] for one in found]), axis=0)
    noise = MEDIAN_NOISE * float(np.median(1.0 / snr)) / np.sqrt(fewest)
    return max(float(share.max()) - NOISE_SIGMAS * noise, 0.0)


def _beside(frame: Registered, s: float) -> tuple[np.ndarray, np.ndarray]:
    """SNR (n,) of a frame's bright lonely stars, and what is beside each of them (n, m) in parts of its light."""
    flat, trail = frame.flattened, frame.trail
    near, far = (sigmas * s for sigmas in BESIDE_SIGMAS)
    reach = int(np.ceil(far))
    stars = lonely_stars(frame.stars, 2.0 * (far + 4.0 * s) + trail.length_px, flat.image_e.shape)
    stars = stars[stars[:, 2] > BRIGHT_SNR]
    v, u = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    beside = (np.hypot(u, v) >= near) & (np.hypot(u, v) <= far)
    h = template(trail, s)
    weight = flat.weight
    psi, phi = correlate(flat.image_e * weight, h), correlate(weight, h * h)
    rows, used = [], []
    for x, y, snr in stars.tolist():
        ix, iy = round(x), round(y)
        box = np.s_[iy - reach : iy + reach + 1, ix - reach : ix + reach + 1]
        if not (phi[box] > 0.0).all():
            continue
        flux = psi[box] / phi[box]
        alike = _point(h, template(trail, s, (x - ix, y - iy)), reach)
        rows.append((flux / flux[reach, reach] - alike / alike[reach, reach])[beside])
        used.append(snr)
    return np.array(used), np.array(rows).reshape(len(rows), int(beside.sum()))


def _point(h: np.ndarray, image: np.ndarray, reach: int) -> np.ndarray:
    """What the filter ``h`` finds around the ``image`` of a point that is as wide as it."""
    return correlate(np.pad(image, reach).astype(np.float32), h)[
        image.shape[0] // 2 : image.shape[0] // 2 + 2 * reach + 1, image.shape[1] // 2 : image.shape[1] // 2 + 2 * reach + 1
    ]
