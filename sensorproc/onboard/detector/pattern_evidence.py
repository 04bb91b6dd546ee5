"""Which frames tell of the detector's pattern where: those that show nothing else there.

What stands out in a frame through the PSF is light or a hit and tells nothing of the pattern under it, so that bright movers
leave no ghosts. Where a mover is known to pass all frames tell but those in which it is there.
"""

import cv2
import numpy as np

from sensorproc.onboard.image.matched_filter import template, through
from sensorproc.onboard.image.passing_light import passing_light
from sensorproc.onboard.products import MIN_FRAMES, Candidate, Residual, Trail
from sensorproc.onboard.threads import each

HIDDEN_SNR = 4.0  # What is so bright in a frame through the PSF hides the pattern there,
HIDDEN_SIGMAS = 2.2  # in so many PSF sigmas around.
GHOST_SNR = 3.0  # Three frames that are so dark are no noise,
ALIKE_SNR = 4.0  # and frames as dark as one another differ by no more.
LEAST_LIGHT = 0.08  # So much of a passing object's highest light hides it, too.
CLIP = 6.0  # Sigmas of a pixel in that map: one hit is not light for all pixels around.


def hidden(residuals: list[Residual], passing: list[Candidate], scales: np.ndarray) -> np.ndarray:
    """Where each frame shows something else than the pattern (n, ny, nx) bool.

    Dark places tell as little as bright ones, or what is searched for would keep more than what a null search of reversed signs
    finds; but those are told where light of other frames has made them dark: where an object has passed, and ghosts.
    """
    s = residuals[0].registration.psf_sigma_px
    side = 2 * round(HIDDEN_SIGMAS * s) + 1
    around = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side))

    def grown(places: np.ndarray) -> np.ndarray:
        return cv2.dilate(places.astype(np.uint8), around) > 0

    def filtered(residual: Residual) -> np.ndarray:
        return through(np.clip(residual.image_e * np.sqrt(residual.weight), -CLIP, CLIP), template(Trail(), s))

    snr = each(filtered, residuals)
    level, is_ghost = _ghosts(snr, scales)
    passed, lit = _lit(residuals, passing)

    def hides(k: int) -> np.ndarray:
        without = is_ghost & (snr[k] < scales[k] * (level + ALIKE_SNR))
        bright, dark = (snr[k] > HIDDEN_SNR) | (is_ghost & ~without), snr[k] < -HIDDEN_SNR
        return np.where(passed, lit[k], grown(bright) | (grown(dark) & ~grown(without)))

    return np.stack(each(hides, range(len(residuals))))


def _lit(residuals: list[Residual], passing: list[Candidate]) -> tuple[np.ndarray, list[np.ndarray]]:
    """Where objects have passed (ny, nx) bool, and in each frame where their light is: in at most so many frames that enough are
    left, those that see most of it."""
    shape = residuals[0].image_e.shape

    def light(residual: Residual) -> np.ndarray:
        return passing_light(residual.registration, shape, passing)

    lit = each(lambda r: light(r) > LEAST_LIGHT, residuals)
    passed = np.logical_or.reduce(lit)
    few = np.sum(lit, axis=0, dtype=np.uint8) > len(lit) - MIN_FRAMES
    if few.any():
        here = np.stack(each(lambda r: light(r)[few], residuals))
        least = np.partition(here, MIN_FRAMES - 1, axis=0)[MIN_FRAMES - 1]
        for one, shows in zip(here, lit, strict=True):
            shows[few] = one > least
    return passed, lit


def _ghosts(snr: list[np.ndarray], scales: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """How dark the darkest frames are (ny, nx), in sigmas, and where light of others was taken for the pattern (ny, nx) bool.

    Light only adds: at least three frames are dark there, and as dark as one another.
    """
    lowest = [np.full(snr[0].shape, np.inf, np.float32) for _ in range(MIN_FRAMES)]
    for one, scale in zip(snr, scales, strict=True):
        next_one = one / np.float32(scale)
        for k, low in enumerate(lowest):
            lowest[k], next_one = np.minimum(low, next_one), np.maximum(low, next_one)
    level = lowest[-1]
    return level, (level < -GHOST_SNR) & (level - lowest[0] < ALIKE_SNR)
