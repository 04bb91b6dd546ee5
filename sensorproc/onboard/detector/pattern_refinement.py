"""What a first look at the detector's pattern has left, solved once the stars are out of the frames.

A median takes the pattern for what most frames hold; least squares over all of them, each as warm as it is, leave less. What
stands out in a frame through the PSF is light or a hit and tells nothing of the pattern there, so that bright movers leave no
ghosts. Pixels that jump between levels are told by their scatter: light raises the neighbourhood, a jumping pixel itself.
"""

from dataclasses import replace

import cv2
import numpy as np

from sensorproc.onboard.detector.defects import masked
from sensorproc.onboard.image.background import clipped_rms
from sensorproc.onboard.image.matched_filter import MIN_ENERGY, filtered, template, through
from sensorproc.onboard.image.passing_light import passing_light
from sensorproc.onboard.products import MIN_FRAMES, Candidate, OwnPattern, Residual, Trail, freeze, pattern_prior, pattern_scales
from sensorproc.onboard.stage import stage
from sensorproc.onboard.threads import each

HIDDEN_SNR = 4.0  # What is so bright in a frame through the PSF hides the pattern there,
HIDDEN_SIGMAS = 2.2  # in so many PSF sigmas around.
GHOST_SNR = 3.0  # Three frames that are so dark are no noise,
ALIKE_SNR = 4.0  # and frames as dark as one another differ by no more.
LEAST_LIGHT = 0.08  # So much of a passing object's highest light hides it, too.
CLIP = 6.0  # Sigmas of a pixel in that map: one hit is not light for all pixels around.
# Chi-squared without and with the largest sample: of a pixel that jumps, and of neighbours that do not.
JUMPS = (2.0, 1.3), (2.6, 1.45)
AROUND_PX = 5  # Side of the median that tells those.
LEAST_SCATTER = 0.1  # Of the noise that was expected.
MOST_CHI2 = 400.0  # Of one sample; more is not told apart.


@stage(bytes_px=40)
def refine_pattern(
    residuals: list[Residual], own: OwnPattern | None, passing: list[Candidate]
) -> tuple[list[Residual], OwnPattern | None]:
    """Residuals of a set whose own pattern was taken out, without what is left of it, its jumping pixels flagged HOT, and the
    pattern with that; others as they are."""
    scales = pattern_scales(residuals)
    if scales is None or own is None:
        return residuals, None
    a = scales.astype(np.float32)
    hidden = _hidden(residuals, passing, scales)
    seen = np.stack([(r.weight > 0) for r in residuals]) & ~hidden
    seen &= seen.sum(axis=0) >= MIN_FRAMES
    left, known = np.zeros(seen.shape[1:], np.float32), np.zeros(seen.shape[1:], np.float32)
    for k, r in enumerate(residuals):
        w = np.where(seen[k], r.weight, np.float32(0.0))
        left += a[k] * w * r.image_e
        known += a[k] * a[k] * w
    left = (left - own.prior * own.pattern_e) / np.maximum(known + own.prior, np.float32(1e-30))
    images = [r.image_e - a[k] * left for k, r in enumerate(residuals)]
    jumping = _jumping(images, residuals, hidden)
    kept = 1.0 - scales**2 / ((scales**2).sum() + pattern_prior(residuals))
    pattern, known = own.pattern_e + left, np.where(jumping, np.float32(0.0), known)
    freeze(pattern, known)
    refined = each(
        lambda k: _refined(replace(residuals[k], taught=seen[k]), images[k], jumping, float(kept[k])), range(len(residuals))
    )
    return refined, OwnPattern(pattern, known, own.prior)


def _hidden(residuals: list[Residual], passing: list[Candidate], scales: np.ndarray) -> np.ndarray:
    """Where each frame shows something else than the pattern (n, ny, nx) bool.

    Dark places tell as little as bright ones, or what is searched for would keep more than what a null search of reversed signs
    finds; but those are told where light of other frames has made them dark: where an object has passed, and ghosts.
    """
    s = residuals[0].registration.psf_sigma_px
    side = 2 * round(HIDDEN_SIGMAS * s) + 1
    around = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side))

    def grown(places: np.ndarray) -> np.ndarray:
        return cv2.dilate(places.astype(np.uint8), around) > 0

    z = each(lambda r: np.clip(r.image_e * np.sqrt(r.weight), -CLIP, CLIP), residuals)
    snr = each(lambda one: through(one, template(Trail(), s)), z)
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
    light = each(lambda r: passing_light(r.registration, r.image_e.shape, passing), residuals)
    lit = [one > LEAST_LIGHT for one in light]
    few = np.sum(lit, axis=0) > len(lit) - MIN_FRAMES
    if few.any():
        least = np.partition(np.stack([one[few] for one in light]), MIN_FRAMES - 1, axis=0)[MIN_FRAMES - 1]
        for one, shows in zip(light, lit, strict=True):
            shows[few] = one[few] > least
    return np.logical_or.reduce([one > LEAST_LIGHT for one in light]), lit


def _ghosts(snr: list[np.ndarray], scales: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """How dark the darkest frames are (ny, nx), in sigmas, and where light of others was taken for the pattern (ny, nx) bool.

    Light only adds: at least three frames are dark there, and as dark as one another.
    """
    ratio = np.stack([one / np.float32(a) for one, a in zip(snr, scales, strict=True)])
    darkest = np.partition(ratio, MIN_FRAMES - 1, axis=0)[:MIN_FRAMES]
    level, least = darkest[-1], darkest.min(axis=0)
    return level, (level < -GHOST_SNR) & (level - least < ALIKE_SNR)


def _jumping(images: list[np.ndarray], residuals: list[Residual], hidden: np.ndarray) -> np.ndarray:
    """Pixels (ny, nx) bool that scatter from frame to frame as no neighbour of theirs does."""
    n = len(images)
    total, largest = np.zeros(images[0].shape, np.float32), np.zeros(images[0].shape, np.float32)
    for image, r, hides in zip(images, residuals, hidden, strict=True):
        chi2 = np.where(hides, np.float32(0.0), np.minimum(image * image * r.weight, np.float32(MOST_CHI2)))
        total += chi2
        np.maximum(largest, chi2, out=largest)
    jumps = np.zeros(total.shape, bool)
    without, whole = JUMPS
    for chi2, most, most_around in (((total - largest) / (n - 1), *without), (total / (n - 1), *whole)):
        jumps |= (chi2 > most) & (cv2.medianBlur(chi2, AROUND_PX) < most_around)
    return jumps


def _refined(residual: Residual, image: np.ndarray, jumping: np.ndarray, kept: float) -> Residual:
    """A frame with its refined pixels, the jumping ones flagged, and its noise measured again, by the pixel and through the PSF:
    charge that trails in transfer correlates neighbours. The fit has taken a part of the noise with it: ``kept`` is what is left
    of its variance."""
    quiet = masked(residual, jumping)
    weight = quiet.weight
    plain = (weight > 0) & (residual.star_snr < 1.0)
    snr = filtered(image, weight, template(Trail(), residual.registration.psf_sigma_px), MIN_ENERGY)
    scatter = max(clipped_rms(image[plain] * np.sqrt(weight[plain])), clipped_rms(snr[plain & (snr != 0.0)]), LEAST_SCATTER)
    weight = weight * np.float32(kept / scatter**2)
    freeze(image, weight)
    return replace(quiet, image_e=image, weight=weight)
