"""What a fitted streak must be like to be an object's: spread like light, lit all along, not the detector's, not a star's."""

import cv2
import numpy as np
from scipy import ndimage

from sensorproc.config import Streaks
from sensorproc.flags import PixelFlag
from sensorproc.onboard.products import Residual
from sensorproc.onboard.streaks.fit import Streak, pieces, snr_as_wide
from sensorproc.onboard.streaks.line_search import Line

# Widths tried, in PSF widths: particle tracks are narrower than light, edges of stray light wider.
NARROW, WIDE = (0.5, 0.25), 2.5
NARROW_MARGIN = 1.0  # A narrower line must fit better by this SNR: a faint streak may do so by chance,
NARROW_GAIN = 1.1  # and so many times: a bright one may do so where the PSF is not quite what it is taken for.
# A streak is cut into pieces of this length [PSF sigmas] or longer, each of this SNR if all are equally lit: longer ones would
# each hold one of a row of points.
PIECE_SIGMAS, PIECE_SNR = 2.5, 2.0
LOW_FRACTION = 0.3  # A piece below this part of the streak's mean level counts as empty.
FIXED_FRACTION = 0.25  # A streak with this part of its level at the same place in the other frames is fixed.
HIDDEN_FRACTION = 0.5  # A streak of which more is masked is not seen.
# Starlight so many times brighter than the streak leaves a part of itself under it; if under so much of it, that is all there is.
DAZZLING, DAZZLED_FRACTION = 3.0, 0.3
SHORTEST_TRAIL_PX = 4.0  # The remains of stars with shorter trails make no line.
PARALLEL = 0.98  # A line is along that trail if the cosine of their angle is larger.
# A star so many times brighter makes the line: so near along it, in trails, and so near beside it, in PSF sigmas.
BRIGHTER, BEYOND_TRAILS, WING_SIGMAS = 50.0, 2.0, 12.0
LIT_SIGMA, LIT_FRACTION = 0.25, 0.2  # the starlight that so much of the line lies on,
ONE_WAY_SIGMAS = 2.0  # or, where it parts by no more PSF sigmas over a star's trail, that lies under its width
# The same of a line so close to a row or column, where readout damage runs, a thousand times commoner by chance than elsewhere.
ALIGNED_EXCESS = 1.5  # SNR above the threshold.
ALIGNED_PX, ALIGNED_MARGIN, ALIGNED_GAIN = 1.5, 0.5, 1.04


def is_like_light(image: np.ndarray, weight: np.ndarray, streak: Streak, s: float, config: Streaks) -> bool:
    """As wide across as the PSF, and lit along its length by more than a few spots.

    A line one pixel wide, of a particle or of damaged readout, has 1.26 of its SNR when it is taken for half as wide, the PSF
    between two rows of pixels at most 0.96.
    """
    is_aligned = min(abs(streak.x1 - streak.x0), abs(streak.y1 - streak.y0)) < ALIGNED_PX
    if is_aligned and streak.snr < streak.threshold + ALIGNED_EXCESS:
        return False
    margin, gain = (ALIGNED_MARGIN, ALIGNED_GAIN) if is_aligned else (NARROW_MARGIN, NARROW_GAIN)
    narrow = max(snr_as_wide(image, weight, streak, width * s) for width in NARROW)
    if narrow > max(streak.snr + margin, gain * streak.snr):
        return False
    if snr_as_wide(image, weight, streak, WIDE * s) > streak.snr:
        return False
    n = int(min(max(streak.length_px / (PIECE_SIGMAS * s), 3.0), max(3.0, (streak.snr / PIECE_SNR) ** 2)))
    psi, phi = pieces(image, weight, streak, s, n)
    seen = phi > 0.2 * np.median(phi)
    if not seen.any() or not psi[seen].sum() > 0:
        return False
    level = psi[seen].sum() / phi[seen].sum()
    lit = psi[seen] / phi[seen] > LOW_FRACTION * level
    strongest = float((psi[seen] / np.sqrt(phi[seen])).max())
    alone = strongest > 0.9 * streak.snr  # one spot carries it
    return bool(lit.mean() >= config.min_filled_fraction and not alone)


