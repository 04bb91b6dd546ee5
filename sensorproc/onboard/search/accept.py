"""From candidates to tracks: fit each on the pixels, test it, accept in order of significance, subtract, go on."""

from dataclasses import replace

import numpy as np

from sensorproc.config import Accept
from sensorproc.onboard.detector.pattern_noise import pattern_sigma
from sensorproc.onboard.image.matched_filter import HALF_SIGMAS
from sensorproc.onboard.kernels.track_fit import fit_track
from sensorproc.onboard.products import Candidate
from sensorproc.onboard.search.blends import projected, split, subtract
from sensorproc.onboard.search.detector_fixed import is_fixed_to_detector
from sensorproc.onboard.search.star_drift import moves_unlike_stars
from sensorproc.onboard.search.static_residual import is_moving, moves_over_detector, without_static_residual
from sensorproc.onboard.search.track import ITERATIONS, Track, as_likely, matched_sums, position_covariance
from sensorproc.onboard.search.velocity_boxes import Centre, at_rest, detector_rest, least_motion_px, span
from sensorproc.onboard.stack import Stack
from sensorproc.onboard.stage import stage
from sensorproc.onboard.threads import each
from sensorproc.theory import trail_energy

SEEN_FRACTION = 0.2  # A frame with less of the typical template energy says nothing of the object.
MEASURABLE_FRACTION = 0.02  # With less of it, the frame's flux means nothing.
PLAIN_SNR = 5.0  # An object that is so plain in a frame is seen there, whatever is masked.
DARK_SNR = 3.5  # No object takes so much light away.
# Without so many of its strongest frames a track may lack so many sigmas of what is expected, or has this part of it at least;
# fewer frames than were left out tell nothing.
LEFT_WITHOUT = (1, 2.2, 0.7), (2, 3.0, 0.4)
PLAIN_FRACTION = 0.6  # Of the frames that count,
MIN_PLAIN = 4  # and frames in which an object is so plain that its light may change as it likes: no chance puts them on a line.
# Its place in each of them may be so far from the track: sigmas, and what blends and registration do.
OFF_SIGMAS, OFF_PX = 4.0, 0.4
MOVER_SIGMAS = 0.25  # A mover whose light moves less among the stars over the set [PSF sigmas] is a star with a neighbour.
NEAR_PX = 12.0  # Tracks that come so near to an accepted one are fitted again without its light.
FITS_AHEAD = 16  # So many of them are fitted again side by side.
REMNANT_SIGMAS = 5.0  # PSF widths beside an accepted track in which its imperfect PSF leaves light,
REMNANT_FRACTION = 0.5  # and the part of its SNR below which a track there is taken for that.
DAZZLING_SNR = 20.0  # What is left of an object brighter than this in one frame, a few per cent, is no longer noise.


def fit(stack: Stack, image: np.ndarray, candidate: Candidate, max_step: float) -> Track | None:
    """Maximum-likelihood track near a candidate, None if there is nothing to fit."""
    s, n = stack.psf_sigma_px, len(stack.times)
    summary, psi_phi, normal = np.zeros(2), np.zeros(2 * n), np.zeros((5, 5))
    for _ in range(2):  # the second round with the trail and the linearisation of the first one's answer
        c = candidate
        velocity = c.vx_px_frame, c.vy_px_frame
        base, trails = stack.path(c.x_px, c.y_px, *velocity), stack.trails(*velocity)
        if not np.isfinite(base).all():
            return None
        step = np.zeros(4)
        half = HALF_SIGMAS * s
        fit_track(image, stack.weight, base, stack.times, trails, s, half, ITERATIONS, max_step, step, summary, psi_phi, normal)
        if not summary[0] > 0:
            return None
        moved = np.array([c.x_px, c.y_px, *velocity]) + step
        candidate = replace(c, **dict(zip(("x_px", "y_px", "vx_px_frame", "vy_px_frame"), moved.tolist(), strict=True)))
    path = base + step[:2] + step[2:] * stack.times[:, None]
    candidate = replace(candidate, snr=float(summary[0]))
    psi, phi = psi_phi[::2].copy(), psi_phi[1::2].copy()
    return projected(stack, Track(candidate, float(summary[1]), psi, phi, position_covariance(stack, normal), path, trails))


