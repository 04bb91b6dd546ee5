"""Streaks of one object in several frames: its length and direction in one frame say where it is in the others.

A streak is two hypotheses, one for each way along it; the other frames decide. A streak cut by the detector's edge has one true
end, which its track's length leads from to mid-exposure.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sensorproc.onboard.stack import Stack
from sensorproc.onboard.stage import stage
from sensorproc.onboard.straight_line import StraightLine, squared_pull, straight_line
from sensorproc.onboard.streaks.fit import Streak

GATE_CHI2 = 16.0  # Chi-squared of a place, with two degrees of freedom: 0.03 % of true ones are farther.
# Sigmas by which lengths may differ, and the floor [px] of lengths and of the ends across the line.
TRAIL_SIGMAS, TRAIL_FLOOR_PX = 4.0, 1.0
PLACE_FLOOR_PX = 0.3  # Registration and a motion that is not quite straight misplace a streak by so much.
MOST_RATIO = 4.0  # Brightness may differ so many times from frame to frame.
EDGE_SIGMAS = 3.0  # A streak that comes so near to the detector's edge [PSF widths] goes on outside.
LEAST_STEP = 1e-9  # A shorter predicted trail [px] has no direction.

Numbered = tuple[int, Streak]  # frame of the set, streak


@dataclass(frozen=True, eq=False)
class Member:
    """A streak of a track with its place at mid-exposure on the detector (2,) and the covariance of that (2, 2)."""

    frame: int
    streak: Streak
    place: np.ndarray
    cov: np.ndarray


@dataclass(frozen=True, eq=False)
class StreakTrack:
    """Streaks of one object, in order of time, and its motion in the registered plane."""

    members: tuple[Member, ...]
    line: StraightLine


@stage(bytes_px=1)
def link_streaks(found: Sequence[Numbered], stack: Stack) -> tuple[list[StreakTrack], list[Numbered]]:
    """Tracks through streaks of two frames and more, strongest first, and the streaks left alone."""
    if not stack.exposure_fraction > 0:  # of unknown exposure, a length is no rate
        return [], list(found)
    tracks: list[StreakTrack] = []
    waiting = sorted(found, key=lambda item: (-item[1].snr, item[0], item[1].x0))
    for seed in list(waiting):
        if seed not in waiting or _cut_ends(seed[1], stack).any():
            continue
        followed = (_followed(seed, sign, [w for w in waiting if w[0] != seed[0]], stack) for sign in (1.0, -1.0))
        best = max(followed, key=lambda members: (len(members), sum(m.streak.snr for m in members)))
        if len(best) > 1:
            members = tuple(sorted(best, key=lambda m: m.frame))
            tracks.append(StreakTrack(members, _line(members, stack)))
            taken = [m.streak for m in members]
            waiting = [w for w in waiting if w[1] not in taken]
    return tracks, sorted(waiting, key=lambda item: (item[0], -item[1].snr, item[1].x0))


def _followed(seed: Numbered, sign: float, others: list[Numbered], stack: Stack) -> list[Member]:
    """Streaks on the motion that one of them shows, nearest frames first; each makes the motion better known."""
    k, streak = seed
    members = [Member(k, streak, np.array(streak.middle), streak.cov[:2, :2])]
    motion, cov = _of_streak(k, streak, sign, stack)
    for j in sorted({w[0] for w in others}, key=lambda j: (abs(stack.times[j] - stack.times[k]), j)):
        fits = [m for w in others if w[0] == j and (m := _member(j, w[1], motion, cov, members, stack)) is not None]
        if fits:
            members.append(max(fits, key=lambda m: m.streak.snr))
            line = _line(members, stack)
            motion, cov = line.motion, line.cov
    return members


def motions(k: int, streak: Streak, stack: Stack) -> list[np.ndarray]:
    """The motions x, y, vx, vy (4,) at t = 0 that a streak of frame ``k`` shows, one for each way along it."""
    return [_of_streak(k, streak, sign, stack)[0] for sign in (1.0, -1.0)]


def _of_streak(k: int, streak: Streak, sign: float, stack: Stack) -> tuple[np.ndarray, np.ndarray]:
    """Motion (4,) at t = 0 that one streak shows and its covariance (4, 4): its own length less that of the stars."""
    registered, fraction = stack.registrations[k], stack.exposure_fraction
    trail = registered.trail
    cos, sin = streak.direction
    x, y = streak.middle
    dx = (sign * streak.length_px * cos - trail.dx_px) / fraction
    dy = (sign * streak.length_px * sin - trail.dy_px) / fraction
    u, v = registered.transform.to_registered(np.array([x, x + dx]), np.array([y, y + dy]))
    t = float(stack.times[k])
    motion = np.array([u[0], v[0], u[1] - u[0], v[1] - v[0]])
    motion[:2] -= t * motion[2:]
    along, across = np.array([cos, sin]), np.array([-sin, cos])
    rate = streak.cov[2, 2] * np.outer(along, along) + streak.cov[3, 3] * streak.length_px**2 * np.outer(across, across)
    rate = rate / fraction**2
    cov = np.block([[streak.cov[:2, :2] + t * t * rate, -t * rate], [-t * rate, rate]])
    return motion, cov


def _member(j: int, streak: Streak, motion: np.ndarray, cov: np.ndarray, members: list[Member], stack: Stack) -> Member | None:
    """The streak with its place, if it is where the motion leads and as long and as bright as it makes it."""
    t, fraction = float(stack.times[j]), stack.exposure_fraction
    length, cos, sin = (float(value) for value in stack.trails(motion[2], motion[3])[j])
    if length < LEAST_STEP:
        return None
    along, across = np.array([cos, sin]), np.array([-sin, cos])
    rate = cov[2:, 2:] * fraction**2
    own = np.array([streak.x1 - streak.x0, streak.y1 - streak.y0])
    aside = float(np.sqrt(across @ rate @ across + streak.cov[3, 3] * streak.length_px**2))
    longer = float(np.sqrt(along @ rate @ along + streak.cov[2, 2]))
    ratio = streak.bright_e_px / float(np.median([m.streak.bright_e_px for m in members]))
    if abs(own @ across) > TRAIL_SIGMAS * aside + TRAIL_FLOOR_PX or not 1.0 / MOST_RATIO < ratio < MOST_RATIO:
        return None
    excess = abs(float(own @ along)) - length
    cut = _cut_ends(streak, stack)
    most = TRAIL_SIGMAS * longer + TRAIL_FLOOR_PX
    if cut.all() or excess > most or (not cut.any() and -excess > most):
        return None
    expected = stack.path(*(float(value) for value in motion))[j]
    step = np.block([np.eye(2), t * np.eye(2)])
    predicted = step @ cov @ step.T
    place, variance = _place(streak, cut, length, along, float(along @ rate @ along))
    total = predicted + variance + PLACE_FLOOR_PX**2 * np.eye(2)
    return Member(j, streak, place, variance) if squared_pull(place - expected, total) < GATE_CHI2 else None


def _place(
    streak: Streak, cut: np.ndarray, length: float, along: np.ndarray, length_variance: float
) -> tuple[np.ndarray, np.ndarray]:
    """Where mid-exposure is, with its covariance: the middle, or half the track's length from the one true end."""
    if not cut.any():
        return np.array(streak.middle), streak.cov[:2, :2]
    end, other = ((streak.x1, streak.y1), (streak.x0, streak.y0)) if cut[0] else ((streak.x0, streak.y0), (streak.x1, streak.y1))
    inward = np.sign(float((np.array(other) - end) @ along)) * along
    variance = streak.cov[:2, :2] + 0.25 * (streak.cov[2, 2] + length_variance) * np.outer(along, along)
    return np.array(end) + 0.5 * length * inward, variance


def _cut_ends(streak: Streak, stack: Stack) -> np.ndarray:
    """Which of its ends (2,) lie at the detector's edge."""
    ny, nx = stack.image_e.shape[1:]
    return is_cut(streak, (ny, nx), stack.psf_sigma_px)


def is_cut(streak: Streak, shape: tuple[int, int], s: float) -> np.ndarray:
    """Which of a streak's ends (2,) lie so near to the detector's edge that it may go on outside."""
    ends, margin = np.array([[streak.x0, streak.y0], [streak.x1, streak.y1]]), EDGE_SIGMAS * s
    return np.asarray(((ends < margin) | (ends > np.array(shape[::-1]) - 1.0 - margin)).any(axis=1))


def _line(members: Sequence[Member], stack: Stack) -> StraightLine:
    """The straight motion through the members' places."""
    places = [
        np.stack(stack.registrations[m.frame].transform.to_registered(np.float64(m.place[0]), np.float64(m.place[1])))
        for m in members
    ]
    variance = np.array([np.diag(m.cov) for m in members]) + PLACE_FLOOR_PX**2
    return straight_line(stack.times[[m.frame for m in members]], np.array(places), variance)