def is_fixed(others: list[np.ndarray], mine: np.ndarray, streak: Streak) -> bool:
    """Whether the line stands in the other frames, too."""
    if len(others) < 2:
        return False
    px, py = points(streak)
    levels = [float(ndimage.map_coordinates(m, [py, px], order=1, cval=0.0).mean()) for m in (mine, *others)]
    return float(np.median(np.abs(levels[1:]))) > FIXED_FRACTION * levels[0]


def is_hidden(residual: Residual, streak: Streak) -> bool:
    """Whether most of its pixels are masked, saturated ones apart: of a long particle's track hits are taken out one by one."""
    flags = _at(residual.flags, *points(streak))
    return float((flags & ~np.uint8(PixelFlag.SATURATED) != 0).mean()) > HIDDEN_FRACTION


def is_stars(residual: Residual, streak: Streak) -> bool:
    """Whether the line is what the model of stars left: beside one far brighter, or along their trails and over their light."""
    (ux, uy), trail = streak.direction, residual.registration.trail
    px, py = points(streak)
    snr = _at(residual.star_snr, px, py).astype(float)
    crest = streak.bright_e_px / (np.sqrt(2.0 * np.pi) * residual.registration.psf_sigma_px)
    if float(np.mean(snr * residual.facts.noise_e > DAZZLING * crest)) > DAZZLED_FRACTION:
        return True
    along = abs(ux * trail.direction[0] + uy * trail.direction[1]) > PARALLEL
    if trail.length_px < SHORTEST_TRAIL_PX or not along:
        return False
    s = residual.registration.psf_sigma_px
    if abs(ux * trail.direction[1] - uy * trail.direction[0]) < ONE_WAY_SIGMAS * s / trail.length_px:
        snr = np.max([_at(residual.star_snr, px - uy * d, py + ux * d) for d in (-s, 0.0, s)], axis=0).astype(float)
    if float(np.mean(snr > LIT_SIGMA)) > LIT_FRACTION:
        return True
    more = BEYOND_TRAILS * trail.length_px / streak.length_px  # wings and spikes of a bright star, drawn out beyond its trail
    px, py = points(streak, more)
    ny, nx = residual.star_snr.shape
    inside = (px > -0.5) & (py > -0.5) & (px < nx - 0.5) & (py < ny - 0.5)
    reach = int(np.ceil(WING_SIGMAS * s))
    low_x, low_y = (max(int(np.floor(p[inside].min())) - reach, 0) for p in (px, py))
    around = residual.star_snr[low_y : int(py[inside].max()) + reach + 1, low_x : int(px[inside].max()) + reach + 1]
    brightest = cv2.dilate(around.astype(np.float32), np.ones((2 * reach + 1,) * 2, np.uint8))
    near = brightest[np.rint(py[inside]).astype(int) - low_y, np.rint(px[inside]).astype(int) - low_x]
    return float(near.max(initial=0.0)) * residual.facts.noise_e > BRIGHTER * crest


def _at(image: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Pixels of an image nearest to places (n,), of its border for those outside."""
    ny, nx = image.shape
    return np.asarray(image[np.rint(y).astype(int).clip(0, ny - 1), np.rint(x).astype(int).clip(0, nx - 1)])


def lies_on(streak: Streak, place: np.ndarray, trail: np.ndarray, margin_px: float) -> bool:
    """Whether a streak is the trail of an object at ``place`` (x, y), give or take a margin; ``trail`` is its length and
    direction cosines."""
    length, cos, sin = (float(v) for v in trail)
    return lies_along(streak, (float(place[0]), float(place[1])), (cos, sin), 0.5 * length + 2.0 * margin_px, margin_px)


def lies_along(
    line: Line | Streak, middle: tuple[float, float], direction: tuple[float, float], along_px: float, across_px: float
) -> bool:
    """Whether both ends lie within so much of ``middle`` along and across a direction (cosine, sine)."""
    cos, sin = direction
    for x, y in ((line.x0, line.y0), (line.x1, line.y1)):
        dx, dy = x - middle[0], y - middle[1]
        if abs(dx * cos + dy * sin) > along_px or abs(dy * cos - dx * sin) > across_px:
            return False
    return True


def points(streak: Streak, more: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    """x and y of points about a pixel apart from one end to the other, and so many lengths beyond both."""
    u = np.linspace(-more, 1.0 + more, int((1.0 + 2.0 * more) * streak.length_px) + 1)
    return streak.x0 + u * (streak.x1 - streak.x0), streak.y0 + u * (streak.y1 - streak.y0)
