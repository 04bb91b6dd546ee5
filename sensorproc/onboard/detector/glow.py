"""Light that lasts over the detector, wider than any object, narrower than the background's mesh: ghosts, arcs of stray light.

The level of every pixel is the mean of its surroundings. It holds a part of the light of an object in the middle of them, up to a
quarter of a wide PSF's, and of the noise: what is left is scaled so that light counts in full, and weighted by its own noise.
"""

from dataclasses import replace

import cv2
import numpy as np

from sensorproc.onboard.detector.defects import TEST_SIGMA, summed
from sensorproc.onboard.detector.lines import WIDE_FRACTION
from sensorproc.onboard.image.passing_light import passes
from sensorproc.onboard.kernels.filtered import clipped_snr
from sensorproc.onboard.products import MIN_FRAMES, Candidate, Residual, freeze
from sensorproc.onboard.stage import stage
from sensorproc.onboard.threads import each

GLOW_PX = 5.0  # Glow is looked for in the mean residual smoothed so: wider than objects, narrower than the mesh.
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
    norm = np.maximum(cv2.GaussianBlur(usable, (0, 0), GLOW_PX), np.float32(0.1))
    glow = cv2.GaussianBlur(usable * mean / np.sqrt(np.maximum(seen, 1.0)), (0, 0), GLOW_PX) / norm
    noise = 1.0 / np.sqrt(np.maximum(seen, 1.0) * 4.0 * np.pi * GLOW_PX**2 * norm)
    sure = cv2.dilate((np.abs(glow) > GLOW_SIGMA * noise).astype(np.uint8), np.ones((2 * round(GLOW_PX) + 1,) * 2, np.uint8)) > 0
    if not sure.any():
        return residuals
    light, variance = _kept(usable, norm, residuals[0].registration.psf_sigma_px)
    gain = (1.0 / light[sure]).astype(np.float32), np.where(sure, light * light / variance, np.float32(1.0))
    return each(lambda r: _without_glow(r, sure, usable, norm, *gain), residuals)


def _kept(usable: np.ndarray, norm: np.ndarray, s: float) -> tuple[np.ndarray, np.ndarray]:
    """Parts of a point's light, and of its noise's variance, that a matched filter of sigma ``s`` [px] keeps once a mean over
    the ``usable`` surroundings is taken off: Gaussians of widths a and b overlap as 1 / (a^2 + b^2)."""
    point = 2.0 * s * s
    own = np.minimum(cv2.GaussianBlur(usable, (0, 0), s) / norm, np.float32(1.0))  # among masked pixels a mean tells little
    light = 1.0 - np.float32(point / (point + GLOW_PX**2)) * own
    return light, 2.0 * light - 1.0 + np.float32(point / (point + 2.0 * GLOW_PX**2))


def _without_glow(
    residual: Residual, where: np.ndarray, usable: np.ndarray, norm: np.ndarray, gain: np.ndarray, worth: np.ndarray
) -> Residual:
    """Less the level of its own surroundings, in each pixel's own sigmas, in some places; ``norm`` is the smoothed ``usable``.
    There what is left is scaled by ``gain`` (m,), as far as it was not clipped; all weights by ``worth``, elsewhere one."""
    z, weight = np.empty_like(residual.image_e), residual.weight * worth
    clipped_snr(residual.image_e, residual.weight, usable, GLOW_CLIP, z)
    level = (cv2.GaussianBlur(z, (0, 0), GLOW_PX) / norm)[where]
    image, root = residual.image_e.copy(), np.sqrt(residual.weight[where])
    left = image[where] * root - level
    left += (gain - np.float32(1.0)) * np.clip(left, -GLOW_CLIP, GLOW_CLIP)  # of brighter light the mean took no more
    image[where] = np.where(root > 0, left / np.maximum(root, 1e-12), image[where])
    freeze(image, weight)
    return replace(residual, image_e=image, weight=weight)
