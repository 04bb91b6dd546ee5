"""Streaks in one frame: candidate lines of the PSF-filtered residual, refined on it and tested, clearest first."""

from dataclasses import replace

import cv2
import numpy as np
from scipy import ndimage, optimize

from sensorproc.config import Streaks
from sensorproc.onboard.kernels.peaks import local_maxima
from sensorproc.onboard.line_search import Line, search_lines
from sensorproc.onboard.match import match
from sensorproc.onboard.products import Residual, Trail
from sensorproc.onboard.threads import each

MIN_FRAMES = 3
POINT_SNR = 4.0
WIDE_PX = 65
POINT_FRACTION = 0.4  # of a peak's level, on opposite sides of it: less is a point
MAX_STREAKS = 12  # per frame; more is not a sky but a disturbance
WIDTH_MARGIN = 0.5  # of the PSF's own neighbour ratio across the streak
FLANK_FRACTION = 0.35  # of the middle's level, 4 sigma to either side: more is the edge of something wide
UNCLIPPED = 1e6
CREST = 3.0  # clipping level of the refinement over the streak's own
NULL_RATIO = 1.2  # by which a streak must beat the best dark line of its frame
FIXED_FRACTION = 0.25  # of the streak's level, at the same place in the other frames
SHORTEST_TRAIL_PX = 4.0  # of stars, whose remains can make a line
PARALLEL = 0.98  # cosine of a line to that trail, and
LIT_SIGMA, LIT_FRACTION = 0.25, 0.2  # the starlight that so much of the line lies on
ALIGNED_PX = 1.5  # a line this close to a row or column is readout damage; a real one is with probability 2 / length
LOW_FRACTION = 0.3  # of the streak's mean level: below it a piece counts as empty


def find_streaks(residuals: list[Residual], config: Streaks) -> list[tuple[int, Line]]:
    """Streaks (frame of the set, line), brightest first in each frame.

    What the other frames show at the same place is fixed to the detector and is no streak.
    """
    maps = each(lambda r: np.where(r.weight > 0, match(r, Trail(), UNCLIPPED), np.float32(0.0)), residuals)
    if len(residuals) < MIN_FRAMES:  # too few to take the stars out: at least their cores must not line up
        maps = [_without_points(snr, r.solved.registered.psf_sigma_px) for snr, r in zip(maps, residuals, strict=True)]
    numbered = each(lambda k: _of_frame(residuals[k], k, maps, config), range(len(residuals)))
    return [item for items in numbered for item in items]


def _of_frame(residual: Residual, k: int, maps: list[np.ndarray], config: Streaks) -> list[tuple[int, Line]]:
    others = maps[:k] + maps[k + 1 :]
    lines = _lines_of(residual, maps[k], others, config)
    if lines:
        # no object is darker than the sky: lines of the sign-reversed frame show what its structure can pretend
        dark = replace(residual, image_e=-residual.image_e)
        null = _lines_of(dark, -maps[k], [-other for other in others], config)
        worst = max((line.snr for line in null), default=0.0)
        lines = [line for line in lines if line.snr > NULL_RATIO * worst]
    return [(k, line) for line in sorted(lines, key=lambda f: (-f.snr, f.x0))]


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


def _lines_of(residual: Residual, mine: np.ndarray, others: list[np.ndarray], config: Streaks) -> list[Line]:
    s = residual.solved.registered.psf_sigma_px
    snr, good = np.clip(mine, -config.clip_snr, config.clip_snr), (residual.weight > 0).astype(np.float32)
    correlation_px = 2.0 * np.sqrt(np.pi) * s  # of filtered noise along a line
    found: list[Line] = []
    candidates = search_lines(snr, s, config)
    for _ in range(MAX_STREAKS):
        if not candidates:
            break
        line = candidates[0]
        refined = refine_line(mine, good, line, correlation_px, config.clip_snr)
        if is_streak(residual, snr, refined, s, config) and not (is_fixed(others, mine, refined) or is_stars(residual, refined)):
            found.append(refined)
        _erase(snr, refined, 4.0 * s + 2.0)
        _erase(snr, line, 4.0 * s + 2.0)
        candidates = [other for other in candidates[1:] if _is_left(snr, other, correlation_px)]
    return found


def _is_left(snr: np.ndarray, line: Line, correlation_px: float) -> bool:
    """Whether a line is still significant once others have been blanked."""
    px, py = _points(line)
    values = snr[np.rint(py).astype(int).clip(0, snr.shape[0] - 1), np.rint(px).astype(int).clip(0, snr.shape[1] - 1)]
    return float(values.sum()) > line.threshold * np.sqrt(len(px) * correlation_px)


