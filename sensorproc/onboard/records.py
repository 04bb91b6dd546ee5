"""Products to records: the last stage on board. Everything the ground will ever know leaves here."""

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from sensorproc.conventions import ARCSEC_PER_RAD, FWHM_PER_SIGMA
from sensorproc.downlink.dictionary import ORIGINS, Apid, FrameStatus, Severity, reason_code
from sensorproc.downlink.records import BENDS, FRAME, NO_SET, RECORDS, RELEASE_ID, TRACKLET
from sensorproc.events import Event
from sensorproc.flags import DetectionFlag
from sensorproc.frames import Frame, Rejection
from sensorproc.geometry import BEND_DEGREES, N_BEND, Camera, quaternion, to_binned_px
from sensorproc.onboard.products import FrameFacts, Measurement, Processed, Residual, Tracklet
from sensorproc.timescales import NS_PER_S

Values = dict[str, Any]  # of a record, by field
Rows = dict[int, list[Values]]  # of a set's records, by APID
# Fields that change with the width of a pixel in another way than lengths do: places, products of two lengths, and, with its
# power, what goes down with it.
PLACES = frozenset(("x_px", "y_px", "x0_px", "y0_px"))
COVARIANCES = frozenset(name for name in TRACKLET.names if name.startswith("cov_"))
PER_PIXEL = {"ifov_rad": 1, "noise_e": 1, "background_e": 2}
NO_TRACKLET = -1  # The tracklet id of a detection that belongs to none.


@dataclass(frozen=True)
class TakenSet:
    """What is known of a set from its taking: its number, its frames offered, the level of overload at which it was searched, and
    the error of the payload's clock [s], 0 where it is not known."""

    set_id: int
    first_frame: int
    n_frames: int
    degraded: int = 0
    sigma_time_s: float = 0.0


NOT_TAKEN = TakenSet(NO_SET, 0, 0)  # closes a downlink without any set


def set_values(processed: Processed, inputs: bytes, config_digest: bytes, taken: TakenSet) -> Values:
    """Fields of the SET record, but the marking and what the formatter counts. ``inputs`` is :func:`input_digest`."""
    return {
        "set_id": taken.set_id,
        "first_frame": taken.first_frame,
        "n_frames": taken.n_frames,
        "degraded": taken.degraded,
        "sigma_time_s": taken.sigma_time_s,
        "detector": processed.detector,
        "state_digest": int.from_bytes(processed.state_digest, "big"),
        "config_digest": int.from_bytes(config_digest, "big"),
        "input_digest": int.from_bytes(inputs[:8], "big"),
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
        "calibration_loss_db": processed.calibration_loss_db,
    }


def set_rows(processed: Processed, frames: Sequence[Frame], last_ns: int, objects: Sequence[int]) -> Rows:
    """Values of a set's records by APID, most urgent first in each; tracklets are counted from 0.

    ``frames`` are those that reached the payload, ``last_ns`` is the latest mid-exposure of the set, ``objects`` the numbers of
    those that the tracklets are of. Of frames whose pixels were summed they are told in pixels of the detector: see
    :func:`in_detector_px`.
    """
    binning = frames[0].binning if frames else 1
    done = {residual.facts.index for residual in processed.residuals}
    events = [event_values(Event.of(_of_detector(rejection, binning))) for rejection in processed.rejections]
    first = min((frame.index for frame in frames), default=0)
    if processed.n_null:
        numbers = processed.threshold_snr, float(processed.n_null)
        raised = Event("THRESHOLD_RAISED", Severity.ACTIVITY_HI, last_ns, numbers, first, processed.detector)
        events.append(event_values(raised))
    for one in processed.artefacts:
        place = to_binned_px(one.x_px, 1.0 / binning), to_binned_px(one.y_px, 1.0 / binning)
        told = Event(one.reason, Severity.WARNING_LO, last_ns, place, first, processed.detector)
        events.append(event_values(told))
    numbered = sorted(enumerate(processed.tracklets), key=lambda pair: pair[1].log10_pfa)
    members = [detection_values(m, i) for i, t in numbered for m in t.members]
    rows = {
        int(Apid.EVENT): events,
        int(Apid.TRACKLET): [tracklet_values(t, i, objects[i]) for i, t in numbered],
        int(Apid.DETECTION): members + [detection_values(m, NO_TRACKLET) for m in processed.streaks],
        int(Apid.FRAME): [frame_values(residual) for residual in processed.residuals]
        + [rejected_frame_values(frame) for frame in frames if frame.index not in done],
    }
    return in_detector_px(rows, binning)


