"""Numbers with error bars: every tracklet in every frame, on the pixels and on the sky."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sensorproc.config import Measure
from sensorproc.conventions import FWHM_PER_SIGMA
from sensorproc.flags import DetectionFlag, PixelFlag
from sensorproc.onboard.false_alarms import FalseAlarms
from sensorproc.onboard.image.matched_filter import HALF_SIGMAS
from sensorproc.onboard.kernels.cholesky import invert_symmetric
from sensorproc.onboard.kernels.track_fit import fit_track
from sensorproc.onboard.products import Measurement, PixelMeasurement, Tracklet
from sensorproc.onboard.search.accept import MEASURABLE_FRACTION, seen
from sensorproc.onboard.search.blends import subtract_in
from sensorproc.onboard.search.track import ITERATIONS, Track, matched_sums, position_covariance
from sensorproc.onboard.sky_measurement import common_flags, fold_angle, on_sky, united_flags
from sensorproc.onboard.stack import Stack
from sensorproc.onboard.straight_line import squared_pull

OWN_POSITION_SNR = 7.0  # From here a frame's own centroid is better founded than the track's prediction.
NOT_SEEN_SNR = 2.0  # A member below it is flagged as not seen: its place is the track's.
EXTENDED_SNR = 15.0  # Below it the widths cannot be told apart.
# Frames with a place of their own, and chi-squared of two degrees of freedom: by chance 3e-7.
LEAST_CURVED, CURVED_CHI2 = 6, 30.0
BLEND_SNR = 10.0  # Starlight so bright under an object moves its flux by half its sigma: models of stars err by a twentieth.
MASKED_SHARE = 0.1  # Of the template's energy on masked pixels: what the others say of the object is no longer all of it.
STREAK_FWHM = 1.25  # An object whose trail is so many FWHM long is called a streak: its trailed template matters.


def tracklet(stack: Stack, track: Track, false: FalseAlarms, config: Measure) -> Tracklet:
    """A tracklet with a measurement in every frame where its pixels are usable."""
    log10_pfa = false.log10(track.snr)
    visible = [int(k) for k in np.flatnonzero(seen(stack, track, MEASURABLE_FRACTION))]
    places = [_place(stack, track, k, config.position_floor_px) for k in visible]
    scale2 = scatter_over_claim(places, track, visible)
    extra = track.flags | (int(DetectionFlag.EXTENDED) if is_extended(stack, track, config.extended_ratio) else 0)
    extra |= int(DetectionFlag.CURVED) if is_curved(places, track.path[visible], stack.times[visible]) else 0
    members = [_member(stack, track, k, place, scale2, log10_pfa, extra) for k, place in zip(visible, places, strict=True)]
    c = track.candidate
    floor2 = config.position_floor_px**2
    spread = float(((stack.times - stack.times.mean()) ** 2).sum())
    cov = scale2 * track.cov + np.diag([floor2 / len(members), floor2 / len(members), floor2 / spread, floor2 / spread])
    mag, sigma_mag = _mean_magnitude(stack, track)
    epoch = stack.reference.facts
    flux = track.psi[track.phi > 0] - track.flux_e * track.phi[track.phi > 0]
    chi2 = float((flux**2 / track.phi[track.phi > 0]).sum()) / max(int((track.phi > 0).sum()) - 1, 1)
    return Tracklet(
        detector=epoch.detector,
        epoch_frame=epoch.index,
        x_px=c.x_px,
        y_px=c.y_px,
        vx_px_frame=c.vx_px_frame,
        vy_px_frame=c.vy_px_frame,
        cov=cov,
        snr=c.snr,
        log10_pfa=log10_pfa,
        chi2_per_dof=chi2,
        mag=mag,
        sigma_mag=sigma_mag,
        flags=united_flags(members),
        origin=c.origin,
        members=tuple(members),
    )


def is_extended(stack: Stack, track: Track, ratio: float) -> bool:
    """Whether a PSF ``ratio`` times wider fits a well-seen object better; for a point it has 2 r / (1 + r^2) of the SNR."""
    if track.snr < EXTENDED_SNR or track.neighbours:
        return False
    sums = matched_sums(stack.image_e, stack.weight, track.path, track.trails, ratio * stack.psf_sigma_px)
    psi, phi = (float(one.sum()) for one in sums)
    return phi > 0 and psi / math.sqrt(phi) > track.snr


@dataclass(frozen=True, eq=False)
class Place:
    """Where an object is in one frame: fitted there (``is_own``) or predicted by its track; psi, phi of that place."""

    x_px: float
    y_px: float
    cov: np.ndarray
    psi: float
    phi: float
    is_own: bool


def _place(stack: Stack, track: Track, k: int, floor_px: float) -> Place:
    psi, phi = float(track.psi[k]), float(track.phi[k])
    (x, y), t, s = track.path[k], float(stack.times[k]), stack.psf_sigma_px
    step = np.array([[1.0, 0.0, t, 0.0], [0.0, 1.0, 0.0, t]])
    cov = np.einsum("ij,jk,lk->il", step, track.cov, step)
    own = _own_position(stack, track, k) if psi * math.sqrt(track.share / phi) >= OWN_POSITION_SNR else None
    if own is not None:
        (x, y), psi, phi, cov = own
        phi *= 1.0 if track.kept is None else float(track.kept[k])
    shot_px2 = s * s / max(psi / phi, 1.0) if psi > 0 else 0.0  # the object's own photons, which the weights leave out
    return Place(float(x), float(y), cov + np.eye(2) * (floor_px**2 + shot_px2), psi, phi, own is not None)


def scatter_over_claim(places: list[Place], track: Track, visible: list[int]) -> float:
    """Mean square of the positions' pulls about the straight track, at least 1: the factor by which variances grow.

    It carries what pixel noise does not know of: registration, star residuals, a track that is not quite straight.
    """
    pulls = []
    for place, k in zip(places, visible, strict=True):
        if place.is_own:
            pulls.append(squared_pull(np.array([place.x_px, place.y_px]) - track.path[k], place.cov))
    free = 2 * len(pulls) - 4  # the track itself took four
    return max(sum(pulls) / free, 1.0) if free >= 4 else 1.0


def is_curved(places: Sequence[Place], path: np.ndarray, times: np.ndarray) -> bool:
    """Whether the places fitted in single frames bend away from the straight track ``path`` (n, 2) at ``times`` (n,).

    A parabola is fitted to what they leave of it, with their own errors or, if larger, their scatter about the parabola.
    """
    own = np.array([place.is_own for place in places], bool)
    if int(own.sum()) < LEAST_CURVED:
        return False
    left = np.array([(place.x_px, place.y_px) for place in places])[own] - path[own]
    variance = np.array([np.diag(place.cov) for place in places])[own]
    t = times[own] - times[own].mean()
    columns = np.stack([np.ones(len(t)), t, t * t], axis=1)
    chi2, spread = 0.0, 0.0
    for axis in (0, 1):
        normal = np.einsum("na,n,nb->ab", columns, 1.0 / variance[:, axis], columns)
        cov = np.zeros((3, 3))
        if not invert_symmetric(normal, cov):
            return False
        answer = np.einsum("ab,nb,n,n->a", cov, columns, 1.0 / variance[:, axis], left[:, axis])
        chi2 += answer[2] ** 2 / cov[2, 2]
        spread += float(((left[:, axis] - np.einsum("na,a->n", columns, answer)) ** 2 / variance[:, axis]).sum())
    return bool(chi2 > CURVED_CHI2 * max(spread / (2 * len(t) - 6), 1.0))


def _member(stack: Stack, track: Track, k: int, place: Place, scale2: float, log10_pfa: float, extra_flags: int) -> Measurement:
    residual, s = stack.frames[k], stack.psf_sigma_px
    length, cos, sin = (float(v) for v in track.trails[k])
    x, y, psi, phi = place.x_px, place.y_px, place.psi, place.phi
    share = residual.registration.flux_ratio
    flux = psi / phi / share
    information = phi * track.share
    sigma_flux = math.sqrt(1.0 / information + max(flux * share, 0.0)) / share
    is_streak = length > STREAK_FWHM * FWHM_PER_SIGMA * s
    flags = _flags(stack, track, k, x, y, psi, phi, is_streak) | extra_flags
    (xx, xy), (_, yy) = (scale2 * place.cov).tolist()
    pixel = PixelMeasurement(
        x, y, (xx, xy, yy), flux, sigma_flux, psi * math.sqrt(track.share / phi), log10_pfa, is_streak, length,
        fold_angle(math.atan2(sin, cos) if length > 0 else 0.0), flags,
    )  # fmt: skip
    return on_sky(residual, pixel)


def _own_position(stack: Stack, track: Track, k: int) -> tuple | None:
    """Position fitted in frame k alone: (x, y), psi, phi, covariance; None if the fit runs away."""
    s = stack.psf_sigma_px
    step, summary, psi_phi, normal = np.zeros(4), np.zeros(2), np.zeros(2), np.zeros((5, 5))
    trail = np.ascontiguousarray(track.trails[k : k + 1])
    reach = 2.0 * HALF_SIGMAS * s + 0.5 * float(trail[0, 0])
    low = np.maximum(np.floor(track.path[k] - reach), 0.0).astype(int)
    high = np.maximum(np.ceil(track.path[k] + reach), low + 1).astype(int)
    box = np.s_[k : k + 1, low[1] : high[1], low[0] : high[0]]
    image, base = stack.image_e[box].copy(), track.path[k : k + 1] - low
    for other in track.neighbours:
        subtract_in(stack, image[0], other, k, low)
    fit_track(
        image, np.ascontiguousarray(stack.weight[box]), base, np.zeros(1), trail,
        s, HALF_SIGMAS * s, ITERATIONS, 0.7, step, summary, psi_phi, normal,
    )  # fmt: skip
    normal[2, 2] = normal[3, 3] = 1.0
    cov = position_covariance(stack, normal)[:2, :2] / track.share
    farthest = 5.0 * math.sqrt(float(cov[0, 0] + cov[1, 1])) + 0.75 * s
    if not np.isfinite(cov).all() or psi_phi[1] <= 0 or float(np.hypot(*step[:2])) > farthest:
        return None
    return track.path[k] + step[:2], float(psi_phi[0]), float(psi_phi[1]), cov


def _flags(stack: Stack, track: Track, k: int, x: float, y: float, psi: float, phi: float, is_streak: bool) -> int:
    residual, s = stack.frames[k], stack.psf_sigma_px
    flags = common_flags(residual)
    length, cos, sin = track.trails[k]
    reach_x, reach_y = 3.0 * s + 0.5 * abs(length * cos), 3.0 * s + 0.5 * abs(length * sin)
    ny, nx = residual.image_e.shape
    if x < reach_x or y < reach_y or x > nx - 1 - reach_x or y > ny - 1 - reach_y:
        flags |= DetectionFlag.EDGE
    box = np.s_[max(int(y) - 1, 0) : int(y) + 3, max(int(x) - 1, 0) : int(x) + 3]
    starlight_snr, masked = _under(stack, track, k)
    if starlight_snr > BLEND_SNR:
        flags |= DetectionFlag.BLEND
    if masked > MASKED_SHARE:
        flags |= DetectionFlag.BAD_PIXELS
    if (residual.flags[box] & PixelFlag.SATURATED).any():
        flags |= DetectionFlag.SATURATED
    if is_streak:
        flags |= DetectionFlag.STREAK
    if psi / math.sqrt(phi) < NOT_SEEN_SNR:
        flags |= DetectionFlag.NOT_SEEN
    if track.candidate.origin == "mover" or np.hypot(track.candidate.vx_px_frame, track.candidate.vy_px_frame) < 1.0:
        flags |= DetectionFlag.SLOW
    return int(flags)


def _under(stack: Stack, track: Track, k: int) -> tuple[float, float]:
    """SNR of the starlight that was taken out under the object's template in a frame, and the share of the template's energy that
    lies on masked pixels of the detector."""
    s, trail = stack.psf_sigma_px, np.ascontiguousarray(track.trails[k : k + 1])
    reach = HALF_SIGMAS * s + 0.5 * float(trail[0, 0]) + 1.0
    low = np.maximum(np.floor(track.path[k] - reach), 0.0).astype(int)
    high = np.maximum(np.ceil(track.path[k] + reach), low + 1).astype(int)
    box = np.s_[low[1] : high[1], low[0] : high[0]]
    residual = stack.frames[k]
    star_e = residual.star_snr[box].astype(np.float32)[None] * np.float32(residual.facts.noise_e)
    weight = np.ascontiguousarray(stack.weight[k][box])[None]
    path = track.path[k : k + 1] - low
    psi, phi = (float(one[0]) for one in matched_sums(star_e, weight, path, trail, s))
    good, whole = (float(matched_sums(star_e, one, path, trail, s)[1][0]) for one in (np.sign(weight), np.ones_like(weight)))
    return psi / math.sqrt(max(phi, 1e-30)), 1.0 - good / max(whole, 1e-30)


def _mean_magnitude(stack: Stack, track: Track) -> tuple[float | None, float]:
    # zero points are those of each frame's own light, the flux is that of the clear ones
    zeros = [
        f.solution.zeropoint_mag - 2.5 * math.log10(f.facts.flux_scale * stack.facts.exposure_s / f.facts.exposure_s)
        for f in stack.frames if f.solution.zeropoint_mag is not None and f.facts.exposure_s > 0
    ]  # fmt: skip
    exposure_s = stack.facts.exposure_s
    if not zeros or track.flux_e <= 0 or exposure_s <= 0:
        return None, 0.0
    first = stack.frames[0].solution
    sigma_zero = first.sigma_zeropoint_mag or 0.0
    rate_e_s = track.flux_e / (stack.flux_ratio * exposure_s)
    return float(np.median(zeros)) - 2.5 * math.log10(rate_e_s), math.hypot(1.0857 / track.snr, sigma_zero)
