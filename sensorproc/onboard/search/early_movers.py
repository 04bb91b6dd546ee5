"""Objects that must be known before stars and pattern are solved: those so slow that they look like stars, by the motion of their
own centroids; and those that pass, bright enough in single frames to be linked, which would stay in what stands still."""

import math
from dataclasses import replace

import numpy as np
from scipy.spatial import cKDTree

from sensorproc.config import Movers, Register, Search
from sensorproc.onboard.image.cosmic_rays import spikes
from sensorproc.onboard.image.matched_filter import template
from sensorproc.onboard.image.pairing import match_nearest
from sensorproc.onboard.image.passing_light import in_registered
from sensorproc.onboard.image.star_finding import find_stars, significance, snr_near, wide_enough
from sensorproc.onboard.products import Candidate, Registered, Residual, Trail, pattern_scales, reference_of
from sensorproc.onboard.search.link import bright_points, in_sky, linked
from sensorproc.onboard.stage import stage
from sensorproc.onboard.straight_line import straight_line
from sensorproc.onboard.threads import each

ENOUGH_FRAMES = 8  # The mean of the inner half of so many samples holds nothing of what is in few of them.
STILL_SIGMAS = 0.6  # A source that moves less from frame to frame, in PSF widths (at least pixels), is at the same place.
SAME_SIGMAS = 2.5  # Tracks that are never farther apart [PSF widths] are one object's.
WIDE_GAIN = 0.9  # Through a filter twice as wide a point has 0.8 of its SNR.
APART_SIGMAS = 2.0  # A passing object moves so many PSF widths over the set, at least,
LINK_FRACTION = 0.5  # and keeps to its line better than what is linked without stars: there are more points here.
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
    """Straight tracks of points that do not stay: of those that stars were registered by, and of fainter ones where the frames'
    own pattern was taken out, for it keeps a part of slow ones. Where stars sweep over the detector no place of the sky keeps a
    passing object's light but in short sets, and hot pixels pass as objects do."""
    if not frames[0].is_stare and len(frames) >= ENOUGH_FRAMES:
        return []
    points = [frame.stars for frame in frames]
    if pattern_scales(frames) is not None:
        points = each(lambda frame: _points(frame, search), frames)
    places = [in_sky(here, frame.transform) for here, frame in zip(points, frames, strict=True)]
    return _passing(places, [f.t_frames for f in frames], frames[0].psf_sigma_px, search)


def _points(frame: Registered, search: Search) -> np.ndarray:
    """Points x, y, SNR (m, 3) of a frame that still holds its stars."""
    flags, s = spikes(frame.flattened, frame.psf_sigma_px), frame.psf_sigma_px
    snr = significance(frame.flattened, flags, template(frame.trail, s))
    return wide_enough(find_stars(snr, search.point_snr, 2, 1000), frame.flattened, flags, frame.trail, s)


@stage(bytes_px=20)
def passing_points(residuals: list[Residual], known: list[Candidate], search: Search) -> list[Candidate]:
    """The ``known`` passing objects, and in frames without stars whose own pattern still keeps a part of them the straight tracks
    of points that are not theirs."""
    if pattern_scales(residuals) is None:
        return known
    places = each(lambda r: in_sky(_narrow(bright_points(r, search), r), r.registration.transform), residuals)
    registrations = [r.registration for r in residuals]
    times, s = [r.t_frames for r in registrations], registrations[0].psf_sigma_px
    found = _passing(places, times, s, search)
    return [*known, *(c for c in found if not any(_together(c, other, times, s) for other in known))]


def _together(one: Candidate, other: Candidate, times: list[float], s: float) -> bool:
    """Whether two tracks are the same object's: nowhere far apart."""
    ends = min(times), max(times)
    return max(math.dist(in_registered(one, t), in_registered(other, t)) for t in ends) < SAME_SIGMAS * s


def _narrow(points: np.ndarray, residual: Residual) -> np.ndarray:
    """The points (m, 3) that a filter twice as wide fits less well than the PSF: not those of a coma or of a glare."""
    wide = snr_near(residual.image_e, residual.weight, template(Trail(), 2.0 * residual.registration.psf_sigma_px), points)
    return points[wide < WIDE_GAIN * points[:, 2] + 2.0]


def _passing(places: list[np.ndarray], times: list[float], s: float, search: Search) -> list[Candidate]:
    """Straight tracks through registered points x, y, SNR (m, 3) of most frames, each of which is at its place in at most half of
    them; ``s`` is the PSF's sigma [px]."""
    n = len(times)
    if n < search.min_linked_frames:
        return []
    trees = [cKDTree(p[:, :2]) for p in places]
    reach = STILL_SIGMAS * max(s, 1.0)
    seen = [sum(np.isfinite(tree.query(p[:, :2], distance_upper_bound=reach)[0]).astype(int) for tree in trees) for p in places]
    clouds = [p[here <= n // 2] for p, here in zip(places, seen, strict=True)]
    near = replace(search, link_radius_px=LINK_FRACTION * search.link_radius_px)
    slowest = APART_SIGMAS * s / float(np.ptp(times))
    return [c for c in linked(clouds, np.array(times), slowest, near) if np.hypot(c.vx_px_frame, c.vy_px_frame) > slowest]


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
