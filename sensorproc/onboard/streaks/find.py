"""Streaks in one frame: candidate lines of the PSF-filtered residual, fitted on the pixels, tested, strongest first.

The search only decides what is fitted: its pieces miss a streak by up to a decibel and a half, the fit by nothing. What a
fitted streak explains is taken out before the next one is fitted, so that crossing streaks are both whole.
"""

from dataclasses import replace

import cv2
import numpy as np
from scipy import ndimage

from sensorproc.config import Streaks
from sensorproc.onboard.image.matched_filter import matched_filter
from sensorproc.onboard.kernels.peaks import local_maxima
from sensorproc.onboard.products import MIN_FRAMES, Residual, Trail
from sensorproc.onboard.stack import Stack
from sensorproc.onboard.stage import stage
from sensorproc.onboard.streaks.fit import Streak, exposed_area, fit_line, line_snr, subtract
from sensorproc.onboard.streaks.line_search import CANDIDATE_MARGIN, Line, search_lines
from sensorproc.onboard.streaks.plausible import is_fixed, is_hidden, is_like_light, is_stars, lies_along
from sensorproc.onboard.threads import each

POINT_SNR = 4.0  # Peaks above this are tested for being points, in sets too short to take the stars out.
WIDE_PX = 65  # Side of the box whose mean takes out what wide remains of stars leave.
POINT_FRACTION = 0.4  # A peak with less of its level on opposite sides of it is a point.
UNCLIPPED = 1e6  # An SNR that no pixel reaches: the filtered map is not clipped.
NULL_RATIO = 1.2  # A streak must beat the best dark line of its frame so many times.
REMNANT_SIGMAS, REMNANT_FRACTION = 6.0, 0.25  # beside a streak so much stronger, what its model left


@stage(bytes_px=300)
def single_streaks(stack: Stack, config: Streaks) -> list[tuple[int, Streak]]:
    """Streaks of every frame (frame of the set, streak), strongest first in each."""
    return find_streaks(list(stack.frames), config) if config.enabled else []


def find_streaks(residuals: list[Residual], config: Streaks) -> list[tuple[int, Streak]]:
    """Streaks (frame of the set, streak), strongest first in each frame.

    What the other frames show at the same place is fixed to the detector and is no streak.
    """
    maps = each(_snr_map, residuals)
    if len(residuals) < MIN_FRAMES:  # too few to take the stars out: at least their cores must not line up
        maps = [_without_points(snr, r.registration.psf_sigma_px) for snr, r in zip(maps, residuals, strict=True)]
        residuals = [
            replace(r, weight=np.where(snr != 0, r.weight, np.float32(0.0))) for snr, r in zip(maps, residuals, strict=True)
        ]
    numbered = each(lambda k: _of_frame(residuals[k], k, maps, config), range(len(residuals)))
    return [item for items in numbered for item in items]


def _snr_map(residual: Residual) -> np.ndarray:
    """SNR (ny, nx) of a point at every pixel, zero where the pixel itself is not seen."""
    snr = matched_filter(residual, Trail(), UNCLIPPED)
    snr *= residual.weight > 0
    return snr


def _of_frame(residual: Residual, k: int, maps: list[np.ndarray], config: Streaks) -> list[tuple[int, Streak]]:
    others = maps[:k] + maps[k + 1 :]
    found = _streaks_of(residual, maps[k], others, config)
    if found:
        # no object is darker than the sky: streaks of the sign-reversed frame show what its structure can pretend
        dark = replace(residual, image_e=-residual.image_e)
        null = _streaks_of(dark, -maps[k], [-other for other in others], config)
        # what lies dark along a bright streak is its own: how wrong its model is tells nothing of others
        s = residual.registration.psf_sigma_px
        worst = max((one.snr for one in null if not any(_is_remnant(one, streak, s) for streak in found)), default=0.0)
        found = [streak for streak in found if streak.snr > NULL_RATIO * worst]
    return [(k, streak) for streak in sorted(found, key=lambda f: (-f.snr, f.x0))]


def _without_points(snr: np.ndarray, s: float) -> np.ndarray:
    """The map with every compact peak blanked: a point has no light two PSF widths away on opposite sides, a streak has."""
    found = np.empty((20000, 2), np.int64)
    n = min(local_maxima(snr, POINT_SNR, 2, found), len(found))
    y, x = found[:n, 0].astype(float), found[:n, 1].astype(float)
    reach = 5.0 * s
    best = np.full(n, -np.inf)
    for angle in np.arange(8) * np.pi / 8:
        dx, dy = reach * np.cos(angle), reach * np.sin(angle)
        ends = [ndimage.map_coordinates(snr, [y + sign * dy, x + sign * dx], order=1, cval=0.0) for sign in (-1, 1)]
        best = np.maximum(best, np.minimum(*ends))
    clean = snr.copy()
    half = int(np.ceil(4.0 * s))
    for v, u in found[:n][best < POINT_FRACTION * snr[found[:n, 0], found[:n, 1]]]:
        clean[max(v - half, 0) : v + half + 1, max(u - half, 0) : u + half + 1] = 0.0
    # what the stars left in the background is wide; of a streak a box this wide takes a twentieth
    return np.where(clean != 0.0, clean - cv2.blur(clean, (WIDE_PX, WIDE_PX)), np.float32(0.0))


def _streaks_of(residual: Residual, mine: np.ndarray, others: list[np.ndarray], config: Streaks) -> list[Streak]:
    s = residual.registration.psf_sigma_px
    candidates = search_lines(np.clip(mine, -config.clip_snr, config.clip_snr), s, config)
    image, weight = residual.image_e.copy(), residual.weight
    area = exposed_area(weight)
    found: list[Streak] = []
    rejected: list[Streak] = []
    n_fits = 0
    for line in candidates:
        if len(found) >= config.max_per_frame or n_fits >= config.max_fits:
            break
        if any(_covers(streak, line, s) for streak in rejected):
            continue
        if found and line_snr(image, weight, line, s) < line.threshold - CANDIDATE_MARGIN:
            continue  # a piece of a streak that is found by now
        n_fits += 1
        streak = fit_line(image, weight, line, s, area)
        if streak is None or streak.snr < streak.threshold or any(_is_remnant(streak, f, s) for f in found):
            continue
        if (
            streak.length_px < config.min_length_px
            or is_hidden(residual, streak)
            or is_stars(residual, streak)
            or is_fixed(others, mine, streak)
            or not is_like_light(image, weight, streak, s, config)
        ):
            rejected.append(streak)
            continue
        found.append(streak)
        subtract(image, streak, s)
    return found


def _covers(streak: Streak, line: Line | Streak, s: float) -> bool:
    """Whether a line lies along a streak."""
    reach = REMNANT_SIGMAS * s
    return lies_along(line, streak.middle, streak.direction, 0.5 * streak.length_px + reach, reach)


def _is_remnant(streak: Streak, stronger: Streak, s: float) -> bool:
    return streak.snr < REMNANT_FRACTION * stronger.snr and _covers(stronger, streak, s)
