"""Dark pattern of the detector from the frames themselves, for payloads that carry no dark map.

A pixel's median over the set is its dark excess, and what stands still in the sky with it. Where the median of a
whole neighbourhood is bright there is a star or another resolved source: there only the excess over the
neighbourhood is subtracted, so sources wider than a pixel keep their flux and their motion can be measured.

What earlier sets have shown of the pattern is out of the frames already; this set's own share is what the two together say.

It cannot tell an unresolved object that stands still over the detector from a hot pixel: sets whose stars trail
(rate track, body-fixed), where such objects are the targets, are left alone and need a dark map.
"""

from collections.abc import Sequence
from dataclasses import replace

import cv2
import numpy as np

from sensorproc.config import Flatten
from sensorproc.conventions import FWHM_TO_SIGMA
from sensorproc.onboard.image.background import residual_background, residual_noise, typical
from sensorproc.onboard.image.cosmic_rays import OPTICAL_MARGIN
from sensorproc.onboard.image.matched_filter import noise_at, template, through
from sensorproc.onboard.image.thermal_scale import MEDIAN_VARIANCE, thermal_scale
from sensorproc.onboard.kernels.filtered import to_weights
from sensorproc.onboard.kernels.sharpness import flag_sharp
from sensorproc.onboard.kernels.sorting import temporal_median
from sensorproc.onboard.products import MIN_FRAMES, Flattened, FrameFacts, OwnPattern, Trail, freeze
from sensorproc.onboard.stage import stage
from sensorproc.onboard.state import LearntDark, learnt_of
from sensorproc.onboard.threads import each

NEIGHBOURHOOD_PX = 5  # Side of the median that tells a resolved source from single hot pixels.
SCALE_ROUNDS = 2  # Of the pattern and its scales: a pattern of other scales bends them by a part of their spread.
LEAST_SCALE = 0.2  # A smaller scale is no detector's.
LEAST_CHARGE = 0.1  # Part of the background's charge that a pixel holds at least.
SURPRISE = 5.0  # A pixel that differs by so many sigmas from what earlier sets have shown is another one now.
BRIGHT_SIGMA = 6.0  # A neighbourhood whose median is brighter is a star, not a dark pattern.


@stage(bytes_px=60)
def subtract_fixed_pattern(
    frames: list[Flattened], config: Flatten, fwhm_px: float, learnt: LearntDark | None
) -> tuple[list[Flattened], OwnPattern | None]:
    """The frames without their common dark pattern, as warm as it is in each, noise measured again, and the pattern; unchanged if
    there are too few. ``pattern_scale`` of their facts says how warm. ``learnt`` is what earlier sets have shown."""
    if len(frames) < MIN_FRAMES:
        return frames, None
    exposure_s = mean_exposure_s([frame.facts for frame in frames])
    known = learnt_of(learnt, frames[0].facts.shape) if exposure_s > 0.0 else None
    scales = None if known is None else np.array([f.facts.dark_scale * f.facts.exposure_s / exposure_s for f in frames])
    pattern, scales = fixed_pattern(frames, fwhm_px * FWHM_TO_SIGMA, scales)
    variance = noise_at(frames[0], np.s_[:, :]) ** 2
    information = np.float32((scales**2).sum()) / np.maximum(variance, np.float32(1e-12))
    prior = np.zeros_like(pattern) if known is None else known.information / np.float32(exposure_s**2)
    surprise = pattern * pattern * information * prior > SURPRISE**2 * (MEDIAN_VARIANCE * prior + information)
    prior = np.where(surprise, np.float32(0.0), prior)
    prior = _as_good_as_told(pattern, information, prior, fwhm_px * FWHM_TO_SIGMA)
    pattern = pattern * information / (information + prior)
    worth = float(np.median((prior * variance)[::3, ::3]))
    charge = pattern if known is None else pattern + known.dark_e_s * np.float32(exposure_s)

    def without(k: int) -> Flattened:
        facts = replace(frames[k].facts, pattern_scale=float(scales[k]), pattern_prior=worth)
        return _without(replace(frames[k], facts=facts), pattern, charge, config)

    freeze(pattern, information, prior)
    return each(without, range(len(frames))), OwnPattern(pattern, information, prior)


