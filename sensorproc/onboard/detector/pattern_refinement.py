"""What a first look at the detector's pattern has left, solved once the stars are out of the frames.

A median takes the pattern for what most frames hold; least squares over those that tell, each as warm as it is, leave less.
Pixels that jump between levels are told by their scatter: light raises the neighbourhood, a jumping pixel itself.
"""

from dataclasses import replace

import cv2
import numpy as np

from sensorproc.onboard.detector.defects import mask
from sensorproc.onboard.detector.pattern_and_light import solve_together
from sensorproc.onboard.detector.pattern_evidence import hidden
from sensorproc.onboard.products import MIN_FRAMES, Candidate, OwnPattern, Residual, freeze, pattern_scales
from sensorproc.onboard.stage import stage
from sensorproc.onboard.threads import each

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
    silent = hidden(residuals, passing, scales)
    seen = np.stack([(r.weight > 0) for r in residuals]) & ~silent
    seen &= seen.sum(axis=0) >= MIN_FRAMES
    left, known = solve_together(residuals, passing, seen, a, own)
    for k, r in enumerate(residuals):
        np.subtract(r.image_e, a[k] * left, out=r.image_e)
    jumping = _jumping(residuals, silent)
    kept = 1.0 - scales**2 / ((scales**2).sum() + residuals[0].facts.pattern_prior)
    pattern, told = own.pattern_e + left, known + own.prior
    known = np.where(jumping, np.float32(0.0), known)
    freeze(pattern, known)
    taught = [replace(r, taught=seen[k]) for k, r in enumerate(residuals)]
    each(lambda k: _less_sure(taught[k], a[k], told), range(len(taught)))
    mask(taught, jumping)
    each(lambda k: _measure_noise(taught[k], float(kept[k])), range(len(taught)))
    return taught, replace(own, pattern_e=pattern, information=known)


def _less_sure(residual: Residual, scale: np.float32, told: np.ndarray) -> None:
    """A frame that had no say in the pattern of some pixels is less sure there: the noise of the others comes on top of its own,
    where in all other pixels a part of its own has gone. ``told`` (ny, nx) is the information on the pattern."""
    if residual.taught is not None:
        none = (told > 0.0) & ~residual.taught
        residual.weight[none] /= 1.0 + scale * scale * residual.weight[none] / np.maximum(told[none], np.float32(1e-30))


def _jumping(residuals: list[Residual], silent: np.ndarray) -> np.ndarray:
    """Pixels (ny, nx) bool that scatter from frame to frame as no neighbour of theirs does."""
    n = len(residuals)
    total, largest = np.zeros(silent.shape[1:], np.float32), np.zeros(silent.shape[1:], np.float32)
    for r, hides in zip(residuals, silent, strict=True):
        chi2 = np.where(hides, np.float32(0.0), np.minimum(r.image_e * r.image_e * r.weight, np.float32(MOST_CHI2)))
        total += chi2
        np.maximum(largest, chi2, out=largest)
    jumps = np.zeros(total.shape, bool)
    without, whole = JUMPS
    for chi2, most, most_around in (((total - largest) / (n - 1), *without), (total / (n - 1), *whole)):
        jumps |= (chi2 > most) & (cv2.medianBlur(chi2, AROUND_PX) < most_around)
    return jumps


def _measure_noise(residual: Residual, kept: float) -> None:
    """Measure the noise of a refined frame again. The fit has taken a part of it: ``kept`` is what is left of its variance."""
    image, weight = residual.image_e, residual.weight
    plain = (weight > 0) & (residual.star_snr < 1.0)
    scatter = 1.0
    if plain.any():
        scatter = max(1.4826 * float(np.median(np.abs(image[plain] * np.sqrt(weight[plain])))), LEAST_SCATTER)
    np.multiply(weight, np.float32(kept / scatter**2), out=weight)
