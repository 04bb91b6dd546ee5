"""Is it an object at rest over the detector, or part of the detector? Hot pixels, lines of readout, spots of a fixed shape.

An object follows the platform's wander and is as wide as the PSF. What belongs to the detector does neither.
"""

import cv2
import numpy as np

from sensorproc.onboard.image.matched_filter import HALF_SIGMAS
from sensorproc.onboard.kernels.track_fit import fit_track
from sensorproc.onboard.search.blends import Cut
from sensorproc.onboard.search.track import ITERATIONS, Track
from sensorproc.onboard.stack import Stack

FIXED_DRIFT_PX = 4.0  # What moves farther over the set visits several pixels.
LONGEST_TRAIL_PX = 2.0  # What is trailed farther lights several pixels in each frame.
FIXED_SPOT_CHI2 = 6.0  # A fixed spot must beat the moving one by so much.
# A PSF must beat a hot pixel by four more parameters and 2 ln of how much commoner those are: a hundred times, or as many as are
# known for each of some objects.
MORE_PARAMETERS, COMMONER, USUAL_OBJECTS = 4.0, 100.0, 10.0
LINE_CHI2 = 13.0  # The same for a part of a row or column, a hundred times as common.
MOST_HOT, HOT_REACH_PX = 3, 2  # Hot pixels side by side,
LEAST_COST = 3.0  # every further one of which has to explain so much at least.
SAME_REACH_SIGMAS = 3.0  # Around the track pixels at rest must fit better than moved ones
SAME_CHI2, SAME_SHARE = 25.0, 0.25  # by so much, and by this part of the light: hot pixels under an object are not the object.
RUN_LENGTHS, RUN_REACH_PX = (6, 9, 13), 8  # Parts of rows and columns longer than a PSF, and how far they reach [px].


def is_fixed_to_detector(stack: Stack, image: np.ndarray, track: Track) -> bool:
    """Whether what the track follows is better explained by what does not move over the detector at all.

    ``image`` (n, ny, nx) are the set's pixels; the light of the track's neighbours is taken out of them.
    """
    drift = track.path.max(axis=0) - track.path.min(axis=0)
    if float(drift.max()) > FIXED_DRIFT_PX:
        return False
    cut = Cut.around(stack, image, track).without(list(track.neighbours))
    if stack.registrations[0].is_stare and _is_same_pixels(cut, track):
        return True
    return _is_fixed_spot(cut, track) or (float(track.trails[:, 0].max()) <= LONGEST_TRAIL_PX and _is_of_pixels(cut, track))


def _is_same_pixels(cut: Cut, track: Track) -> bool:
    """Whether the frames are more alike pixel by pixel than moved as the track is: whatever its shape, a patch of hot pixels.

    In a stare alone: there a track moves over the detector, elsewhere its motion may be the registration's error. Moved pixels
    are interpolated, which smooths their noise: without light the test says no.
    """
    s = cut.stack.psf_sigma_px
    path, middle = track.path - cut.corner, len(track.path) // 2
    reach = round(SAME_REACH_SIGMAS * s + 0.5 * float(track.trails[:, 0].max()))
    ny, nx = cut.image.shape[1:]
    x, y = np.rint(path[middle]).astype(int)
    box = np.s_[max(y - reach, 0) : min(y + reach + 1, ny), max(x - reach, 0) : min(x + reach + 1, nx)]
    gain = 0.0
    for k in range(len(path)):
        known = cut.weight[k] * cut.weight[middle]
        weight = (known / np.maximum(cut.weight[k] + cut.weight[middle], 1e-30))[box]
        dx, dy = path[k] - path[middle]
        there = cv2.warpAffine(cut.image[k], np.array([[1.0, 0.0, -dx], [0.0, 1.0, -dy]]), (nx, ny), flags=cv2.INTER_CUBIC)
        here, reference = cut.image[k][box], cut.image[middle][box]
        gain += float((weight * ((there[box] - reference) ** 2 - (here - reference) ** 2)).sum())
    return gain > max(SAME_CHI2, SAME_SHARE * track.snr**2)


def _is_of_pixels(cut: Cut, track: Track) -> bool:
    """Whether pixels explain the data better than a PSF that follows the track: up to three hot ones, each of which has to be
    worth it, or an evenly lit part of a row or column."""
    ny, nx = cut.image.shape[1:]
    x, y = (round(float(v)) for v in np.median(track.path - cut.corner, axis=0))
    rows = slice(max(y - RUN_REACH_PX, 0), min(y + RUN_REACH_PX + 1, ny))
    columns = slice(max(x - RUN_REACH_PX, 0), min(x + RUN_REACH_PX + 1, nx))
    weight = cut.weight[:, rows, columns].astype(float)
    signal, known = (weight * cut.image[:, rows, columns]).sum(axis=0), weight.sum(axis=0)
    v, u = np.abs(np.arange(rows.start, rows.stop) - y), np.abs(np.arange(columns.start, columns.stop) - x)
    near = (v[:, None] <= HOT_REACH_PX) & (u[None, :] <= HOT_REACH_PX)
    pixel_chi2, more_chi2 = _costs(cut.stack, int(near.sum()) - 1)
    explained = np.sort(np.maximum(signal[near], 0.0) ** 2 / np.maximum(known[near], 1e-30))[: -MOST_HOT - 1 : -1]
    worth = np.cumsum(explained) - more_chi2 * np.arange(len(explained))
    lines = _best_run(signal[v <= 1], known[v <= 1]), _best_run(signal[:, u <= 1].T, known[:, u <= 1].T)
    return float(worth.max(initial=0.0)) > track.snr**2 - pixel_chi2 or max(lines) > track.snr**2 - LINE_CHI2


def _costs(stack: Stack, n_near: int) -> tuple[float, float]:
    """What a PSF must explain more than a hot pixel, and what every further one of ``n_near`` pixels around it must explain, in
    chi-squared: the rarer hot pixels are, the more."""
    first = MORE_PARAMETERS + 2.0 * float(np.log(max(COMMONER, stack.n_hot / USUAL_OBJECTS)))
    expected = max(n_near * stack.n_hot / stack.image_e[0].size, 1e-12)
    return first, float(np.clip(1.0 - 2.0 * np.log(expected), LEAST_COST, first))


def _best_run(signal: np.ndarray, known: np.ndarray) -> float:
    """Chi-squared that an evenly lit run of pixels explains, at best, in one of some lines (m, n)."""
    best = 0.0
    for length in RUN_LENGTHS:
        if signal.shape[1] >= length:
            run, total = (np.lib.stride_tricks.sliding_window_view(part, length, axis=1).sum(axis=-1) for part in (signal, known))
            best = max(best, float((np.maximum(run, 0.0) ** 2 / np.maximum(total, 1e-30)).max(initial=0.0)))
    return best


def _is_fixed_spot(cut: Cut, track: Track) -> bool:
    """Whether a PSF fixed to the detector fits better than one that follows the platform's wander."""
    n, s = len(track.path), cut.stack.psf_sigma_px
    base = np.repeat(np.median(track.path - cut.corner, axis=0)[None, :], n, axis=0)
    step, summary, psi_phi, normal = np.zeros(4), np.zeros(2), np.zeros(2 * n), np.zeros((5, 5))
    times, trails = np.zeros(n), np.tile([0.0, 1.0, 0.0], (n, 1))
    half = HALF_SIGMAS * s
    fit_track(cut.image, cut.weight, base, times, trails, s, half, ITERATIONS, 1.0, step, summary, psi_phi, normal)
    return float(summary[0]) > 0 and float(summary[0]) ** 2 > track.snr**2 + FIXED_SPOT_CHI2
