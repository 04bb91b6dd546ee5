"""From candidates to tracks: fit each on the pixels, test it, accept in order of significance, subtract, go on."""

from dataclasses import dataclass, replace

import numpy as np

from sensorproc.config import Measure
from sensorproc.onboard.kernels.cholesky import solve_symmetric
from sensorproc.onboard.kernels.track_fit import fit_track, subtract_trail
from sensorproc.onboard.products import Candidate
from sensorproc.onboard.search import REST_PX, detector_rest
from sensorproc.onboard.tracks import Stack

HALF_SIGMAS = 4.0  # half-width of the fitting window in PSF sigmas
ITERATIONS = 14
SEEN_FRACTION = 0.2  # of the typical template energy: less, and a frame says nothing of the object
NEAR_PX = 12.0


@dataclass(frozen=True, eq=False)
class Track:
    """A fitted candidate. ``psi``, ``phi`` (n,) matched-filter sums; ``cov`` (4, 4) of x, y, vx, vy; ``path`` (n, 2)."""

    candidate: Candidate
    flux_e: float
    psi: np.ndarray
    phi: np.ndarray
    cov: np.ndarray
    path: np.ndarray
    trails: np.ndarray

    @property
    def snr(self) -> float:
        return self.candidate.snr


def fit(frames: Stack, image: np.ndarray, candidate: Candidate, max_step: float) -> Track | None:
    """Maximum-likelihood track near a candidate, None if there is nothing to fit."""
    s, n = frames.psf_sigma_px, len(frames.times)
    summary, psi_phi, normal = np.zeros(2), np.zeros(2 * n), np.zeros((5, 5))
    for _ in range(2):  # the second round with the trail and the linearisation of the first one's answer
        c = candidate
        velocity = c.vx_px_frame, c.vy_px_frame
        base, trails = frames.path(c.x_px, c.y_px, *velocity), frames.trails(*velocity)
        if not np.isfinite(base).all():
            return None
        step = np.zeros(4)
        half = HALF_SIGMAS * s
        fit_track(image, frames.weight, base, frames.times, trails, s, half, ITERATIONS, max_step, step, summary, psi_phi, normal)
        if not summary[0] > 0:
            return None
        moved = np.array([c.x_px, c.y_px, *velocity]) + step
        candidate = replace(c, **dict(zip(("x_px", "y_px", "vx_px_frame", "vy_px_frame"), moved.tolist(), strict=True)))
    path = base + step[:2] + step[2:] * frames.times[:, None]
    candidate = replace(candidate, snr=float(summary[0]))
    return Track(candidate, float(summary[1]), psi_phi[::2].copy(), psi_phi[1::2].copy(), _covariance(normal), path, trails)


def _covariance(normal: np.ndarray) -> np.ndarray:
    matrix = np.tril(normal[:4, :4]) + np.tril(normal[:4, :4], -1).T
    cov, column = np.full((4, 4), np.inf), np.zeros(4)
    for k in range(4):
        unit = np.zeros(4)
        unit[k] = 1.0
        if not solve_symmetric(matrix, unit, np.zeros((4, 4)), column):
            return np.full((4, 4), np.inf)
        cov[:, k] = column
    return cov


def accept(frames: Stack, candidates: list[Candidate], lowest_snr: float, config: Measure) -> tuple[list[Track], np.ndarray]:
    """Tracks above ``lowest_snr`` that pass every test, strongest first, and the pixels without them.

    An accepted track is subtracted from the pixels; candidates near it are fitted again without it, so that its own
    ghosts at other velocities vanish and true neighbours stay.
    """
    image = frames.image_e.copy()
    typical = float(np.median(frames.weight[frames.weight > 0])) if (frames.weight > 0).any() else 0.0
    typical /= 4.0 * np.pi * frames.psf_sigma_px**2
    fitted = [fit(frames, image, c, max_step=2.0) for c in candidates]
    waiting = sorted((t for t in fitted if t is not None and t.snr >= lowest_snr), key=_strength)
    accepted: list[Track] = []
    dirty: list[Track] = []
    while waiting:
        track = waiting.pop(0)
        close = [a for a in dirty if _distance(track, a).min() < NEAR_PX + 0.5 * a.trails[:, 0].max()]
        if close:
            again = fit(frames, image, track.candidate, max_step=2.0)
            if again is None or again.snr < lowest_snr:
                continue
            if again.snr < 0.9 * track.snr:
                waiting = sorted([*waiting, again], key=_strength)
                continue
            track = again
        if any(_rms_distance(track, a) < config.duplicate_px for a in accepted):
            continue
        if not is_plausible(frames, track, typical, lowest_snr, config):
            continue
        accepted.append(track)
        dirty = accepted
        for k, (x, y) in enumerate(track.path):
            flux = track.psi[k] / track.phi[k] if track.phi[k] > 0 else track.flux_e
            subtract_trail(image[k], x, y, flux, *track.trails[k], frames.psf_sigma_px, 2 * HALF_SIGMAS * frames.psf_sigma_px)
    return accepted, image


def _strength(track: Track) -> tuple[float, float, float]:
    return -track.snr, track.candidate.x_px, track.candidate.y_px


def _distance(a: Track, b: Track) -> np.ndarray:
    return np.hypot(a.path[:, 0] - b.path[:, 0], a.path[:, 1] - b.path[:, 1])


def _rms_distance(a: Track, b: Track) -> float:
    return float(np.sqrt(np.mean(_distance(a, b) ** 2)))


def is_plausible(frames: Stack, track: Track, typical_phi: float, lowest_snr: float, config: Measure) -> bool:
    """Seen in enough frames, carried by no single one, moving as it should, not wider or narrower than light."""
    seen = track.phi > SEEN_FRACTION * typical_phi / np.maximum(1.0, track.trails[:, 0] / (3.5 * frames.psf_sigma_px))
    n = int(seen.sum())
    if n < config.min_frames or n < config.min_frame_fraction * len(seen):
        return False
    share = track.psi[seen] / max(float(track.psi[seen].sum()), 1e-30)
    if float(share.max()) > max(config.max_frame_share, 1.5 / n):
        return False
    strongest = int(np.argmax(np.where(seen, track.psi, -np.inf)))
    rest = seen.copy()
    rest[strongest] = False
    without = float(track.psi[rest].sum() / np.sqrt(track.phi[rest].sum()))
    expected = track.snr * np.sqrt(float(track.phi[rest].sum() / track.phi[seen].sum()))
    if without < expected - 4.0 and without < 0.7 * expected:
        return False
    return not _stands_still(frames, track, config)


def _stands_still(frames: Stack, track: Track, config: Measure) -> bool:
    """In a stare nothing real is fixed to the detector or, once its stars are gone, to the sky."""
    if frames.registered[0].trail.length_px > 0:
        return False
    c = track.candidate
    span = float(frames.times.max() - frames.times.min())
    rest = detector_rest(frames)
    in_detector = span * np.hypot(c.vx_px_frame - rest.vx_px_frame, c.vy_px_frame - rest.vy_px_frame)
    least = config.fixed_motion_px if c.origin == "mover" else REST_PX * frames.psf_sigma_px
    on_sky = span * np.hypot(c.vx_px_frame, c.vy_px_frame)
    return bool(min(in_detector, on_sky) < least)
