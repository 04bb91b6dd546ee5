"""How well a point's place can be told: how steeply a matched filter's answer falls beside it, against that of a Gaussian.

A Gaussian that fits a Moffat, an obscured or a comatic point best is narrower than its light, and a fit with it claims to see all
of that light fall as steeply. Errors of place and rate are as many times larger as the answer is flatter: the curvature of the
likelihood is the point's own, the noise of its slope the filter's.
"""

import numpy as np

from sensorproc.onboard.image.matched_filter import template
from sensorproc.onboard.products import Registered, Trail
from sensorproc.onboard.stars.psf import MIN_STARS, lonely_stars, sampled_frames
from sensorproc.onboard.stars.sidelobe import BRIGHT_SNR
from sensorproc.onboard.threads import each

STEP_SIGMAS = 0.5  # The fall is taken so many PSF sigmas beside the place,
ROOM_SIGMAS = 8.0  # with no other star in so many.


def steepness(frames: list[Registered], s: float) -> float:
    """Fall of a matched filter of sigma ``s`` [px] beside the bright lonely stars of some frames, over that beside a Gaussian;
    one if they are too few."""
    ratios = np.concatenate(each(lambda k: _of_frame(frames[k], s), sampled_frames(len(frames))))
    return float(np.median(ratios)) if len(ratios) >= MIN_STARS else 1.0


def _of_frame(frame: Registered, s: float) -> np.ndarray:
    """That of each star (n,)."""
    flat, trail = frame.flattened, frame.trail
    stars = lonely_stars(frame.stars, 2.0 * ROOM_SIGMAS * s + trail.length_px, flat.image_e.shape)
    weight = flat.weight
    half_y, half_x = (size // 2 for size in template(trail, s).shape)
    found = []
    for x, y, snr in stars[:, :3].tolist():
        ix, iy = round(x), round(y)
        box = np.s_[max(iy - half_y, 0) : iy + half_y + 1, max(ix - half_x, 0) : ix + half_x + 1]
        image, w = flat.image_e[box], weight[box]
        if snr < BRIGHT_SNR or w.shape != (2 * half_y + 1, 2 * half_x + 1) or not (w > 0.0).all():
            continue
        place = x - ix, y - iy
        fall, gaussian = _fall(image, w, trail, s, place), _fall(template(trail, s, place), w, trail, s, place)
        found.append(fall / gaussian)
    return np.array(found)


def _fall(image: np.ndarray, weight: np.ndarray, trail: Trail, s: float, place: tuple[float, float]) -> float:
    """Part of the answer at a ``place`` in an image that is gone a step beside it, on the mean of both axes and either side."""
    d = STEP_SIGMAS * s

    def answer(dx: float, dy: float) -> float:
        h = template(trail, s, (place[0] + dx, place[1] + dy))
        return float((weight * h * image).sum() / (weight * h * h).sum())

    beside = np.mean([answer(dx, dy) for dx, dy in ((d, 0.0), (-d, 0.0), (0.0, d), (0.0, -d))])
    return 1.0 - float(beside) / answer(0.0, 0.0)
