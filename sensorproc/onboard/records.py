"""Products to records: the last stage on board. Everything the ground will ever know leaves here."""

import hashlib
import math
from collections.abc import Sequence

import numpy as np

from sensorproc.conventions import ARCSEC_PER_RAD, FWHM_PER_SIGMA
from sensorproc.downlink.dictionary import ORIGINS, Apid, FrameStatus, Severity, reason_code
from sensorproc.downlink.records import DETECTION, EVENT, FRAME, TRACKLET
from sensorproc.frames import Frame, Rejection
from sensorproc.geometry import N_BEND, Camera, quaternion
from sensorproc.onboard.products import Measurement, Processed, Residual, Tracklet
from sensorproc.timescales import NS_PER_S

BENDS = tuple(f"bend_{k:02d}" for k in range(N_BEND))


def set_records(processed: Processed, frames: Sequence[Frame], first_id: int, last_ns: int) -> dict[int, list[bytes]]:
    """Records of a set by APID, most urgent first in each.

    ``frames`` are those that reached the payload, ``first_id`` the number of its first tracklet, ``last_ns`` the
    latest mid-exposure of the set.
    """
    done = {r.solved.registered.flattened.calibrated.frame.index for r in processed.residuals}
    events = [event_record(rejection) for rejection in processed.rejections]
    if processed.n_null:
        first = min((frame.index for frame in frames), default=0)
        numbers = (("threshold", processed.threshold_snr), ("n_null", float(processed.n_null)))
        raised = Rejection(first, processed.detector, last_ns, "THRESHOLD_RAISED", numbers)
        events.append(event_record(raised, Severity.ACTIVITY_HI))
    numbered = sorted(enumerate(processed.tracklets, first_id), key=lambda pair: pair[1].log10_pfa)
    members = [detection_record(m, i) for i, t in numbered for m in t.members]
    return {
        int(Apid.EVENT): events,
        int(Apid.TRACKLET): [tracklet_record(t, i) for i, t in numbered],
        int(Apid.DETECTION): members + [detection_record(m, -1) for m in processed.streaks],
        int(Apid.FRAME): [frame_record(r) for r in processed.residuals]
        + [rejected_frame_record(f) for f in frames if f.index not in done],
    }


def set_housekeeping(processed: Processed, input_digest: bytes, config_digest: bytes) -> dict[str, object]:
    """What the SET record says of the processing itself."""
    return {
        "detector": processed.detector,
        "state_digest": int.from_bytes(processed.state_digest, "big"),
        "config_digest": int.from_bytes(config_digest, "big"),
        "input_digest": int.from_bytes(input_digest[:8], "big"),
        "n_processed": len(processed.residuals),
        "threshold_snr": processed.threshold_snr,
        "expected_false_alarms": processed.expected_false_alarms,
        "n_null": processed.n_null,
        "false_alarm_excess": processed.excess,
        "null_found": processed.null_found,
        "null_expected": processed.null_expected,
        "n_velocities": processed.n_velocities,
        "n_candidates": processed.n_candidates,
        "n_tracklets": len(processed.tracklets),
        "n_streaks": len(processed.streaks),
        "exposure_bias_s": processed.exposure_bias_s[0],
        "sigma_exposure_bias_s": processed.exposure_bias_s[1],
        "degraded": 0,
        "sigma_time_s": 0.0,
    }


def input_digest(frames: Sequence[Frame]) -> bytes:
    """SHA-256 over the pixels of a set (32 bytes)."""
    return hashlib.sha256(b"".join(hashlib.sha256(f.data_dn.tobytes()).digest() for f in frames)).digest()


def frame_record(residual: Residual) -> bytes:
    """A processed frame."""
    solved = residual.solved
    registered, raw = solved.registered, solved.registered.flattened.calibrated.frame
    status = FrameStatus.PROCESSED | _raw_status(raw)
    if solved.camera is not None:
        status |= FrameStatus.HAS_SKY
    if solved.is_star_solution:
        status |= FrameStatus.STAR_SOLUTION
    if solved.zeropoint_mag is not None:
        status |= FrameStatus.HAS_ZERO_POINT
    values = _frame_values(raw, status)
    values |= camera_values(solved.camera)
    values |= {
        **turn_values(solved.turn_cov),
        "sigma_scale": math.sqrt(solved.cov[3, 3]),
        "n_stars": len(registered.stars),
        "n_registered": registered.n_matched,
        "registration_rms_px": registered.rms_px,
        "unsolved": reason_code(solved.reason or "NONE"),
        "n_solved": solved.n_matched,
        "solution_rms_px": solved.rms_px,
        "zeropoint_mag": solved.zeropoint_mag or 0.0,
        "sigma_zeropoint_mag": solved.sigma_zeropoint_mag or 0.0,
        "background_e": registered.flattened.background_e,
        "noise_e": registered.flattened.noise_e,
        "n_outliers": residual.n_outliers,
        "psf_fwhm_px": registered.psf_sigma_px * FWHM_PER_SIGMA,
        "trail_x_px": registered.trail.dx_px,
        "trail_y_px": registered.trail.dy_px,
    }
    return FRAME.pack(values)


def rejected_frame_record(frame: Frame) -> bytes:
    """A frame that could not be used: its header facts, and no PROCESSED bit."""
    values = _frame_values(frame, _raw_status(frame)) | camera_values(frame.camera)
    return FRAME.pack({f.name: values.get(f.name, 0) for f in FRAME.fields})


