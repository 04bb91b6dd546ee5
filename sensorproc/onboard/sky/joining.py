"""Tracklets of one object in successive sets: one number.

What a tracklet says of place and rate on the sky is carried along a great circle to the time of the next one, with an error that
grows; a tracklet that lies there and moves so is the same object. Which of two it is, is not guessed: then it gets a new number.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sensorproc.geometry import radec_from_unit, tangent_axes
from sensorproc.onboard.kernels.cholesky import solve_symmetric
from sensorproc.onboard.products import Processed, Residual, Tracklet
from sensorproc.timescales import NS_PER_S

GATE = 25.0  # Chi-squared of place and rate, four degrees of freedom: 5e-5 of true pairs lie beyond.
CLEARLY_BETTER = 9.0  # A pair must be better by so much than any other of its two.
FLOOR_PX = 0.05  # No attitude places a whole tracklet better against the next.
# Acceleration across the sky that no rate tells: (2 pi / a day)^2 of an orbit seen from another, and of what comes nearer as fast
# as it goes by, its rate squared.
BENDING_RAD_S2 = 5e-9
MOST_PX = 10.0  # An object whose place is no longer known so well is forgotten.
UNKNOWN = -1  # Number of an object of which no direction is known by stars.


@dataclass(frozen=True, eq=False)
class Motion:
    """Where an object is at a time, how it moves, and how well that is known.

    ``direction`` (3,) is a unit vector on GCRS axes, ``rate`` (3,) its change [rad/s]; ``axes`` (2, 3) are unit vectors along
    which ``cov`` (4, 4) is that of place [rad] and rate [rad/s]; ``pixel_rad`` the angle of a pixel.
    """

    t_tai_ns: int
    direction: np.ndarray
    rate: np.ndarray
    axes: np.ndarray
    cov: np.ndarray
    pixel_rad: float

    def at(self, t_tai_ns: int) -> "Motion":
        """The same at another time: along the great circle, less sure."""
        dt = (t_tai_ns - self.t_tai_ns) / NS_PER_S
        speed = float(np.sqrt((self.rate**2).sum()))
        turned = self._turned(speed * dt, speed)
        step = np.eye(4)
        step[0, 2] = step[1, 3] = dt
        noise = np.array([0.5 * dt * dt, dt]) * max(BENDING_RAD_S2, speed * speed)
        bending = np.kron(np.outer(noise, noise), np.eye(2))
        return Motion(t_tai_ns, *turned, step @ self.cov @ step.T + bending, self.pixel_rad)

    def _turned(self, angle: float, speed: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Direction, rate and axes after a turn along the great circle."""
        if speed == 0.0:
            return self.direction, self.rate, self.axes
        ahead = self.rate / speed
        cos, sin = float(np.cos(angle)), float(np.sin(angle))
        turn = np.array([[cos, -sin], [sin, cos]])
        plane = np.stack([self.direction, ahead])
        direction, ahead_then = turn.T @ plane
        axes = self.axes + (self.axes @ plane.T) @ (np.stack([direction, ahead_then]) - plane)
        return direction, speed * ahead_then, axes

    def gap(self, other: "Motion") -> tuple[np.ndarray, np.ndarray]:
        """Difference (4,) of another motion at the same time from this one along its axes, and the covariance (4, 4) of both."""
        away = np.concatenate([self.axes @ (other.direction - self.direction), self.axes @ (other.rate - self.rate)])
        across = np.kron(np.eye(2), self.axes @ other.axes.T)
        return away, self.cov + across @ other.cov @ across.T

    @property
    def sigma_px(self) -> float:
        """Error of the place, 1 sigma along its worse axis at most [px]."""
        return float(np.sqrt(self.cov[0, 0] + self.cov[1, 1])) / self.pixel_rad


@dataclass(frozen=True, eq=False)
class KnownObjects:
    """Objects of one detector that may be seen again, by number, and the number of the next new one."""

    motions: tuple[tuple[int, Motion], ...] = ()
    next_number: int = 0

    def joined(self, processed: Processed) -> tuple[list[int], "KnownObjects"]:
        """Numbers of the objects that a set's tracklets are of, in their order, and what is known after it."""
        motions = [motion_of(tracklet, processed.residuals) for tracklet in processed.tracklets]
        pairs = _pairs([motion for _, motion in self.motions], motions)
        numbers, after, next_number = [], dict(self.motions), self.next_number
        for k, motion in enumerate(motions):
            if motion is None:
                numbers.append(UNKNOWN)
                continue
            number = self.motions[pairs[k]][0] if k in pairs else next_number
            next_number += k not in pairs
            numbers.append(number)
            after[number] = motion
        last_ns = max((r.facts.t_mid_tai_ns for r in processed.residuals), default=None)
        kept = after if last_ns is None else {n: m for n, m in after.items() if m.at(last_ns).sigma_px < MOST_PX}
        return numbers, KnownObjects(tuple(sorted(kept.items())), next_number)


