"""A measured place on the detector as a measurement: flags, direction on the sky and magnitude, with their errors."""

import math
from collections.abc import Sequence

import numpy as np

from sensorproc.conventions import ARCSEC_PER_RAD
from sensorproc.flags import DetectionFlag
from sensorproc.geometry import attitude_terms
from sensorproc.onboard.products import Measurement, Residual


def fold_angle(angle: float) -> float:
    """Angle of an undirected line in (-pi/2, pi/2]."""
    folded = math.remainder(angle, math.pi)
    return folded if folded > -math.pi / 2 else folded + math.pi


def on_sky(
    residual: Residual, x: float, y: float, cov: tuple[float, float, float], flux: float, sigma_flux: float, snr: float,
    log10_pfa: float, is_streak: bool, length: float, angle: float, flags: int,
) -> Measurement:  # fmt: skip
    """Attach sky position and magnitude of the frame's solution. Errors in right ascension are on the sky."""
    solved = residual.solved
    raw = solved.registered.flattened.calibrated.frame
    ra = dec = mag = None
    sigma_ra = sigma_dec = sigma_mag = 0.0
    if solved.camera is not None:
        ra, dec = (float(v) for v in solved.camera.radec(np.float64(x), np.float64(y)))
        sigma_ra, sigma_dec = sky_sigmas(residual, x, y, cov)
    if solved.zeropoint_mag is not None and raw.exposure_s > 0 and flux > 0:
        mag = solved.zeropoint_mag - 2.5 * math.log10(flux / raw.exposure_s)
        sigma_mag = math.hypot(1.0857 * sigma_flux / flux, solved.sigma_zeropoint_mag or 0.0)
    if mag is None:
        flags |= DetectionFlag.NO_PHOTOMETRY
    return Measurement(
        raw.index, raw.detector, raw.t_mid_tai_ns, x, y, cov, flux, sigma_flux, snr, log10_pfa, is_streak, length, angle,
        flags, ra, dec, sigma_ra, sigma_dec, mag, sigma_mag,
    )  # fmt: skip


def sky_sigmas(residual: Residual, x: float, y: float, cov: tuple[float, float, float]) -> tuple[float, float]:
    """One-sigma errors east and north [arcsec]: the centroid's, and the solution's own."""
    solved = residual.solved
    camera = solved.camera
    assert camera is not None
    xs, ys = np.array([x, x + 1.0, x]), np.array([y, y, y + 1.0])
    ra, dec = camera.radec(xs, ys)
    east = np.mod(ra[1:] - ra[0] + math.pi, 2 * math.pi) - math.pi
    rows = np.array([east * math.cos(float(dec[0])), dec[1:] - dec[0]]) * ARCSEC_PER_RAD
    place = np.array([camera.parity * (x - camera.x0_px)]), np.array([y - camera.y0_px])
    moved = attitude_terms(*place)[0] * np.array([[camera.parity], [1.0]])  # pixels that the solution's errors move a place
    pixel = np.array([[cov[0], cov[1]], [cov[1], cov[2]]]) + np.einsum("ia,ab,jb->ij", moved, solved.cov, moved)
    sky = np.einsum("ij,jk,lk->il", rows, pixel, rows)
    return math.sqrt(float(sky[0, 0])), math.sqrt(float(sky[1, 1]))


def united_flags(members: Sequence[Measurement]) -> int:
    """Flags of any member, but that it was not seen in one frame, or had no light for a magnitude there."""
    flags = 0
    for m in members:
        flags |= m.flags & ~int(DetectionFlag.NOT_SEEN)
    return flags & ~int(DetectionFlag.NO_PHOTOMETRY) if any(m.mag is not None for m in members) else flags


def mean_magnitude(members: Sequence[Measurement]) -> tuple[float | None, float]:
    """Mean of the members' magnitudes and of their sigmas, of those that have one."""
    known = [(m.mag, m.sigma_mag) for m in members if m.mag is not None]
    if not known:
        return None, 0.0
    mag, sigma_mag = (float(np.mean(column)) for column in zip(*known, strict=True))
    return mag, sigma_mag


def common_flags(residual: Residual) -> int:
    """Flags that every detection of a frame has."""
    solved = residual.solved
    flags = 0
    if solved.camera is None:
        flags |= DetectionFlag.NO_SKY
    elif not solved.is_star_solution:
        flags |= DetectionFlag.POINTING_PRIOR
    if solved.zeropoint_mag is None:
        flags |= DetectionFlag.NO_PHOTOMETRY
    if not solved.registered.flattened.calibrated.is_gain_known:
        flags |= DetectionFlag.UNCALIBRATED_GAIN
    if not solved.registered.flattened.calibrated.frame.has_time:
        flags |= DetectionFlag.NO_TIME
    return int(flags)