def _as_good_as_told(pattern: np.ndarray, information: np.ndarray, prior: np.ndarray, s: float) -> np.ndarray:
    """Information (ny, nx) that earlier sets give, as far as what they foretold has come true through a PSF of sigma ``s``.

    Stars too faint to be told from the pattern are in what earlier sets have shown. They stand elsewhere in this one, and differ
    by more than the noise where pixels add up as light does.
    """
    both = (prior > 0.0) & (information > 0.0)
    if not both.any():
        return prior
    variance = 1.0 / np.where(both, prior, 1.0) + MEDIAN_VARIANCE / np.where(both, information, 1.0)
    z = through(np.where(both, pattern / np.sqrt(variance), 0.0).astype(np.float32), template(Trail(), s))
    scatter = 1.4826 * float(np.median(np.abs(z[both])))
    error = max(scatter**2 - 1.0, 0.0) * variance
    return np.where(both, prior / (1.0 + prior * error), prior).astype(np.float32)


def mean_exposure_s(facts: Sequence[FrameFacts]) -> float:
    """Exposure [s] for which the pattern of a set is told."""
    return float(np.mean([one.exposure_s for one in facts]))


def _without(frame: Flattened, pattern: np.ndarray, charge: np.ndarray, config: Flatten) -> Flattened:
    """A frame without the pattern times its own scale. All dark ``charge`` is noise, pixel by pixel: as much as its photons and
    electrons make, times what the frame's own scatter says of that."""
    facts, scale = frame.facts, np.float32(frame.facts.pattern_scale)
    image = frame.image_e - scale * pattern
    read2 = (facts.sensor.read_noise_e or 0.0) ** 2
    level = max(facts.background_e, 1.0)
    electrons = np.maximum(level + scale * charge, LEAST_CHARGE * level) + np.float32(read2)
    root = np.sqrt(electrons) if facts.is_gain_known else np.ones_like(image)
    residual_background(image, frame.flags, config).subtract_from(image)
    sigma = root * residual_noise(image / root, frame.flags, config)
    facts = replace(facts, noise_e=typical(sigma))
    to_weights(frame.flags, sigma)
    return Flattened(facts, image, sigma, frame.flags)


def fixed_pattern(frames: list[Flattened], s: float, known: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Dark excess [e-] of every pixel, (ny, nx) float32, for a PSF of at least sigma ``s``, and how many times as strong it is in
    each frame (n,): as ``known`` (n,), else by its own pixels, one on average."""
    cube = np.stack([frame.image_e for frame in frames])
    invalid = np.stack([frame.flags for frame in frames])
    ny, nx = cube.shape[1:]
    median, count = np.empty((ny, nx), np.float32), np.empty((ny, nx), np.uint8)
    scales = np.ones(len(cube)) if known is None else known
    for _ in range(SCALE_ROUNDS if known is None else 1):
        temporal_median(cube / scales[:, None, None].astype(np.float32), invalid, median, count)
        grown, noise_e = _resolved(median)
        if known is None:
            scales = _scales(cube, invalid, np.where((count >= MIN_FRAMES) & ~grown, median, np.float32(0.0)))
    # around a source: only pixels sharper than any PSF, and of them what sticks out
    sharp, clear = np.zeros((ny, nx), np.uint8), np.zeros((ny, nx), np.uint8)
    weight = np.full((ny, nx), noise_e**-2, np.float32)
    flag_sharp(median, weight, clear, s, BRIGHT_SIGMA, OPTICAL_MARGIN, 0.0, np.uint8(1), sharp)
    excess = np.where(sharp > 0, median - cv2.medianBlur(median, NEIGHBOURHOOD_PX), np.float32(0.0))
    return np.where(count < MIN_FRAMES, np.float32(0.0), np.where(grown, excess, median)), scales


def _resolved(median: np.ndarray) -> tuple[np.ndarray, float]:
    """Where a resolved source is, and its surroundings (ny, nx) bool; and the noise of a neighbourhood's median [e-]."""
    neighbourhood = cv2.medianBlur(median, NEIGHBOURHOOD_PX)
    # the upper half: hot pixels in the neighbourhood skew it, and they are not stars
    spread = max(float(np.subtract(*np.percentile(neighbourhood[::3, ::3], [84.13, 50.0]))), 1e-6)
    bright = (neighbourhood > BRIGHT_SIGMA * spread).astype(np.uint8)
    return cv2.dilate(bright, np.ones((2 * NEIGHBOURHOOD_PX + 1,) * 2, np.uint8)) > 0, spread


def _scales(cube: np.ndarray, invalid: np.ndarray, pattern: np.ndarray) -> np.ndarray:
    """How strong the pattern is in each frame (n,), one on average; one where it does not tell."""
    found = each(lambda k: thermal_scale(cube[k], pattern, invalid[k] == 0), range(len(cube)))
    if any(scale is None or not scale.value > LEAST_SCALE for scale in found):
        return np.ones(len(cube))
    values = np.array([scale.value for scale in found if scale is not None])
    return np.asarray(values / values.mean())
