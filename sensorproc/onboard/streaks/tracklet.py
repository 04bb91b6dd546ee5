"""Numbers with error bars of streaks: single ones, and tracklets of those linked over frames."""

import math

import numpy as np

from sensorproc.config import Measure, Streaks
from sensorproc.flags import DetectionFlag
from sensorproc.onboard.false_alarms import LOWEST_LOG10, FalseAlarms
from sensorproc.onboard.products import Measurement, PixelMeasurement, Residual, Tracklet
from sensorproc.onboard.sky_measurement import common_flags, fold_angle, mean_magnitude, on_sky, united_flags
from sensorproc.onboard.stack import Stack
from sensorproc.onboard.streaks.fit import Streak
from sensorproc.onboard.streaks.line_search import curvatures
from sensorproc.onboard.streaks.link import Member, StreakTrack, is_cut


def streak_false_alarms(stack: Stack, config: Streaks) -> FalseAlarms:
    """Streaks expected by chance in one frame of a set, by theory."""
    return FalseAlarms(curvatures(stack.image_e.shape[1:], stack.psf_sigma_px, config), 0.0)


def streak_measurement(residual: Residual, streak: Streak, false: FalseAlarms, floor_px: float) -> Measurement:
    """A single-frame streak with the errors of its fit, its own photons' and the floor of positions.

    Mid-exposure of one cut by the detector's edge is somewhere beyond: half its visible length is added to the error along it.
    """
    cut = _is_cut(residual, streak)
    cos, sin = streak.direction
    unseen = (0.5 * streak.length_px) ** 2 * np.outer([cos, sin], [cos, sin]) if cut else np.zeros((2, 2))
    flags = int(DetectionFlag.STREAK | DetectionFlag.SINGLE_FRAME) | (int(DetectionFlag.EDGE) if cut else 0)
    return _measured(residual, streak, np.array(streak.middle), streak.cov[:2, :2] + unseen, false, floor_px, flags)


def streak_tracklet(stack: Stack, track: StreakTrack, false: FalseAlarms, config: Measure) -> Tracklet:
    """A tracklet of linked streaks. Its false-alarm rate is the product of theirs: that they match is not counted."""
    scale2, floor_px = max(track.line.chi2, 1.0), config.position_floor_px
    members = tuple(_member(stack, m, scale2, false, floor_px) for m in track.members)
    whole = [m for m in members if not m.flags & DetectionFlag.EDGE] or list(members)
    weight = np.array([m.sigma_flux_e**-2 for m in whole])
    fluxes = np.array([m.flux_e for m in whole])
    flux = float((weight * fluxes).sum() / weight.sum())
    chi2 = float((weight * (fluxes - flux) ** 2).sum()) / max(len(whole) - 1, 1)
    mag, sigma_mag = mean_magnitude(whole)
    epoch = stack.reference.facts
    x, y, vx, vy = (float(v) for v in track.line.motion)
    return Tracklet(
        detector=epoch.detector,
        epoch_frame=epoch.index,
        x_px=x,
        y_px=y,
        vx_px_frame=vx,
        vy_px_frame=vy,
        cov=scale2 * track.line.cov + floor_px**2 / len(members) * np.eye(4),
        snr=math.sqrt(sum(m.snr**2 for m in members)),
        log10_pfa=max(sum(m.log10_pfa for m in members), LOWEST_LOG10),
        chi2_per_dof=chi2,
        mag=mag,
        sigma_mag=sigma_mag,
        flags=united_flags(members),
        origin="streaks",
        members=members,
    )


def _member(stack: Stack, member: Member, scale2: float, false: FalseAlarms, floor_px: float) -> Measurement:
    residual = stack.frames[member.frame]
    flags = int(DetectionFlag.STREAK) | (int(DetectionFlag.EDGE) if _is_cut(residual, member.streak) else 0)
    return _measured(residual, member.streak, member.place, scale2 * member.cov, false, floor_px, flags)


def _measured(
    residual: Residual, streak: Streak, place: np.ndarray, cov: np.ndarray, false: FalseAlarms, floor_px: float, flags: int
) -> Measurement:
    s, share = residual.registration.psf_sigma_px, residual.registration.flux_ratio
    flux, photons = streak.flux_e / share, max(streak.flux_e, 1.0)
    cos, sin = streak.direction
    # photons place a trail across by the PSF, along by its length
    along2, across2 = streak.length_px**2 / (12.0 * photons), s * s / photons
    shot = along2 * np.outer([cos, sin], [cos, sin]) + across2 * np.outer([-sin, cos], [-sin, cos])
    (xx, xy), (_, yy) = cov + shot + np.eye(2) * floor_px**2
    sigma_flux = math.sqrt(streak.cov[4, 4] + photons) / share
    pixel = PixelMeasurement(
        float(place[0]), float(place[1]), (float(xx), float(xy), float(yy)), flux, sigma_flux, streak.snr,
        false.log10(streak.snr), True, streak.length_px, fold_angle(math.atan2(sin, cos)), flags | common_flags(residual),
    )  # fmt: skip
    return on_sky(residual, pixel)


def _is_cut(residual: Residual, streak: Streak) -> bool:
    ny, nx = residual.image_e.shape
    return bool(is_cut(streak, (ny, nx), residual.registration.psf_sigma_px).any())
