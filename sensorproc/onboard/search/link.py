"""Link the bright points of single frames into straight, uniform tracks, at any speed: no centre, no box."""

import numpy as np

from sensorproc.config import Search
from sensorproc.onboard.image.matched_filter import matched_filter
from sensorproc.onboard.kernels.link_pairs import linked_pairs
from sensorproc.onboard.kernels.peaks import local_maxima
from sensorproc.onboard.products import MIN_SEEN_FRACTION, Candidate, Residual, Trail, Transform
from sensorproc.onboard.search.velocity_boxes import least_motion_px, span
from sensorproc.onboard.stack import Stack
from sensorproc.onboard.stage import stage
from sensorproc.onboard.straight_line import straight_line


@stage(bytes_px=20)
def link_points(stack: Stack, config: Search) -> list[Candidate]:
    """Candidates supported by points in most frames, strongest first."""
    if len(stack.times) < config.min_linked_frames:
        return []
    clouds = [in_sky(bright_points(frame, config), frame.registration.transform) for frame in stack.frames]
    return linked(clouds, stack.times, least_motion_px(stack) / span(stack), config)


def linked(clouds: list[np.ndarray], t: np.ndarray, slowest: float, config: Search) -> list[Candidate]:
    """Straight tracks faster than ``slowest`` [px/frame] through points x, y, SNR (m, 3) of most frames, strongest first."""
    points = np.concatenate(clouds)
    first = np.cumsum([0] + [len(cloud) for cloud in clouds])
    needed = max(config.min_linked_frames, int(np.ceil(MIN_SEEN_FRACTION * len(t))))
    pairs = np.empty((20000, 3), np.int64)
    limits = slowest, config.max_speed_px_frame, 2.0 * config.link_radius_px, needed
    n = min(linked_pairs(points, first, t, max(len(t) // 3, 1), *limits, pairs), len(pairs))
    order = np.lexsort((pairs[:n, 1], pairs[:n, 0], -pairs[:n, 2]))
    frame_of = np.repeat(np.arange(len(t)), np.diff(first))
    used = np.zeros(len(points), bool)
    found = []
    for i, j, _ in pairs[order]:
        if used[i] or used[j]:
            continue
        velocity = (points[j, :2] - points[i, :2]) / (t[frame_of[j]] - t[frame_of[i]])
        start = points[i, :2] - velocity * t[frame_of[i]]
        members = _members(points, frame_of, t, start, velocity, 2.0 * config.link_radius_px, used)
        if len(members) < needed:
            continue
        motion = straight_line(t[frame_of[members]], points[members, :2], np.ones((len(members), 2))).motion
        start, velocity = motion[:2], motion[2:]
        snr = float(np.sqrt((points[members, 2] ** 2).sum()))
        used |= np.hypot(*(points[:, :2] - start - velocity * t[frame_of][:, None]).T) <= 2.0 * config.link_radius_px
        found.append(Candidate.at(start, velocity, snr, "linked"))
    return sorted(found, key=lambda c: (-c.snr, c.x_px, c.y_px))


def bright_points(frame: Residual, config: Search) -> np.ndarray:
    """x, y on the detector and SNR (m, 3) of a frame's bright points, brightest first."""
    snr = matched_filter(frame, Trail(), 1e6)
    found = np.empty((4000, 2), np.int64)
    count = min(local_maxima(snr, config.point_snr, 3, found), len(found))
    y, x = found[:count, 0], found[:count, 1]
    order = np.lexsort((x, y, -snr[y, x]))[: config.max_points_per_frame]
    return np.stack([x[order], y[order], snr[y[order], x[order]]], axis=1).astype(float)


def in_sky(points: np.ndarray, transform: Transform) -> np.ndarray:
    """Points x, y, SNR (m, 3) of a frame, moved from the detector to the registered plane."""
    return np.stack([*transform.to_registered(points[:, 0], points[:, 1]), points[:, 2]], axis=1)


def _members(
    points: np.ndarray,
    frame_of: np.ndarray,
    t: np.ndarray,
    start: np.ndarray,
    velocity: np.ndarray,
    radius: float,
    used: np.ndarray,
) -> np.ndarray:
    """Index of the nearest unused point of each frame within ``radius`` of the line."""
    distance = np.hypot(*(points[:, :2] - start - velocity * t[frame_of][:, None]).T)
    distance = np.where(used, np.inf, distance)
    nearest = [min(np.flatnonzero(frame_of == k), key=lambda q: distance[q], default=-1) for k in range(len(t))]
    return np.array([q for q in nearest if q >= 0 and distance[q] <= radius], int)