def in_detector_px(rows: Rows, binning: int) -> Rows:
    """The same rows of frames whose pixels were summed ``binning`` x ``binning``: places, lengths, rates and their errors in
    pixels of the detector, background and noise those of one of them. A frame that its groups do not divide is told as large as
    these."""
    if binning == 1:
        return rows
    return {apid: [_in_detector_px(Apid(apid), values, binning) for values in of_kind] for apid, of_kind in rows.items()}


def _in_detector_px(apid: Apid, values: Values, n: int) -> Values:
    out = dict(values)
    for field in RECORDS[apid].fields:
        if field.name == RELEASE_ID:
            continue
        name, value = field.name, values[field.name]
        if name in BENDS:
            out[name] = value / n ** (BEND_DEGREES[BENDS.index(name)] - 1)
        elif name in PLACES and values.get("parity", 1):  # A frame whose pointing is not known has no boresight.
            out[name] = to_binned_px(value, 1.0 / n)
        elif name in PER_PIXEL:
            out[name] = value / n ** PER_PIXEL[name]
        elif name in COVARIANCES or field.unit in ("px", "px/frame"):
            out[name] = value * (n * n if name in COVARIANCES else n)
    return out


def _of_detector(rejection: Rejection, n: int) -> Rejection:
    """A rejection whose lengths, by the names of its numbers, are in pixels of the detector."""
    numbers = tuple((name, n * value if name.endswith("_px") else value) for name, value in rejection.numbers)
    return replace(rejection, numbers=numbers)


def packed(rows: Rows, first_id: int) -> dict[int, list[bytes]]:
    """Records of a set by APID; its tracklets are counted from ``first_id``."""
    return {
        apid: [RECORDS[Apid(apid)].pack(_unmarked(Apid(apid), _numbered(values, first_id))) for values in of_kind]
        for apid, of_kind in rows.items()
    }


def _numbered(values: Values, first_id: int) -> Values:
    known = values.get("tracklet_id", NO_TRACKLET)
    return values if known == NO_TRACKLET else values | {"tracklet_id": known + first_id}


def _unmarked(apid: Apid, values: Values) -> Values:
    """With what the formatter sets."""
    return values | {RELEASE_ID: 0} if RELEASE_ID in RECORDS[apid].names else values


def moved(rows: Rows, d_frame: int, d_ns: int) -> Rows:
    """The same rows of frames that come ``d_frame`` numbers and ``d_ns`` later."""
    later = dict.fromkeys(("frame", "epoch_frame", "first_frame", "last_frame"), d_frame) | {"t_mid_tai_ns": d_ns}
    return {
        apid: [values | {name: values[name] + by for name, by in later.items() if name in values} for values in of_kind]
        for apid, of_kind in rows.items()
    }


def without_frames(rows: Rows, lost: Sequence[Rejection]) -> Rows:
    """The rows less those of frames that were lost, which are told as events."""
    gone = {rejection.frame_index for rejection in lost}
    left = {
        int(apid): [values for values in rows[int(apid)] if values["frame"] not in gone] for apid in (Apid.FRAME, Apid.DETECTION)
    }
    events = [*rows[int(Apid.EVENT)], *(event_values(Event.of(rejection)) for rejection in lost)]
    return rows | left | {int(Apid.EVENT): events}


def input_digest(frames: Sequence[Frame]) -> bytes:
    """SHA-256 over the pixels of a set (32 bytes)."""
    return hashlib.sha256(b"".join(hashlib.sha256(f.data_dn.tobytes()).digest() for f in frames)).digest()


