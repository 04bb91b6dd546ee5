"""A streak of one frame as what it is: a straight, uniform trail of the PSF, fitted to the pixels by maximum likelihood."""

from dataclasses import dataclass

import numpy as np

from sensorproc.onboard.image.matched_filter import HALF_SIGMAS
from sensorproc.onboard.kernels.cholesky import invert_symmetric
from sensorproc.onboard.kernels.streak_fit import MIN_LENGTH_SIGMAS, best_interval, fit_streak, profile, sums
from sensorproc.onboard.kernels.track_fit import subtract_trail
from sensorproc.onboard.streaks.line_search import Line

FIRST_ITERATIONS, ITERATIONS, MAX_STEP_PX = 8, 30, 3.0  # Steps of a first and of a last fit, and the longest of one step.
WORTH_SNR, WORTH_MARGIN = 4.5, 0.7  # A first fit so low, or so far below the threshold, is not looked at further.
LEAST_STEP_PX = 1e-6  # A shorter line has no direction.
CUT_PX = 0.3  # Error of the end of a streak that the edge of the exposed area cuts.
LOOK_PX = 12.0  # Ends are looked for so far beyond the line, or as far as it is long if that is more.
END_VARIANCE = 26.0  # Variance of where the likelihood of a step in white noise peaks, in (noise / step)^4 px^2.


@dataclass(frozen=True, eq=False)
class Streak:
    """A fitted streak: ends [px], electrons per pixel of length, SNR, threshold for it, and ``cov`` (5, 5) of x, y of its
    middle, its length [px], its angle [rad] and its flux [e-]."""

    x0: float
    y0: float
    x1: float
    y1: float
    bright_e_px: float
    snr: float
    threshold: float
    cov: np.ndarray

    @property
    def length_px(self) -> float:
        return float(np.hypot(self.x1 - self.x0, self.y1 - self.y0))

    @property
    def direction(self) -> tuple[float, float]:
        """Cosine and sine of the way from the first to the second end."""
        return (self.x1 - self.x0) / self.length_px, (self.y1 - self.y0) / self.length_px

    @property
    def middle(self) -> tuple[float, float]:
        return 0.5 * (self.x0 + self.x1), 0.5 * (self.y0 + self.y1)

    @property
    def flux_e(self) -> float:
        return self.bright_e_px * self.length_px


Area = tuple[float, float, float, float]  # x and y of the first, x and y of the last exposed pixel


def exposed_area(weight: np.ndarray) -> Area:
    """The part of the detector (ny, nx) that any pixel of which has a weight: beyond it no streak is seen."""
    rows, columns = np.flatnonzero(weight.any(axis=1)), np.flatnonzero(weight.any(axis=0))
    return (columns[0], rows[0], columns[-1], rows[-1]) if len(rows) else (0, 0, -1, -1)


def line_snr(image: np.ndarray, weight: np.ndarray, line: Line, s: float) -> float:
    """SNR of a line as it is: one sum, which costs a tenth of a fit."""
    ends, normal, rhs = np.array([line.x0, line.y0, line.x1, line.y1, 0.0]), np.zeros((5, 5)), np.zeros(7)
    sums(image, weight, ends, s, HALF_SIGMAS * s, normal, rhs)
    return float(rhs[5] / np.sqrt(rhs[6])) if rhs[6] > 0.0 else 0.0


def fit_line(image: np.ndarray, weight: np.ndarray, line: Line, s: float, area: Area | None = None) -> Streak | None:
    """The streak of highest likelihood near a line, cut where the exposed ``area`` ends (by default, that of ``weight``); None if
    there is none.

    The likelihood has a maximum wherever an end meets a darker stretch: between two fits the ends are put where the whole
    line says they are best.
    """
    area = area or exposed_area(weight)
    best = _fit(image, weight, (line.x0, line.y0, line.x1, line.y1), line.threshold, s, FIRST_ITERATIONS, area)
    for _ in range(2):
        if best is None or best.snr < max(line.threshold - WORTH_MARGIN, WORTH_SNR):
            return best
        other = _fit(image, weight, best_ends(image, weight, best, s), line.threshold, s, ITERATIONS, area)
        if other is None or other.snr <= best.snr + 1e-6:
            return best
        best = other
    return best


def best_ends(image: np.ndarray, weight: np.ndarray, streak: Streak, s: float) -> tuple[float, float, float, float]:
    """Ends on the streak's line, within a length of its own to either side, that give the highest SNR: all pairs are tried."""
    cos, sin = streak.direction
    more = streak.length_px + LOOK_PX
    n = int(streak.length_px + 2.0 * more)
    x, y = streak.x0 - more * cos, streak.y0 - more * sin
    psi, phi = np.zeros(n), np.zeros(n)
    profile(image, weight, x, y, cos, sin, s, psi, phi)
    ends = np.zeros(2, np.int64)
    best_interval(psi, phi, int(MIN_LENGTH_SIGMAS * s) + 1, ends)
    first, last = ends.tolist()
    return x + first * cos, y + first * sin, x + last * cos, y + last * sin


