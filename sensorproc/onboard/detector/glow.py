"""Light that lasts over the detector and is wider than any object, narrower than the background's mesh: ghosts, arcs of stray light.

The level of every pixel is that of its surroundings. A plain mean would hold a part of the light of every object in the middle
of it, up to a quarter of a wide PSF's; a mean with a hole as wide as the PSF's say holds none.
"""

from dataclasses import replace

import cv2
import numpy as np

from sensorproc.onboard.detector.defects import TEST_SIGMA, WIDE_FRACTION, summed
from sensorproc.onboard.image.passing_light import passes
from sensorproc.onboard.products import MIN_FRAMES, Candidate, Residual, freeze
from sensorproc.onboard.stage import stage
from sensorproc.onboard.threads import each

GLOW_PX, HOLE_PX = 5.0, 3.0  # Glow is the level around: a Gaussian less a narrower one, by as much as it is blind to a point.
GLOW_SIGMA, GLOW_CLIP = 4.0, 3.0  # Its significance, and the clip of a single sample [sigmas].
GLOW_BOX_PX = 11  # In a box of this side light as wide as glow has most of its peak's level, an object next to nothing.


@stage(bytes_px=40)
def level_glow(residuals: list[Residual], passing: list[Candidate]) -> list[Residual]:
    """Residuals less what lasts over the detector and is wider than any object, narrower than the background's mesh: ghosts
    and arcs of stray light, each frame's own, for they fade and move. Only where they are more than noise: elsewhere the noise of
    their level would add up under an object at rest. Where a ``passing`` object has been its surroundings tell the level."""
    if len(residuals) < MIN_FRAMES:
        return residuals
    signal, seen = summed(residuals, GLOW_CLIP)
    mean = signal / np.sqrt(np.maximum(seen, 1.0))
    compact = (np.abs(mean) > TEST_SIGMA) & (np.abs(cv2.blur(mean, (GLOW_BOX_PX, GLOW_BOX_PX))) < WIDE_FRACTION * np.abs(mean))
    for r in residuals if passing else ():
        compact |= passes(r.registration, compact.shape, passing)
    usable = np.where(compact | (seen < MIN_FRAMES), np.float32(0.0), np.float32(1.0))
    s = residuals[0].registration.psf_sigma_px
    norm = np.maximum(_around(usable, s), np.float32(0.1))
    glow = _around(usable * mean / np.sqrt(np.maximum(seen, 1.0)), s) / norm
    noise = _noise_around(s) / np.sqrt(np.maximum(seen, 1.0) * norm)
    sure = cv2.dilate((np.abs(glow) > GLOW_SIGMA * noise).astype(np.uint8), np.ones((2 * round(GLOW_PX) + 1,) * 2, np.uint8))
    return each(lambda r: _without_glow(r, sure > 0, usable, norm), residuals) if sure.any() else residuals


def _without_glow(residual: Residual, where: np.ndarray, usable: np.ndarray, norm: np.ndarray) -> Residual:
    """Less the level of its own surroundings, in each pixel's own sigmas, in some places; ``norm`` is that of ``usable``."""
    root = np.sqrt(residual.weight)
    z = np.clip(residual.image_e * root, -GLOW_CLIP, GLOW_CLIP) * usable
    level = _around(z, residual.registration.psf_sigma_px) / norm
    image = np.where(where & (root > 0), residual.image_e - level / np.maximum(root, 1e-12), residual.image_e)
    freeze(image)
    return replace(residual, image_e=image)


def _around(image: np.ndarray, s: float) -> np.ndarray:
    """Mean level of the surroundings of every pixel. What a point of sigma ``s`` [px] adds to it is nothing for the point's own
    matched filter: of the two Gaussians the wider one sees ``share`` times what the narrower one does."""
    share = np.float32(_share(s))
    level, narrow = (cv2.GaussianBlur(image, (0, 0), sigma) for sigma in (GLOW_PX, HOLE_PX))
    level -= share * narrow
    level /= np.float32(1.0) - share
    return np.asarray(level)


def _share(s: float) -> float:
    """Light of a point of sigma ``s`` [px] that its matched filter finds in the wider mean, over that in the narrower."""
    return (2.0 * s * s + HOLE_PX**2) / (2.0 * s * s + GLOW_PX**2)


def _noise_around(s: float) -> float:
    """Standard deviation of :func:`_around` where the image is white noise of one."""
    share = _share(s)
    squares = 1.0 / GLOW_PX**2 + share**2 / HOLE_PX**2 - 4.0 * share / (GLOW_PX**2 + HOLE_PX**2)
    return float(np.sqrt(squares / (4.0 * np.pi)) / (1.0 - share))