def refine_line(snr: np.ndarray, good: np.ndarray, line: Line, correlation_px: float, clip_snr: float) -> Line:
    """Offset, angle and ends that maximise the mean along the line and cover all of it.

    Values are clipped at a few times the streak's own level: enough for its crest to be sharp, too little for a star.
    """
    x, y = 0.5 * (line.x0 + line.x1), 0.5 * (line.y0 + line.y1)
    angle, half = float(np.arctan2(line.y1 - line.y0, line.x1 - line.x0)), 0.5 * line.length_px
    first, last = -half, half
    for _ in range(3):
        positions = np.arange(first, last + 1.0)
        level = float(np.median(_along(snr, x, y, angle, positions)))
        crest = np.clip(snr, -clip_snr, max(clip_snr, CREST * level))

        best = optimize.minimize(
            _line_loss,
            np.zeros(2),
            (crest, x, y, angle, half, positions),
            method="Nelder-Mead",
            options={"initial_simplex": SIMPLEX, "xatol": 0.01},
        )
        x, y = x - best.x[0] * np.sin(angle), y + best.x[0] * np.cos(angle)
        angle += best.x[1] / max(half, 1.0)
        first, last = _extent(crest, x, y, angle, first, last)
        centre, half = 0.5 * (first + last), 0.5 * (last - first)
        x, y = x + centre * np.cos(angle), y + centre * np.sin(angle)
        first, last = -half, half
    dx, dy = half * np.cos(angle), half * np.sin(angle)
    positions = np.arange(-half, half + 1.0)
    values = _along(np.clip(snr, -clip_snr, clip_snr), x, y, angle, positions)
    places = [y + positions * np.sin(angle), x + positions * np.cos(angle)]
    n_good = float(ndimage.map_coordinates(good, places, order=0, cval=0.0).sum())
    z = float(values.sum()) / np.sqrt(max(n_good, 1.0) * correlation_px)
    if dx < 0:
        dx, dy = -dx, -dy
    return Line(float(x - dx), float(y - dy), float(x + dx), float(y + dy), z, line.threshold)


def _line_loss(p: np.ndarray, crest: np.ndarray, x: float, y: float, angle: float, half: float, positions: np.ndarray) -> float:
    """Minus the mean along the line moved aside by p[0] and turned so that its ends move by p[1] pixels."""
    turn = angle + p[1] / max(half, 1.0)
    return -float(_along(crest, x - p[0] * np.sin(angle), y + p[0] * np.cos(angle), turn, positions).mean())


def _along(image: np.ndarray, x: float, y: float, angle: float, positions: np.ndarray, outside: float = 0.0) -> np.ndarray:
    """Image values along a line through (x, y), bilinear."""
    places = [y + positions * np.sin(angle), x + positions * np.cos(angle)]
    return ndimage.map_coordinates(image, places, order=1, cval=outside)


SIMPLEX = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]])


def _extent(snr: np.ndarray, x: float, y: float, angle: float, first: float, last: float) -> tuple[float, float]:
    """Interval around the known part whose sum above half the streak's level is largest."""
    reach = float(np.hypot(*snr.shape))
    positions = np.arange(-reach, reach + 1.0)
    values = _along(snr, x, y, angle, positions, outside=np.nan)
    inside = np.isfinite(values)
    known = inside & (positions >= first) & (positions <= last)
    if not known.any():
        return first, last
    level = 0.5 * float(values[known].mean())
    gain = np.where(inside, values - level, -1e3)
    middle = int(np.argmin(np.abs(positions - 0.5 * (first + last))))
    ahead, behind = np.cumsum(gain[middle:]), np.cumsum(gain[middle::-1])
    # the filtered profile falls to half its level at the true end
    return float(positions[middle - int(np.argmax(behind))]), float(positions[middle + int(np.argmax(ahead))])