def motion_of(tracklet: Tracklet, frames: Sequence[Residual]) -> Motion | None:
    """A tracklet's motion over the sky at the middle of its frames; None if no frame of the set is solved from stars.

    Frames are registered on the stars: each solved one says where on the sky a place of the registered plane is.
    """
    solved = [residual for residual in frames if residual.solution.is_star_solution and residual.solution.camera is not None]
    if not solved:
        return None
    first, last = (pick(frames, key=lambda r: r.registration.t_frames) for pick in (min, max))
    if first is last:
        return None
    start, end = first.registration.t_frames, last.registration.t_frames
    cadence_s = (last.facts.t_mid_tai_ns - first.facts.t_mid_tai_ns) / NS_PER_S / (end - start)
    members = {m.frame_index for m in tracklet.members}
    seen = [r.registration.t_frames for r in frames if r.facts.index in members]
    t = float(np.mean(seen))
    step = np.eye(4)
    step[0, 2] = step[1, 3] = t
    x, y, vx, vy = step @ np.array([tracklet.x_px, tracklet.y_px, tracklet.vx_px_frame, tracklet.vy_px_frame])
    here, ahead, right, below = _directions(solved, np.array([(x, y), (x + vx, y + vy), (x + 1.0, y), (x, y + 1.0)]))
    axes = np.stack(tangent_axes(*radec_from_unit(here)))
    jacobian = np.stack([axes @ (right - here), axes @ (below - here)], axis=1)
    units = np.zeros((4, 4))
    units[:2, :2], units[2:, 2:] = jacobian, jacobian / cadence_s
    cov = step @ tracklet.cov @ step.T
    cov[[0, 1], [0, 1]] += FLOOR_PX**2
    rate = (ahead - here) / cadence_s
    rate = rate - (rate @ here) * here
    t_ns = first.facts.t_mid_tai_ns + round((t - start) * cadence_s * NS_PER_S)
    pixel_rad = float(np.sqrt(np.abs(np.linalg.det(jacobian))))
    return Motion(t_ns, here, rate, axes, units @ cov @ units.T, pixel_rad)


def _directions(solved: Sequence[Residual], places: np.ndarray) -> np.ndarray:
    """Unit vectors (m, 3) on GCRS axes of places (m, 2) of the registered plane, the mean of what the solved frames say."""
    total = np.zeros((len(places), 3))
    for residual in solved:
        camera, place = residual.solution.camera, residual.registration
        assert camera is not None
        x, y = place.transform.to_detector(places[:, 0], places[:, 1])
        total += camera.los_icrs(x, y)
    return np.asarray(total / np.sqrt((total**2).sum(axis=1, keepdims=True)))


def _pairs(known: list[Motion], found: list[Motion | None]) -> dict[int, int]:
    """Which known object each tracklet is, by place in the lists: each other's best, and clearly so."""
    chi2 = np.full((len(found), len(known)), np.inf)
    for k, motion in enumerate(found):
        for j, earlier in enumerate(known):
            if motion is not None and earlier.t_tai_ns < motion.t_tai_ns:
                chi2[k, j] = _chi2(*motion.gap(earlier.at(motion.t_tai_ns)))
    pairs = {}
    for k, j in zip(*np.nonzero(chi2 < GATE), strict=True):
        others = np.concatenate([np.delete(chi2[k], j), np.delete(chi2[:, j], k)])
        if others.min(initial=np.inf) > chi2[k, j] + CLEARLY_BETTER:
            pairs[int(k)] = int(j)
    return pairs


def _chi2(gap: np.ndarray, cov: np.ndarray) -> float:
    scale = np.sqrt(np.diag(cov))  # places and rates differ by orders of magnitude
    z, x = gap / scale, np.zeros(4)
    return float(z @ x) if solve_symmetric(cov / np.outer(scale, scale), z, np.zeros((4, 4)), x) else np.inf