def frame_values(residual: Residual) -> Values:
    """A processed frame."""
    solution, registration, facts = residual.solution, residual.registration, residual.facts
    status = FrameStatus.PROCESSED | _raw_status(facts)
    if solution.camera is not None:
        status |= FrameStatus.HAS_SKY
    if solution.is_star_solution:
        status |= FrameStatus.STAR_SOLUTION
    if solution.zeropoint_mag is not None:
        status |= FrameStatus.HAS_ZERO_POINT
    values = _header_values(facts, status)
    values |= camera_values(solution.camera)
    values |= {
        **turn_values(solution.turn_cov),
        "sigma_scale": math.sqrt(solution.cov[3, 3]),
        "n_stars": len(registration.stars),
        "n_registered": registration.n_matched,
        "registration_rms_px": registration.rms_px,
        "unsolved": reason_code(solution.reason or "NONE"),
        "n_solved": solution.n_matched,
        "solution_rms_px": solution.rms_px,
        "zeropoint_mag": solution.zeropoint_mag or 0.0,
        "sigma_zeropoint_mag": solution.sigma_zeropoint_mag or 0.0,
        "background_e": facts.background_e,
        "noise_e": facts.noise_e,
        "n_outliers": residual.n_outliers,
        "psf_fwhm_px": registration.psf_sigma_px * FWHM_PER_SIGMA,
        "trail_x_px": registration.trail.dx_px,
        "trail_y_px": registration.trail.dy_px,
    }
    return values


def rejected_frame_values(frame: Frame) -> Values:
    """A frame that could not be used: its header facts, and no PROCESSED bit."""
    facts = FrameFacts.of(frame)
    values = _header_values(facts, _raw_status(facts)) | camera_values(facts.camera)
    return {f.name: values.get(f.name, 0) for f in FRAME.fields}


def _raw_status(frame: FrameFacts) -> FrameStatus:
    known = [
        (frame.camera is not None, FrameStatus.HAS_SKY),
        (frame.observer is not None, FrameStatus.HAS_OBSERVER),
        (frame.is_gain_known, FrameStatus.GAIN_KNOWN),
        (frame.has_time, FrameStatus.HAS_TIME),
    ]
    status = FrameStatus(0)
    for is_known, bit in known:
        status |= bit if is_known else FrameStatus(0)
    return status


def _header_values(frame: FrameFacts, status: FrameStatus) -> Values:
    state = frame.observer
    position = state.position_km if state else (0.0, 0.0, 0.0)
    velocity = state.velocity_km_s if state else (0.0, 0.0, 0.0)
    values: Values = {
        "frame": frame.index,
        "detector": frame.detector,
        "t_mid_tai_ns": frame.t_mid_tai_ns,
        "exposure_ns": round(frame.exposure_s * NS_PER_S),
        "status": int(status),
        "nx": frame.shape[1],
        "ny": frame.shape[0],
    }
    values |= {f"pos_{a}_km": p for a, p in zip("xyz", position, strict=True)}
    return values | {f"vel_{a}_km_s": v for a, v in zip("xyz", velocity, strict=True)}


def camera_values(camera: Camera | None) -> Values:
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


def turn_values(cov: np.ndarray) -> Values:
    """Fields of a FRAME record that hold the attitude's covariance (3, 3) [rad^2]."""
    sigma = np.sqrt(np.diag(cov))
    corr = cov / np.maximum(np.outer(sigma, sigma), 1e-30)
    values: Values = {f"sigma_turn_{a}_arcsec": float(v) * ARCSEC_PER_RAD for a, v in zip("xyz", sigma, strict=True)}
    return values | {f"corr_turn_{a}{b}": float(corr["xyz".index(a), "xyz".index(b)]) for a, b in ("xy", "xz", "yz")}


def detection_values(m: Measurement, tracklet_id: int) -> Values:
    """One object in one frame."""
    xx, xy, yy = m.cov_px2
    return {
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


def tracklet_values(t: Tracklet, tracklet_id: int, object_id: int) -> Values:
    """One object over the set."""
    axes = "xyuv"
    cov = {f"cov_{axes[i]}{axes[j]}": float(t.cov[i, j]) for i in range(4) for j in range(i, 4)}
    return {
        "tracklet_id": tracklet_id,
        "object_id": object_id,
        "detector": t.detector,
        "epoch_frame": t.epoch_frame,
        "first_frame": t.members[0].frame_index,
        "last_frame": t.members[-1].frame_index,
        "n_frames": sum(not m.flags & DetectionFlag.NOT_SEEN for m in t.members),
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


def event_values(event: Event) -> Values:
    """Something the ground is told of. An event of no frame is told with frame 0 of detector 0."""
    first, second = ([*event.numbers] + [0.0, 0.0])[:2]
    return {
        "frame": event.frame or 0,
        "detector": event.detector or 0,
        "t_mid_tai_ns": event.t_tai_ns,
        "severity": int(event.severity),
        "reason": reason_code(event.reason),
        "value_1": float(np.clip(first, -1e30, 1e30)),
        "value_2": float(np.clip(second, -1e30, 1e30)),
    }
