"""How much light of the sky reaches each frame of a set: clouds, and exposures of other lengths.

The stars say it: the same star has the same flux in all frames but for what stands between. Frames are brought to the light of
the set's clear ones, their noise with them, so that everything after sees one sky; a frame that lost its light has little weight.
"""

from dataclasses import replace

import numpy as np

from sensorproc.errors import FrameSetRejected
from sensorproc.frames import Rejection
from sensorproc.onboard.image.star_finding import lonely
from sensorproc.onboard.products import Registered, reference_of
from sensorproc.onboard.stage import stage
from sensorproc.onboard.threads import each

PLAIN_SNR = 25.0  # The flux of such stars is more than noise, in a box far wider than they are.
BOX_SIGMAS = 5.0  # Half-side of that box [PSF sigmas]: a star that the camera shook has lost no light.
LEAST_GOOD = 0.9  # Part of the box that must be good pixels.
LEAST_STARS = 5  # Fewer do not tell the light of a frame.
CLEAR_SHARE = 0.75  # Frames are brought to the light that so many of them do not exceed: one long exposure is no norm.
SURE_SIGMAS, LEAST_CHANGE = 4.0, 0.05  # A change that is smaller, in sigmas or as a part, is not applied.
NO_LIGHT = 1e-3  # Less light is not told apart.
SCATTER_FLOOR = 0.003  # Relative error of the light of a frame, however many stars tell it.


@stage(bytes_px=8)
def level_transparency(frames: list[Registered], least: float) -> tuple[list[Registered], list[Rejection]]:
    """Frames with the light of the set's clear ones, and those that have less than ``least`` of it, rejected as ``CLOUDED``.

    ``flux_scale`` of the frames' facts says what their light was divided by.
    """
    reference = reference_of(frames)
    places = _lonely_stars(reference)
    flux_e = _fluxes(reference, places)
    known = [_light(frame, places, flux_e) for frame in frames]
    clear = float(np.quantile([light for light, _ in known], CLEAR_SHARE, method="lower"))
    scales = [_scale(light / clear, sigma) for light, sigma in known]
    pairs = list(zip(frames, scales, strict=True))
    rejected = [Rejection.of(frame.facts, FrameSetRejected("CLOUDED", light=scale)) for frame, scale in pairs if scale < least]
    return each(lambda pair: _levelled(*pair), [pair for pair in pairs if pair[1] >= least]), rejected


def _lonely_stars(reference: Registered) -> np.ndarray:
    """Registered places (m, 2) of the reference's bright stars that no other one is near."""
    stars = reference.stars[lonely(reference.flattened, reference.flattened.flags, reference.stars, reference.trail.length_px)]
    stars = stars[stars[:, 2] > PLAIN_SNR]
    return np.stack(reference.transform.to_registered(stars[:, 0], stars[:, 1]), axis=1)


def _light(frame: Registered, places: np.ndarray, flux_e: np.ndarray) -> tuple[float, float]:
    """Light of a frame over that of the reference, whose stars at registered ``places`` (m, 2) have ``flux_e`` (m,), and its
    relative error; 1 where too few stars tell it."""
    ratio = _fluxes(frame, places) / flux_e
    ratio = ratio[np.isfinite(ratio)]
    if len(ratio) < LEAST_STARS:
        return 1.0, 0.0
    middle = float(np.median(ratio))
    scatter = 1.4826 * float(np.median(np.abs(ratio - middle)))
    light = max(middle, NO_LIGHT)
    return light, float(np.hypot(1.2533 * scatter / np.sqrt(len(ratio)) / light, SCATTER_FLOOR))


def _fluxes(frame: Registered, places: np.ndarray) -> np.ndarray:
    """Electrons (m,) in a box around places that holds a star whatever its shape; NaN where pixels are missing."""
    flat, trail = frame.flattened, frame.trail
    half_x, half_y = (int(np.ceil(BOX_SIGMAS * frame.psf_sigma_px + 0.5 * abs(d))) for d in (trail.dx_px, trail.dy_px))
    ny, nx = flat.image_e.shape
    fluxes = np.full(len(places), np.nan)
    x, y = frame.transform.to_detector(places[:, 0], places[:, 1])
    for i, (u, v) in enumerate(zip(np.rint(x).astype(int).tolist(), np.rint(y).astype(int).tolist(), strict=True)):
        if half_x <= u < nx - half_x and half_y <= v < ny - half_y:
            box = np.s_[v - half_y : v + half_y + 1, u - half_x : u + half_x + 1]
            good = flat.flags[box] == 0
            if good.mean() > LEAST_GOOD:
                fluxes[i] = float(flat.image_e[box][good].astype(float).mean()) * good.size
    return fluxes


def _scale(light: float, sigma: float) -> float:
    """The light, or 1 where it is not surely another."""
    return light if abs(np.log(light)) > max(SURE_SIGMAS * sigma, LEAST_CHANGE) else 1.0


def _levelled(frame: Registered, scale: float) -> Registered:
    """The frame as it would be in the light of the clear ones, in its own arrays."""
    if scale == 1.0:
        return frame
    flat = frame.flattened
    np.divide(flat.image_e, np.float32(scale), out=flat.image_e)
    np.multiply(flat.weight, np.float32(scale * scale), out=flat.weight)
    facts = replace(flat.facts, flux_scale=scale * flat.facts.flux_scale, noise_e=flat.facts.noise_e / scale)
    return replace(frame, flattened=replace(flat, facts=facts))
