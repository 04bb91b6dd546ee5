"""Numbers with error bars of objects that are no points: the middle of their light in every frame."""

import math

import numpy as np

from sensorproc.config import Measure
from sensorproc.flags import DetectionFlag
from sensorproc.onboard.false_alarms import LOWEST_LOG10
from sensorproc.onboard.patches.find import Patch
from sensorproc.onboard.patches.link import BrightTrack
from sensorproc.onboard.products import Measurement, PixelMeasurement, Residual, Tracklet
from sensorproc.onboard.sky_measurement import common_flags, fold_angle, mean_magnitude, on_sky, united_flags
from sensorproc.onboard.stack import Stack


def bright_tracklet(stack: Stack, track: BrightTrack, config: Measure) -> Tracklet:
    """A tracklet of a bright object; magnitudes of saturated ones are upper limits of brightness lost, flagged so."""
    x, y, vx, vy = (float(v) for v in track.line.motion)
    scale2, trails = max(track.line.chi2, 1.0), stack.trails(vx, vy)
    members = tuple(
        _member(residual, patch, trails[k], scale2, config.position_floor_px)
        for k, (residual, patch) in enumerate(zip(stack.frames, track.patches, strict=True))
        if patch is not None
    )
    epoch = stack.reference.facts
    mag, sigma_mag = mean_magnitude(members)
    floor2 = config.position_floor_px**2 / len(members)
    spread = float(((stack.times - stack.times.mean()) ** 2).mean())
    cov = scale2 * track.line.cov + floor2 * np.diag([1.0, 1.0, 1.0 / spread, 1.0 / spread])
    snr = math.sqrt(sum(m.snr**2 for m in members))
    return Tracklet(
        detector=epoch.detector,
        epoch_frame=epoch.index,
        x_px=x,
        y_px=y,
        vx_px_frame=vx,
        vy_px_frame=vy,
        cov=cov,
        snr=snr,
        log10_pfa=LOWEST_LOG10,  # of thousands of electrons in a patch nothing is by chance
        chi2_per_dof=track.line.chi2,
        mag=mag,
        sigma_mag=sigma_mag,
        flags=united_flags(members),
        origin="bright",
        members=members,
    )


def _member(residual: Residual, patch: Patch, trail: np.ndarray, scale2: float, floor_px: float) -> Measurement:
    flags = common_flags(residual)
    flags |= DetectionFlag.SATURATED if patch.is_saturated else 0
    flags |= DetectionFlag.EXTENDED if patch.is_resolved else 0
    ny, nx = residual.image_e.shape
    inside = patch.half_x < patch.x < nx - 1 - patch.half_x and patch.half_y < patch.y < ny - 1 - patch.half_y
    flags |= 0 if inside else DetectionFlag.EDGE
    (xx, yy), floor2 = patch.variance, floor_px**2 + residual.registration.rms_px**2
    cov = scale2 * xx + floor2, 0.0, scale2 * yy + floor2
    length, cos, sin = (float(v) for v in trail)
    angle = fold_angle(math.atan2(sin, cos)) if length > 0 else 0.0
    pixel = PixelMeasurement(
        patch.x, patch.y, cov, patch.flux_e, patch.sigma_flux_e, patch.flux_e / patch.sigma_flux_e, LOWEST_LOG10, False, length,
        angle, int(flags),
    )  # fmt: skip
    return on_sky(residual, pixel)
