"""Numbers with error bars of objects that are no points: the middle of their light in every frame."""

import math

import numpy as np

from sensorproc.config import Measure
from sensorproc.flags import DetectionFlag
from sensorproc.onboard.false_alarms import LOWEST_LOG10
from sensorproc.onboard.measurement import common_flags, fold_angle, mean_magnitude, on_sky, united_flags
from sensorproc.onboard.patches.find import Patch
from sensorproc.onboard.patches.link import BrightTrack
from sensorproc.onboard.products import Measurement, Residual, Tracklet
from sensorproc.onboard.stack import Stack


def bright_tracklet(frames: Stack, track: BrightTrack, config: Measure) -> Tracklet:
    """A tracklet of a bright object; magnitudes of saturated ones are upper limits of brightness lost, flagged so."""
    x, y, vx, vy = (float(v) for v in track.line.motion)
    scale2, trails = max(track.line.chi2, 1.0), frames.trails(vx, vy)
    members = tuple(
        _member(residual, patch, trails[k], scale2, config.position_floor_px)
        for k, (residual, patch) in enumerate(zip(frames.frames, track.patches, strict=True))
        if patch is not None
    )
    raw = frames.reference.solved.registered.flattened.calibrated.frame
    mag, sigma_mag = mean_magnitude(members)
    floor2 = config.position_floor_px**2 / len(members)
    spread = float(((frames.times - frames.times.mean()) ** 2).mean())
    cov = scale2 * track.line.cov + floor2 * np.diag([1.0, 1.0, 1.0 / spread, 1.0 / spread])
    snr = math.sqrt(sum(m.snr**2 for m in members))
    return Tracklet(
        raw.detector,
        raw.index,
        x,
        y,
        vx,
        vy,
        cov,
        snr,
        LOWEST_LOG10,  # of thousands of electrons in a patch nothing is by chance
        track.line.chi2,
        mag,
        sigma_mag,
        united_flags(members),
        "bright",
        members,
    )


def _member(residual: Residual, patch: Patch, trail: np.ndarray, scale2: float, floor_px: float) -> Measurement:
    flags = common_flags(residual)
    flags |= DetectionFlag.SATURATED if patch.is_saturated else 0
    flags |= DetectionFlag.EXTENDED if patch.is_resolved else 0
    ny, nx = residual.image_e.shape
    inside = patch.half_x < patch.x < nx - 1 - patch.half_x and patch.half_y < patch.y < ny - 1 - patch.half_y
    flags |= 0 if inside else DetectionFlag.EDGE
    (xx, yy), floor2 = patch.variance, floor_px**2 + residual.solved.registered.rms_px**2
    cov = scale2 * xx + floor2, 0.0, scale2 * yy + floor2
    numbers = patch.flux_e, patch.sigma_flux_e, patch.flux_e / patch.sigma_flux_e, LOWEST_LOG10
    length, cos, sin = (float(v) for v in trail)
    return on_sky(
        residual,
        patch.x,
        patch.y,
        cov,
        *numbers,
        False,
        length,
        fold_angle(math.atan2(sin, cos)) if length > 0 else 0.0,
        int(flags),
    )