def is_streak(residual: Residual, snr: np.ndarray, line: Line, s: float, config: Streaks) -> bool:
    """Long enough, filled along its length, and as wide across as the PSF: particle tracks and aligned spots are not."""
    length = line.length_px
    if length < config.min_length_px or line.snr < line.threshold:
        return False
    px, py = _points(line)
    n = len(px)
    along = ndimage.map_coordinates(snr, [py, px], order=1, cval=0.0)
    usable = ndimage.map_coordinates((residual.weight > 0).astype(np.float32), [py, px], order=0, cval=0.0) > 0
    pieces = [
        (a[k].mean(), a)
        for a, k in zip(np.array_split(along, max(n // 8, 3)), np.array_split(usable, max(n // 8, 3)), strict=True)
        if k.any()
    ]
    if not pieces or np.mean([m > LOW_FRACTION * along[usable].mean() for m, _ in pieces]) < config.min_filled_fraction:
        return False
    nx_, ny_ = -(line.y1 - line.y0) / length, (line.x1 - line.x0) / length
    z = residual.image_e * np.sqrt(residual.weight)
    offsets = (-1.0, 0.0, 1.0, -4.0 * s, 4.0 * s)
    across = [_mean_at(z, residual.weight, px + d * nx_, py + d * ny_) for d in offsets]
    (before, _), (middle, noise), (after, _), (left, _), (right, _) = across
    expected = np.exp(-0.5 / (s * s))
    is_wide = 0.5 * (before + after) + 2.0 * noise > WIDTH_MARGIN * expected * middle
    is_narrow = max(left, right) - 2.0 * noise < FLANK_FRACTION * middle
    return bool(is_wide and is_narrow)


def is_fixed(others: list[np.ndarray], mine: np.ndarray, line: Line) -> bool:
    """Whether the line runs along rows or columns as readout damage does, or stands in the other frames too."""
    if min(abs(line.x1 - line.x0), abs(line.y1 - line.y0)) < ALIGNED_PX:
        return True
    if len(others) < 2:
        return False
    px, py = _points(line)
    levels = [float(ndimage.map_coordinates(m, [py, px], order=1, cval=0.0).mean()) for m in (mine, *others)]
    return float(np.median(np.abs(levels[1:]))) > FIXED_FRACTION * levels[0]


def is_stars(residual: Residual, line: Line) -> bool:
    """Whether the line runs along the stars' own trails and over their light: remains of a few of them in a row."""
    trail = residual.solved.registered.trail
    if trail.length_px < SHORTEST_TRAIL_PX:
        return False
    ux, uy = (line.x1 - line.x0) / line.length_px, (line.y1 - line.y0) / line.length_px
    cos, sin = trail.direction
    along = abs(ux * cos + uy * sin)
    px, py = _points(line)
    light = ndimage.map_coordinates(residual.template_e, [py, px], order=1, cval=0.0)
    noise = residual.solved.registered.flattened.noise_e
    return bool(along > PARALLEL and float(np.mean(light > LIT_SIGMA * noise)) > LIT_FRACTION)


def lies_on(line: Line, place: np.ndarray, trail: np.ndarray, margin_px: float) -> bool:
    """Whether a line is the trail of an object at ``place`` (x, y), give or take a margin; ``trail`` is its length and
    direction cosines."""
    length, ux, uy = (float(v) for v in trail)
    for x, y in ((line.x0, line.y0), (line.x1, line.y1)):
        dx, dy = x - place[0], y - place[1]
        if abs(dx * ux + dy * uy) > 0.5 * length + 2.0 * margin_px or abs(dy * ux - dx * uy) > margin_px:
            return False
    return True


def _points(line: Line) -> tuple[np.ndarray, np.ndarray]:
    """x and y of points about a pixel apart from one end to the other."""
    u = np.linspace(0.0, 1.0, int(line.length_px) + 1)
    return line.x0 + u * (line.x1 - line.x0), line.y0 + u * (line.y1 - line.y0)


def _mean_at(z: np.ndarray, weight: np.ndarray, x: np.ndarray, y: np.ndarray) -> tuple[float, float]:
    values = ndimage.map_coordinates(z, [y, x], order=1, cval=0.0)
    ok = ndimage.map_coordinates((weight > 0).astype(np.float32), [y, x], order=0, cval=0.0) > 0
    n = max(int(ok.sum()), 1)
    return float(np.minimum(values[ok], 30.0).mean()) if ok.any() else 0.0, 1.0 / np.sqrt(n)


def _erase(snr: np.ndarray, line: Line, half_width: float) -> None:
    """Blank a found line in place, so that the next one can be looked for."""
    yy, xx = np.ogrid[: snr.shape[0], : snr.shape[1]]
    length = max(line.length_px, 1.0)
    ux, uy = (line.x1 - line.x0) / length, (line.y1 - line.y0) / length
    along = (xx - line.x0) * ux + (yy - line.y0) * uy
    across = (yy - line.y0) * ux - (xx - line.x0) * uy
    snr[(np.abs(across) <= half_width) & (along >= -half_width) & (along <= length + half_width)] = 0.0
