"""Objects that must be known before stars are modelled: those so slow that they look like stars, by the motion of their own
centroids; and, in short sets, bright ones, which stay in what stands still over so few frames."""

import numpy as np
from scipy.spatial import cKDTree

from sensorproc.config import Movers, Register, Search
from sensorproc.onboard.image.pairing import match_nearest
from sensorproc.onboard.products import Candidate, Registered, reference_of
from sensorproc.onboard.search.link import linked
from sensorproc.onboard.stage import stage
from sensorproc.onboard.straight_line import straight_line

ENOUGH_FRAMES = 8  # From here on no place keeps a passing object's light: see bright_movers.
BRIGHT_SNR, ALONE_SIGMAS = 15.0, 2.0  # SNR in one frame, and PSF widths within which no other frame has a star.
FLOOR_SNR, LEAST_STILL = 60.0, 12  # Stars so bright, and so many of them, tell how well a place is known in each frame.
LEAST_FLOOR_PX = 0.03  # Pixels are no perfect squares.
FIXED_RMS_PX = 0.3  # A source that scatters less over the detector does not move on it.


@stage(bytes_px=1)
def slow_movers(frames: list[Registered], config: Movers, register: Register) -> list[Candidate]:
    """Stars of a stare whose positions in the registered plane follow a straight line at a significant rate.

    A frame's centroid counts with the star's own noise and with the scatter that bright stars at rest have in that frame. The
    motion must stay significant without the first and without the last frame, so that one particle hit makes no mover.
    """
    if len(frames) < config.min_frames or not frames[0].is_stare:
        return []
    reference = reference_of(frames)
    stars = reference.stars[reference.stars[:, 2] >= config.snr]
    tracks = _tracks(stars, frames, register.match_radius_px)
    floors = _floors(tracks, len(frames), config)
    found = []
    for star, (t, xy, snr, k, raw) in zip(stars, tracks, strict=True):
        if len(t) < max(config.min_frames, round(0.7 * len(frames))):
            continue
        variance = floors[k.astype(int)] ** 2 + (1.5 * reference.psf_sigma_px / snr) ** 2
        variance = np.stack([variance, variance], axis=1)
        line = straight_line(t, xy, variance)
        weakest = min(straight_line(t[cut], xy[cut], variance[cut]).significance for cut in (np.s_[1:], np.s_[:-1]))
        steps = line.significance > config.sigma and weakest > 0.5 * config.sigma and line.chi2 < 4.0
        # a cluster of hot pixels moves among the stars as the platform drifts, and not at all over the detector
        if steps and float(np.sqrt(raw.var(axis=0).sum())) > FIXED_RMS_PX:
            found.append(Candidate.at(line.motion[:2], line.motion[2:], float(star[2] * np.sqrt(len(t))), "mover"))
    return found


@stage(bytes_px=1)
def bright_movers(frames: list[Registered], search: Search) -> list[Candidate]:
    """Straight tracks of bright points that are at the same registered place in no other frame.

    In sets of eight frames and more no place keeps a mover's light when the outer quarters of its samples fall away.
    """
    if not search.min_linked_frames <= len(frames) < ENOUGH_FRAMES:
        return []
    places = [np.stack([*f.transform.to_registered(f.stars[:, 0], f.stars[:, 1]), f.stars[:, 2]], axis=1) for f in frames]
    reach = ALONE_SIGMAS * frames[0].psf_sigma_px
    clouds = []
    for k, mine in enumerate(places):
        others = cKDTree(np.concatenate([p[:, :2] for j, p in enumerate(places) if j != k]))
        alone = np.array([len(near) == 0 for near in others.query_ball_point(mine[:, :2], reach)], bool)
        clouds.append(mine[alone & (mine[:, 2] > BRIGHT_SNR)])
    times = np.array([f.t_frames for f in frames])
    return linked(clouds, times, reach / float(np.ptp(times)), search)


def _floors(tracks: list[tuple[np.ndarray, ...]], n: int, config: Movers) -> np.ndarray:
    """Error (n,) of a bright star's place in each frame [px]: what registration, blends and the platform's jitter leave. By the
    stars that are seen in all frames, most of which stand still; the configured one if they are too few to tell."""
    still = [xy - xy.mean(axis=0) for t, xy, snr, *_ in tracks if len(t) == n and snr.min() > FLOOR_SNR]
    if len(still) < LEAST_STILL:
        return np.full(n, config.floor_px)
    scatter = 1.4826 * np.median(np.abs(still), axis=(0, 2)) / np.sqrt(1.0 - 1.0 / n)
    return np.asarray(np.maximum(scatter, LEAST_FLOOR_PX))


def _tracks(stars: np.ndarray, frames: list[Registered], radius: float) -> list[tuple[np.ndarray, ...]]:
    """For each star time, place in the registered plane, SNR, number in time, and place on the detector where frames show it."""
    rows: list[list[tuple[float, ...]]] = [[] for _ in stars]
    for k, frame in enumerate(sorted(frames, key=lambda f: f.t_frames)):
        x, y = frame.transform.to_registered(frame.stars[:, 0], frame.stars[:, 1])
        here, there = match_nearest(np.stack([x, y], axis=1), stars[:, :2], radius)
        for i, j in zip(here, there, strict=True):
            rows[j].append((frame.t_frames, x[i], y[i], frame.stars[i, 2], float(k), *frame.stars[i, :2]))
    arrays = [np.array(track).reshape(-1, 7) for track in rows]
    return [(a[:, 0], a[:, 1:3], a[:, 3], a[:, 4], a[:, 5:7]) for a in arrays]