@stage(bytes_px=20)
def accept(stack: Stack, candidates: list[Candidate], lowest_snr: float, config: Accept) -> tuple[list[Track], np.ndarray]:
    """Tracks above ``lowest_snr`` that pass every test, strongest first, and the pixels without them.

    An accepted track is subtracted from the pixels; candidates near it are fitted again without it, so that its own
    ghosts at other velocities vanish and true neighbours stay.
    """
    image = stack.image_e.copy()
    fitted = each(lambda c: fit(stack, image, c, max_step=2.0), candidates)
    waiting = sorted((t for t in fitted if t is not None and t.snr >= lowest_snr), key=_strength)
    accepted: list[Track] = []
    ahead: dict[Track, Track | None] = {}  # the next in line fitted again, while no pixel changes
    while waiting:
        track = waiting[0]
        if _is_close(track, accepted) and track not in ahead:
            following = [t for t in waiting[:FITS_AHEAD] if t not in ahead and _is_close(t, accepted)]
            refitted = each(lambda t: fit(stack, image, t.candidate, max_step=2.0), following)
            ahead |= zip(following, refitted, strict=True)
        waiting = waiting[1:]
        if track in ahead:
            again = ahead[track]
            if again is None or again.snr < lowest_snr:
                continue
            if again.snr < 0.9 * track.snr:
                waiting = sorted([*waiting, again], key=_strength)
                continue
            track = again
        if any(_is_remnant(track, a, stack.psf_sigma_px, config) for a in accepted):
            continue
        track = without_static_residual(stack, image, counted_where_seen(stack, track, accepted))
        if _against_pattern(stack, track).snr < lowest_snr or not is_plausible(stack, image, track, config):
            continue
        if not (is_moving(stack, image, track) and moves_over_detector(stack, image, track)):
            continue
        members = split(stack, image, track, config.max_blended)
        # a particle's hit beside it is no second object, nor is what would not be one alone
        sure = [m for m in members if _against_pattern(stack, m).snr >= lowest_snr and is_plausible(stack, image, m, config)]
        for member in sure if len(sure) > 1 else [track]:
            accepted.append(as_likely(stack, image, member))
            subtract(stack, image, member)
        ahead = {}
    return [_against_pattern(stack, track) for track in accepted], image


def _against_pattern(stack: Stack, track: Track) -> Track:
    """The track with the SNR that counts where noise is the same in all frames."""
    sigma = pattern_sigma(track.path, stack.psf_sigma_px, stack.rest_sigma)
    return replace(track, candidate=replace(track.candidate, snr=track.snr / sigma))


def _is_close(track: Track, accepted: list[Track]) -> bool:
    """Whether a track comes near to one that is known already."""
    return any(_distance(track, a).min() < NEAR_PX + 0.5 * a.trails[:, 0].max() for a in accepted)


def _strength(track: Track) -> tuple[float, float, float]:
    return -track.snr, track.candidate.x_px, track.candidate.y_px


def _distance(a: Track, b: Track) -> np.ndarray:
    return np.hypot(a.path[:, 0] - b.path[:, 0], a.path[:, 1] - b.path[:, 1])


def _is_remnant(track: Track, accepted: Track, s: float, config: Accept) -> bool:
    """The same object again, or what an imperfect PSF leaves of a much brighter one beside it."""
    apart = float(np.sqrt(np.mean(_distance(track, accepted) ** 2)))
    beside = apart < REMNANT_SIGMAS * s + 0.5 * float(accepted.trails[:, 0].max())
    return apart < config.duplicate_px or (beside and track.snr < REMNANT_FRACTION * accepted.snr)


def seen(stack: Stack, track: Track, fraction: float = SEEN_FRACTION) -> np.ndarray:
    """Frames (n,) in which the object lies on the detector and ``fraction`` of its template's energy on good pixels.

    An object that is plainly there counts with less.
    """
    ny, nx = stack.image_e.shape[1:]
    x, y = track.path.T
    inside = (x >= -0.5) & (y >= -0.5) & (x < nx - 0.5) & (y < ny - 0.5)
    energy = [trail_energy(length, stack.psf_sigma_px) for length in track.trails[:, 0]]
    full = stack.typical_weight * np.array(energy) / (2.0 * np.sqrt(np.pi) * stack.psf_sigma_px)
    plain = (track.template_phi > MEASURABLE_FRACTION * full) & (track.psi > PLAIN_SNR * np.sqrt(np.maximum(track.phi, 0.0)))
    return inside & ((track.template_phi > fraction * full) | plain)


def counted_where_seen(stack: Stack, track: Track, accepted: list[Track]) -> Track:
    """The track with the SNR of the frames in which it is seen: a glimpse past the detector's edge proves nothing, nor
    does what the imperfect PSF leaves of a much brighter one that it crosses."""
    good = seen(stack, track)
    for other in accepted:
        if track.snr < REMNANT_FRACTION * other.snr:
            frame_snr = np.maximum(other.psi, 0.0) / np.sqrt(np.maximum(other.phi, 1e-30))
            reach = REMNANT_SIGMAS * stack.psf_sigma_px + 0.5 * other.trails[:, 0]
            good = good & ~((_distance(track, other) < reach) & (frame_snr > DAZZLING_SNR))
    phi = float(track.phi[good].sum())
    snr = float(track.psi[good].sum()) / np.sqrt(phi) if phi > 0 else 0.0
    return replace(track, candidate=replace(track.candidate, snr=min(float(snr), track.snr)))