def _fit(
    image: np.ndarray, weight: np.ndarray, start: tuple[float, ...], threshold: float, s: float, n_iterations: int, area: Area
) -> Streak | None:
    """The nearest maximum of the likelihood to two ends, cut at the edges of the exposed area."""
    ends = np.array([*start, 0.0])
    normal, rhs = np.zeros((5, 5)), np.zeros(7)
    sums(image, weight, ends, s, HALF_SIGMAS * s, normal, rhs)
    if not (rhs[6] > 0.0 and rhs[5] > 0.0):
        return None
    ends[4] = rhs[5] / rhs[6]
    snr = fit_streak(image, weight, s, HALF_SIGMAS * s, n_iterations, MAX_STEP_PX, ends, normal)
    cut = _clipped(ends, area)
    if cut is None:
        return None
    if cut.any():
        sums(image, weight, ends, s, HALF_SIGMAS * s, normal, rhs)
        if not (rhs[6] > 0.0 and rhs[5] > 0.0):
            return None
        snr, ends[4] = rhs[5] / np.sqrt(rhs[6]), rhs[5] / rhs[6]
        for end in np.flatnonzero(cut):  # no pixel tells where a cut streak ends, the edge does
            normal[2 * end, 2 * end] += CUT_PX**-2
    cov = _covariance(ends, normal, snr)
    if cov is None or not snr > 0.0 or not cov[4, 4] < (np.hypot(ends[2] - ends[0], ends[3] - ends[1]) * ends[4]) ** 2:
        return None
    if ends[2] < ends[0]:
        ends[:4] = ends[[2, 3, 0, 1]]
    x0, y0, x1, y1, bright = (float(v) for v in ends)
    return Streak(x0, y0, x1, y1, bright, float(snr), threshold, cov)


def _clipped(ends: np.ndarray, area: Area) -> np.ndarray | None:
    """Cut a line at the edges of an area, in place; which ends (2,) were cut; None if it lies outside (Liang & Barsky 1984)."""
    start, step = ends[:2].copy(), ends[2:4] - ends[:2]
    first, last = 0.0, 1.0
    for axis in (0, 1):
        low, high = area[axis] - 0.5 - start[axis], area[axis + 2] + 0.5 - start[axis]
        if abs(step[axis]) < LEAST_STEP_PX:
            if low > 0.0 or high < 0.0:
                return None
            continue
        enter, leave = sorted((low / step[axis], high / step[axis]))
        first, last = max(first, enter), min(last, leave)
    if not first < last or (last - first) * float(np.hypot(*step)) < LEAST_STEP_PX:
        return None
    ends[:4] = *(start + first * step), *(start + last * step)
    return np.array([first > 0.0, last < 1.0])


def _covariance(ends: np.ndarray, normal: np.ndarray, snr: float) -> np.ndarray | None:
    """Of middle, length, angle and flux, from the normal equations of the ends' steps along and across and the brightness.

    Where a faint streak ends is a question of a step in noise, not of a smooth likelihood: the curvature at its maximum claims
    too much. The variance of the likeliest place of a step (Yao 1987, Ann. Statist. 15, 1321) is added to each end's.
    """
    inverse = np.empty((5, 5))
    if not invert_symmetric(np.tril(normal) + np.tril(normal, -1).T, inverse) or not np.isfinite(inverse).all():
        return None
    length = float(np.hypot(ends[2] - ends[0], ends[3] - ends[1]))
    cos, sin = (ends[2] - ends[0]) / length, (ends[3] - ends[1]) / length
    for end in (0, 2):
        inverse[end, end] += END_VARIANCE * (length / max(snr, 1.0) ** 2) ** 2
    turn = np.zeros((5, 5))  # rows: x, y, length, angle, flux; columns: along and across at both ends, brightness
    turn[0] = [0.5 * cos, -0.5 * sin, 0.5 * cos, -0.5 * sin, 0.0]
    turn[1] = [0.5 * sin, 0.5 * cos, 0.5 * sin, 0.5 * cos, 0.0]
    turn[2] = [-1.0, 0.0, 1.0, 0.0, 0.0]
    turn[3] = [0.0, -1.0 / length, 0.0, 1.0 / length, 0.0]
    turn[4] = [-ends[4], 0.0, ends[4], 0.0, length]
    return np.einsum("ij,jk,lk->il", turn, inverse, turn)


def snr_as_wide(image: np.ndarray, weight: np.ndarray, streak: Streak, s: float) -> float:
    """SNR of the streak's own line for another width across, its place across fitted anew."""
    ends = np.array([streak.x0, streak.y0, streak.x1, streak.y1, streak.bright_e_px])
    return float(fit_streak(image, weight, s, HALF_SIGMAS * s, FIRST_ITERATIONS, 0.25, ends, np.zeros((5, 5))))


def pieces(image: np.ndarray, weight: np.ndarray, streak: Streak, s: float, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Matched-filter sums psi and phi (n,) of equal parts of the streak."""
    cuts = np.linspace(0.0, 1.0, n + 1)
    x, y = streak.x0 + cuts * (streak.x1 - streak.x0), streak.y0 + cuts * (streak.y1 - streak.y0)
    rows = []
    for k in range(n):
        normal, rhs = np.zeros((5, 5)), np.zeros(7)
        part = np.array([x[k], y[k], x[k + 1], y[k + 1], 1.0])
        sums(image, weight, part, s, HALF_SIGMAS * s, normal, rhs)
        rows.append(rhs[5:])
    psi, phi = np.array(rows).T
    return psi, phi


def subtract(image: np.ndarray, streak: Streak, s: float) -> None:
    """Take a streak's light out of an image in place."""
    cos, sin = streak.direction
    subtract_trail(image, *streak.middle, streak.flux_e, streak.length_px, cos, sin, s, 2.0 * HALF_SIGMAS * s)
