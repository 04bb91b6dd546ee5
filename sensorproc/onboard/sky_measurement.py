"""A measured place on the detector as a measurement: flags, direction on the sky and magnitude, with their errors."""

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from sensorproc.conventions import ARCSEC_PER_RAD
from sensorproc.flags import DetectionFlag
from sensorproc.geometry import attitude_terms
from sensorproc.onboard.products import Measurement, PixelMeasurement, Residual, Solution


def fold_angle(angle: float) -> float:
    """Angle of an undirected line in (-pi/2, pi/2]."""
    folded = math.remainder(angle, math.pi)
    return folded if folded > -math.pi / 2 else folded + math.pi


def on_sky(residual: Residual, pixel: PixelMeasurement) -> Measurement:
    """The measurement with the direction and magnitude that the frame's solution gives it, its flux that of the frame's own
    light, with what is far from its point."""
    solution, facts, registration = residual.solution, residual.facts, residual.registration
    whole = facts.flux_scale / (1.0 - registration.far_light)
    pixel = replace(pixel, flux_e=whole * pixel.flux_e, sigma_flux_e=whole * pixel.sigma_flux_e)
    ra = dec = mag = None
    sigma_ra = sigma_dec = sigma_mag = 0.0
    if solution.camera is not None:
        ra, dec = (float(v) for v in solution.camera.radec(np.float64(pixel.x_px), np.float64(pixel.y_px)))
        sigma_ra, sigma_dec = sky_sigmas(solution, pixel)
    if solution.zeropoint_mag is not None and facts.exposure_s > 0 and pixel.flux_e > 0:
        mag = solution.zeropoint_mag - 2.5 * math.log10(pixel.flux_e / facts.exposure_s)
        sigma_mag = math.hypot(1.0857 * pixel.sigma_flux_e / pixel.flux_e, solution.sigma_zeropoint_mag or 0.0)
    # stars and objects have the same far light: its error is in no magnitude
    pixel = replace(pixel, sigma_flux_e=math.hypot(pixel.sigma_flux_e, registration.sigma_far_light * pixel.flux_e))
    known = vars(pixel) | {"flags": pixel.flags | (int(DetectionFlag.NO_PHOTOMETRY) if mag is None else 0)}
    return Measurement(
        **known, frame_index=facts.index, detector=facts.detector, t_mid_tai_ns=facts.t_mid_tai_ns, ra_rad=ra, dec_rad=dec,
        sigma_ra_arcsec=sigma_ra, sigma_dec_arcsec=sigma_dec, mag=mag, sigma_mag=sigma_mag,
    )  # fmt: skip


def sky_sigmas(solution: Solution, pixel: PixelMeasurement) -> tuple[float, float]:
    """One-sigma errors east and north [arcsec]: the centroid's, and the solution's own."""
    camera, x, y, (xx, xy, yy) = solution.camera, pixel.x_px, pixel.y_px, pixel.cov_px2
    assert camera is not None
    xs, ys = np.array([x, x + 1.0, x]), np.array([y, y, y + 1.0])
    ra, dec = camera.radec(xs, ys)
    east = np.mod(ra[1:] - ra[0] + math.pi, 2 * math.pi) - math.pi
    rows = np.array([east * math.cos(float(dec[0])), dec[1:] - dec[0]]) * ARCSEC_PER_RAD
    place = np.array([camera.parity * (x - camera.x0_px)]), np.array([y - camera.y0_px])
    moved = attitude_terms(*place)[0] * np.array([[camera.parity], [1.0]])  # pixels that the solution's errors move a place
    cov = np.array([[xx, xy], [xy, yy]]) + np.einsum("ia,ab,jb->ij", moved, solution.cov, moved)
    sky = np.einsum("ij,jk,lk->il", rows, cov, rows)
    return math.sqrt(float(sky[0, 0])), math.sqrt(float(sky[1, 1]))


def united_flags(members: Sequence[Measurement]) -> int:
    """Flags of any member, but that it was not seen in one frame, or had no light for a magnitude there; what lies under it,
    stars and masked pixels, where it does in half of them."""
    flags = 0
    for m in members:
        flags |= m.flags & ~int(DetectionFlag.NOT_SEEN)
    for under in (DetectionFlag.BLEND, DetectionFlag.BAD_PIXELS):
        if 2 * sum(bool(m.flags & under) for m in members) < len(members):
            flags &= ~int(under)
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
    solution = residual.solution
    flags = 0
    if solution.camera is None:
        flags |= DetectionFlag.NO_SKY
    elif not solution.is_star_solution:
        flags |= DetectionFlag.POINTING_PRIOR
    if solution.zeropoint_mag is None:
        flags |= DetectionFlag.NO_PHOTOMETRY
    if not residual.facts.is_gain_known:
        flags |= DetectionFlag.UNCALIBRATED_GAIN
    if not residual.facts.has_time:
        flags |= DetectionFlag.NO_TIME
    return int(flags)