def is_plausible(stack: Stack, image: np.ndarray, track: Track, config: Accept) -> bool:
    """Seen in enough frames, carried by no single one, moving as it should, spread like light. ``image`` (n, ny, nx) are the
    set's pixels without the objects that are known already."""
    good = seen(stack, track)
    n = int(good.sum())
    if n < config.min_frames or n < config.min_frame_fraction * len(good):
        return False
    psi, phi = np.where(good, track.psi, 0.0), np.where(good, track.phi, 0.0)
    snr = np.maximum(psi, 0.0) / np.sqrt(np.maximum(phi, 1e-30))
    if not psi.sum() > 0 or float(snr.max() / snr.sum()) > max(config.max_frame_share, 1.5 / n):
        return False
    if not (_is_steady(track, good, config) or _is_plain(stack, image, track, good, n)):
        return False
    if not moves_unlike_stars(stack, image, track):
        return False
    return not (_stands_still(stack, track, config) or is_fixed_to_detector(stack, image, track))


def _is_steady(track: Track, good: np.ndarray, config: Accept) -> bool:
    """Whether the light of the frames (n,) that count is one object's: alike in all, flicker and noise allowed for, and there
    without the strongest frame and without the two strongest: any two hits lie on a line. Dark in none."""
    psi, phi = np.where(good, track.psi, 0.0), np.where(good, track.phi, 0.0)
    snr = psi / np.sqrt(np.maximum(phi, 1e-30))
    if (snr < -DARK_SNR).any():
        return False
    flux = float(psi.sum() / phi.sum())
    per_frame = np.where(good, psi / np.maximum(phi, 1e-30), flux)
    tolerance = 1.0 / np.maximum(phi, 1e-30) + (config.flicker * flux) ** 2
    free = max(int(good.sum()) - 1, 1)  # the flux itself took one
    if float(((per_frame - flux) ** 2 / tolerance)[good].sum()) > config.max_flux_chi2 * free:
        return False
    order = np.argsort(-snr, kind="stable")
    for n_strongest, lack, share in LEFT_WITHOUT:
        rest = order[n_strongest:]
        if int(good[rest].sum()) < n_strongest:
            continue
        known = float(phi[rest].sum())
        without = float(psi[rest].sum()) / float(np.sqrt(max(known, 1e-30)))
        expected = track.snr * float(np.sqrt(known / phi.sum()))
        if without < min(expected - lack, share * expected):
            return False
    return True


def _is_plain(stack: Stack, image: np.ndarray, track: Track, good: np.ndarray, n: int) -> bool:
    """Whether single frames prove an object whose light changes, as that of a tumbling one: it is plain in most of the ``n``
    ``good`` ones, dark in none, and in most of those its own place is where the track leads."""
    snr = track.psi / np.sqrt(np.maximum(track.phi, 1e-30))
    plain = good & (snr > PLAIN_SNR)
    if int(plain.sum()) < max(MIN_PLAIN, PLAIN_FRACTION * n) or (good & (snr < -DARK_SNR)).any():
        return False
    s = stack.psf_sigma_px
    shifts = s * np.array([(0, 0), (-0.5, 0), (0.5, 0), (0, -0.5), (0, 0.5)])
    psi = np.stack([matched_sums(image, stack.weight, track.path + shift, track.trails, s)[0] for shift in shifts])
    middle, phi = np.maximum(psi[0], 1e-30), np.maximum(track.phi, 1e-30)
    curvature = np.minimum(psi[1::2] + psi[2::2] - 2.0 * middle, -0.05 * middle)  # of a point, -0.12 of its light
    off = 0.25 * s * (psi[1::2] - psi[2::2]) / curvature
    sigma = np.sqrt(2.0 * phi) / middle * s
    near = np.hypot(*off) < OFF_SIGMAS * sigma + OFF_PX
    return bool((near & plain).sum() >= max(MIN_PLAIN, 0.75 * plain.sum()))


def _stands_still(stack: Stack, track: Track, config: Accept) -> bool:
    """Nothing real is fixed to the sky once its stars are gone, nor, in a stare, to the detector. A mover's places have proved
    its motion in the sky, if its light does not deny it."""
    c = track.candidate

    def moved_px(rest: Centre) -> float:
        return span(stack) * float(np.hypot(c.vx_px_frame - rest.vx_px_frame, c.vy_px_frame - rest.vy_px_frame))

    if c.origin == "mover":
        in_sky = moved_px(Centre("stars", 0.0, 0.0))
        return in_sky < MOVER_SIGMAS * stack.psf_sigma_px or moved_px(detector_rest(stack)) < config.fixed_motion_px
    return min(map(moved_px, at_rest(stack))) < least_motion_px(stack)
