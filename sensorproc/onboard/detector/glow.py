"""Light that lasts over the detector, wider than any object, narrower than the background's mesh: ghosts, arcs of stray light.

The level of every pixel is the mean of its surroundings. It holds a part of the light of an object in the middle of them, up to a
quarter of a wide PSF's, and of the noise: what is left is scaled so that light counts in full, and weighted by its own noise.
"""

import cv2
import numpy as np

from sensorproc.onboard.detector.defects import TEST_SIGMA, summed
from sensorproc.onboard.detector.lines import WIDE_FRACTION
from sensorproc.onboard.image.passing_light import passes
from sensorproc.onboard.kernels.filtered import clipped_snr
from sensorproc.onboard.products import MIN_FRAMES, Candidate, Residual
from sensorproc.onboard.stage import stage
from sensorproc.onboard.threads import each

GLOW_PX = 5.0  # Glow is looked for in the mean residual smoothed so: wider than objects, narrower than the mesh.
GLOW_SIGMA, GLOW_CLIP = 4.0, 3.0  # Its significance, and the clip of a single sample [sigmas].
BOX_PX, MOST_LIT = 64, 0.25  # Frames are smoothed in boxes of this side, where glow is; all of them if more are lit.
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
    gain = (1.0 / light[sure]).astype(np.float32), (light * light / variance)[sure]
    boxes = _boxes(sure)
    each(lambda r: _take_off(r, sure, boxes, usable, norm, *gain), residuals)
    return residuals


def _boxes(where: np.ndarray) -> list[tuple[tuple[slice, slice], tuple[slice, slice]]]:
    """Boxes that hold all of some places (ny, nx) bool, each with what a smoothed map of it is made of; one of all if most are
    among them."""
    ny, nx = where.shape
    corners = [(y, x) for y in range(0, ny, BOX_PX) for x in range(0, nx, BOX_PX)]
    lit = [(y, x) for y, x in corners if where[y : y + BOX_PX, x : x + BOX_PX].any()]
    if len(lit) > MOST_LIT * len(corners):
        return [(np.s_[0:ny, 0:nx], np.s_[0:ny, 0:nx])]
    reach = int(np.ceil(4.0 * GLOW_PX))
    around = [np.s_[max(y - reach, 0) : y + BOX_PX + reach, max(x - reach, 0) : x + BOX_PX + reach] for y, x in lit]
    return [(np.s_[y : y + BOX_PX, x : x + BOX_PX], part) for (y, x), part in zip(lit, around, strict=True)]


def _kept(usable: np.ndarray, norm: np.ndarray, s: float) -> tuple[np.ndarray, np.ndarray]:
    """Parts of a point's light, and of its noise's variance, that a matched filter of sigma ``s`` [px] keeps once a mean over
    the ``usable`` surroundings is taken off: Gaussians of widths a and b overlap as 1 / (a^2 + b^2)."""
    point = 2.0 * s * s
    own = np.minimum(cv2.GaussianBlur(usable, (0, 0), s) / norm, np.float32(1.0))  # among masked pixels a mean tells little
    light = 1.0 - np.float32(point / (point + GLOW_PX**2)) * own
    return light, 2.0 * light - 1.0 + np.float32(point / (point + 2.0 * GLOW_PX**2))


def _take_off(
    residual: Residual, where: np.ndarray, boxes: list, usable: np.ndarray, norm: np.ndarray, gain: np.ndarray, worth: np.ndarray
) -> None:
    """Take the level of its own surroundings, in each pixel's own sigmas, off a frame in some places, which lie in ``boxes``;
    ``norm`` is the smoothed ``usable``. What is left is scaled by ``gain`` (m,), as far as it was not clipped, its weight by
    ``worth`` (m,)."""
    smooth = np.zeros_like(residual.image_e)
    for box, around in boxes:
        image, weight, part = (np.ascontiguousarray(one[around]) for one in (residual.image_e, residual.weight, usable))
        z = np.empty_like(image)
        clipped_snr(image, weight, part, GLOW_CLIP, z)
        inner = tuple(slice(b.start - a.start, b.stop - a.start) for b, a in zip(box, around, strict=True))
        smooth[box] = cv2.GaussianBlur(z, (0, 0), GLOW_PX)[inner]
    level, light, root = smooth[where] / norm[where], residual.image_e[where], np.sqrt(residual.weight[where])
    left = light * root - level
    left += (gain - np.float32(1.0)) * np.clip(left, -GLOW_CLIP, GLOW_CLIP)  # of brighter light the mean took no more
    residual.image_e[where] = np.where(root > 0, left / np.maximum(root, 1e-12), light)
    residual.weight[where] *= worth
