"""The stars of recorded frames, by photutils and not by our own detector: how wide they are and how they move."""

import math
import warnings

import cv2
import numpy as np
from photutils.detection import DAOStarFinder
from photutils.psf import fit_fwhm

from sensorproc.errors import InputError
from sensorproc.flags import PixelFlag
from sensorproc.frames import Frame

START_FWHM_PX = 2.5
STAR_SIGMA = 8.0
MOST_STARS = 250
FIXED_PX = 0.35  # a source that stays within this of a detector place
FIXED_SHARE = 0.8  # in so many frames is none of the sky, unless all stars stay
REACH_PX = 60.0  # of the search for a shift
BIN_PX = 1.0
LEAST_VOTES = 8
FIT_PX = 11
SHRINK = 8  # of the image before its background is smoothed
SHARPNESS = (0.2, 0.75)  # of DAOFIND: one hot pixel has more
SATURATED_DN = 50_000
MOST_MEASURED = 60
NARROWEST_PX = 1.4  # what is narrower is a hot pixel


def robust_sigma(pixels: np.ndarray) -> float:
    """Noise of pixels from the median absolute difference of neighbours: stars and gradients notwithstanding."""
    steps = np.diff(pixels.astype(np.float32), axis=-1)
    return max(1.4826 / math.sqrt(2.0) * float(np.median(np.abs(steps - np.median(steps)))), 0.3)


def temporal_sigma(pixels: np.ndarray, other: np.ndarray) -> float:
    """Noise of pixels from their difference to those of another frame: what is fixed, hot pixels too, is no noise."""
    ny, nx = np.minimum(pixels.shape, other.shape)
    change = pixels[:ny, :nx].astype(np.float32) - other[:ny, :nx]
    return max(1.4826 / math.sqrt(2.0) * float(np.median(np.abs(change - np.median(change)))), 0.3)


def above_background(frame: Frame) -> np.ndarray:
    """Pixels (ny, nx) less the local median, zero where there is no data."""
    image = frame.data_dn.astype(np.float32)
    small = cv2.resize(image, None, fx=1 / SHRINK, fy=1 / SHRINK, interpolation=cv2.INTER_NEAREST)
    level = cv2.resize(cv2.medianBlur(small, 5), image.shape[::-1], interpolation=cv2.INTER_LINEAR)
    return np.where(frame.flags & PixelFlag.NO_DATA, 0.0, image - level).astype(float)


def find_stars(frame: Frame, fwhm_px: float = START_FWHM_PX) -> np.ndarray:
    """Places (n, 2) of sources of about a width, rounder and wider than hot pixels, brightest first."""
    threshold = STAR_SIGMA * robust_sigma(frame.data_dn)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # an empty field warns
        table = DAOStarFinder(threshold, fwhm_px, sharpness_range=SHARPNESS, n_brightest=MOST_STARS)(above_background(frame))
    if table is None:
        return np.empty((0, 2))
    order = np.argsort(-np.asarray(table["flux"]))
    return np.stack([np.asarray(table["x_centroid"]), np.asarray(table["y_centroid"])], axis=1)[order]


def star_fwhm_px(frames: list[Frame]) -> float:
    """Median width of bright isolated stars in the middle frame.

    Raises
    ------
    InputError
        If there are too few.
    """
    frame = frames[len(frames) // 2]
    image, ny_nx = above_background(frame), np.array(frame.data_dn.shape[::-1])
    width = START_FWHM_PX
    for _ in range(2):  # the second time with a filter of about the right width
        places = find_stars(frame, width)
        inside = places[((places > FIT_PX) & (places < ny_nx - FIT_PX)).all(axis=1)]
        good = [p for p in inside if frame.data_dn[round(p[1]), round(p[0])] < SATURATED_DN][:MOST_MEASURED]
        if len(good) < LEAST_VOTES:
            raise InputError(f"{frame.source}: only {len(good)} stars to measure the width of targets on; give fwhm_px")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # single fits that do not converge are left out below
            widths = fit_fwhm(image, xypos=np.array(good), fit_shape=FIT_PX)
        known = widths[np.isfinite(widths) & (widths > NARROWEST_PX) & (widths < FIT_PX)]
        if len(known) < LEAST_VOTES:
            raise InputError(f"{frame.source}: only {len(known)} stars could be fitted; give fwhm_px")
        width = float(np.median(known))
    return width


def star_shifts(frames: list[Frame]) -> np.ndarray:
    """Motion (n, 2) of the stars over the detector since the first frame [px], frame by frame, without rotation.

    Raises
    ------
    InputError
        If the stars of two successive frames cannot be matched.
    """
    found = [find_stars(frame) for frame in frames]
    without = _without_fixed(found)
    total = [np.zeros(2)]
    for k in range(1, len(frames)):
        step, votes = _step(without[k - 1], without[k])
        if votes < LEAST_VOTES:
            raise InputError(
                f"{frames[k].source}: {votes} stars match the frame before, want {LEAST_VOTES}; use relative_to = 'detector'"
            )
        total.append(total[-1] + step)
    return np.array(total)


def _without_fixed(found: list[np.ndarray]) -> list[np.ndarray]:
    """Sources without those that stay at one detector place in most frames; all, where that leaves too few."""
    kept = []
    for places in found:
        count = np.zeros(len(places))
        for other in found:
            if len(other) and len(places):
                count += np.sqrt(((places[:, None] - other[None]) ** 2).sum(axis=2)).min(axis=1) < FIXED_PX
        kept.append(places[count < FIXED_SHARE * len(found)])
    return kept if min(len(p) for p in kept) >= 3 * LEAST_VOTES else found


def _step(a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, int]:
    """The displacement most pairs of sources agree on, and how many do."""
    pairs = (b[None] - a[:, None]).reshape(-1, 2)
    pairs = pairs[(np.abs(pairs) < REACH_PX).all(axis=1)]
    if not len(pairs):
        return np.zeros(2), 0
    edges = np.arange(-REACH_PX, REACH_PX + BIN_PX, BIN_PX)
    votes, _, _ = np.histogram2d(pairs[:, 0], pairs[:, 1], bins=(edges, edges))
    summed = votes[:-1, :-1] + votes[1:, :-1] + votes[:-1, 1:] + votes[1:, 1:]
    i, j = np.unravel_index(int(np.argmax(summed)), summed.shape)
    middle = np.array([edges[i + 1], edges[j + 1]])
    near = pairs[(np.abs(pairs - middle) < 1.5 * BIN_PX).all(axis=1)]
    step = np.median(near, axis=0)
    close = np.hypot(*(near - step).T) < BIN_PX
    return np.median(near[close], axis=0), int(close.sum())