def _raw_status(frame: Frame) -> FrameStatus:
    known = [
        (frame.camera is not None, FrameStatus.HAS_SKY),
        (frame.observer is not None, FrameStatus.HAS_OBSERVER),
        (frame.facts.gain_e_per_dn is not None, FrameStatus.GAIN_KNOWN),
        (frame.has_time, FrameStatus.HAS_TIME),
    ]
    status = FrameStatus(0)
    for is_known, bit in known:
        status |= bit if is_known else FrameStatus(0)
    return status


def _frame_values(frame: Frame, status: FrameStatus) -> dict[str, object]:
    state = frame.observer
    position = state.position_km if state else (0.0, 0.0, 0.0)
    velocity = state.velocity_km_s if state else (0.0, 0.0, 0.0)
    values: dict[str, object] = {
        "frame": frame.index,
        "detector": frame.detector,
        "t_mid_tai_ns": frame.t_mid_tai_ns,
        "exposure_ns": round(frame.exposure_s * NS_PER_S),
        "status": int(status),
        "nx": frame.data_dn.shape[1],
        "ny": frame.data_dn.shape[0],
    }
    values |= {f"pos_{a}_km": p for a, p in zip("xyz", position, strict=True)}
    return values | {f"vel_{a}_km_s": v for a, v in zip("xyz", velocity, strict=True)}


def camera_values(camera: Camera | None) -> dict[str, object]:
    """Fields of a FRAME record that hold the camera; zeros without one."""
    if camera is None:
        return dict.fromkeys(("q_w", "q_x", "q_y", "q_z", "ifov_rad", "x0_px", "y0_px", "parity", *BENDS), 0)
    q = quaternion(camera.dcm)
    return {
        **{f"q_{axis}": float(value) for axis, value in zip("wxyz", q, strict=True)},
        "ifov_rad": camera.ifov_rad,
        "x0_px": camera.x0_px,
        "y0_px": camera.y0_px,
        "parity": camera.parity,
        **dict(zip(BENDS, camera.distortion or (0.0,) * N_BEND, strict=True)),
    }


def turn_values(cov: np.ndarray) -> dict[str, object]:
    """Fields of a FRAME record that hold the attitude's covariance (3, 3) [rad^2]."""
    sigma = np.sqrt(np.diag(cov))
    corr = cov / np.maximum(np.outer(sigma, sigma), 1e-30)
    values: dict[str, object] = {f"sigma_turn_{a}_arcsec": float(v) * ARCSEC_PER_RAD for a, v in zip("xyz", sigma, strict=True)}
    return values | {f"corr_turn_{a}{b}": float(corr["xyz".index(a), "xyz".index(b)]) for a, b in ("xy", "xz", "yz")}


def detection_record(m: Measurement, tracklet_id: int) -> bytes:
    """One object in one frame."""
    xx, xy, yy = m.cov_px2
    return DETECTION.pack(
        {
            "frame": m.frame_index,
            "detector": m.detector,
            "t_mid_tai_ns": m.t_mid_tai_ns,
            "tracklet_id": tracklet_id,
            "x_px": m.x_px,
            "y_px": m.y_px,
            "sigma_x_px": math.sqrt(xx),
            "sigma_y_px": math.sqrt(yy),
            "corr_xy": xy / math.sqrt(xx * yy) if xx * yy > 0 else 0.0,
            "flux_e": m.flux_e,
            "sigma_flux_e": m.sigma_flux_e,
            "snr": m.snr,
            "log10_pfa": m.log10_pfa,
            "kind": int(m.is_streak),
            "length_px": m.length_px,
            "angle_deg": math.degrees(m.angle_rad),
            "ra_turn": (m.ra_rad or 0.0) / (2 * math.pi) % 1.0,
            "dec_turn": (m.dec_rad or 0.0) / (2 * math.pi),
            "sigma_ra_arcsec": m.sigma_ra_arcsec,
            "sigma_dec_arcsec": m.sigma_dec_arcsec,
            "mag": m.mag if m.mag is not None else 0.0,
            "sigma_mag": m.sigma_mag,
            "flags": m.flags,
        }
    )


def tracklet_record(t: Tracklet, tracklet_id: int) -> bytes:
    """One object over the set."""
    axes = "xyuv"
    cov = {f"cov_{axes[i]}{axes[j]}": float(t.cov[i, j]) for i in range(4) for j in range(i, 4)}
    return TRACKLET.pack(
        {
            "tracklet_id": tracklet_id,
            "detector": t.detector,
            "epoch_frame": t.epoch_frame,
            "first_frame": t.members[0].frame_index,
            "last_frame": t.members[-1].frame_index,
            "n_frames": len(t.members),
            "x_px": t.x_px,
            "y_px": t.y_px,
            "vx_px_frame": t.vx_px_frame,
            "vy_px_frame": t.vy_px_frame,
            **cov,
            "snr": t.snr,
            "log10_pfa": t.log10_pfa,
            "chi2_per_dof": min(t.chi2_per_dof, 1e30),
            "mag": t.mag if t.mag is not None else 0.0,
            "sigma_mag": t.sigma_mag,
            "flags": t.flags,
            "origin": ORIGINS.index(t.origin) if t.origin in ORIGINS else 0,
        }
    )


def event_record(rejection: Rejection, severity: Severity = Severity.WARNING_LO) -> bytes:
    """A frame that was rejected, or another thing the ground must be told of."""
    numbers = [value for _, value in rejection.numbers][:2] + [0.0, 0.0]
    return EVENT.pack(
        {
            "frame": rejection.frame_index,
            "detector": rejection.detector,
            "t_mid_tai_ns": rejection.t_mid_tai_ns,
            "severity": int(severity),
            "reason": reason_code(rejection.reason),
            "value_1": float(np.clip(numbers[0], -1e30, 1e30)),
            "value_2": float(np.clip(numbers[1], -1e30, 1e30)),
        }
    )
