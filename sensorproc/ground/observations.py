"""Records to rows: what the tables and the messages are written from. UTC begins here."""

import math
from typing import Any

import numpy as np

from sensorproc.conventions import FWHM_PER_SIGMA
from sensorproc.downlink.dictionary import NOT_OF_FRAMES, ORIGINS, REASONS, FrameStatus, Severity, reason_name
from sensorproc.downlink.records import NO_SET
from sensorproc.flags import DetectionFlag, names
from sensorproc.geometry import dcm_from_quaternion, radec_from_unit, tangent_axes
from sensorproc.ground.evidence import said_marking
from sensorproc.ground.gate import utc
from sensorproc.ground.reader import Downlink
from sensorproc.ground.sun import phase_angle_deg
from sensorproc.ground.table_columns import PROCESSED, UNTIMED
from sensorproc.theory import snr_streak

Row = dict[str, Any]
NAN = float("nan")
ATTITUDE = (
    *(f"q_{a}" for a in "wxyz"),
    *(f"sigma_turn_{a}_arcsec" for a in "xyz"),
    *(f"corr_turn_{ab}" for ab in ("xy", "xz", "yz")),
)
LIMIT_SNR = 5.0


def detections(downlink: Downlink) -> list[Row]:
    """One row per object per frame, by detector, frame, tracklet and place."""
    rows = [detection(record) for record in downlink.records["DETECTION"]]
    return sorted(rows, key=lambda r: (r["detector"], r["frame"], r["tracklet_id"] < 0, r["tracklet_id"], r["x_px"]))


def detection(record: Row) -> Row:
    """Row of one DETECTION record."""
    flags = record["flags"]
    has_sky, has_mag = not flags & DetectionFlag.NO_SKY, not flags & DetectionFlag.NO_PHOTOMETRY
    row = {key: record[key] for key in ("detector", "frame")}
    row["time_utc"] = UNTIMED if flags & DetectionFlag.NO_TIME else utc(record["t_mid_tai_ns"])
    for key in ("tracklet_id", "x_px", "y_px", "sigma_x_px", "sigma_y_px", "flux_e", "sigma_flux_e", "snr", "log10_pfa"):
        row[key] = record[key]
    row["kind"] = "streak" if record["kind"] else "point"
    row["length_px"], row["angle_deg"] = record["length_px"], record["angle_deg"]
    row["ra_deg"] = record["ra_turn"] * 360.0 if has_sky else NAN
    row["dec_deg"] = record["dec_turn"] * 360.0 if has_sky else NAN
    row["sigma_ra_arcsec"] = record["sigma_ra_arcsec"] if has_sky else NAN
    row["sigma_dec_arcsec"] = record["sigma_dec_arcsec"] if has_sky else NAN
    row["mag"] = record["mag"] if has_mag else NAN
    row["sigma_mag"] = record["sigma_mag"] if has_mag else NAN
    is_lit = has_sky and not flags & DetectionFlag.NO_TIME
    row["phase_deg"] = phase_angle_deg(row["ra_deg"], row["dec_deg"], record["t_mid_tai_ns"]) if is_lit else NAN
    row["flags"] = names(DetectionFlag, flags)
    return row


def tracklets(downlink: Downlink) -> list[Row]:
    """One row per tracklet."""
    rows = []
    for record in sorted(downlink.records["TRACKLET"], key=lambda r: r["tracklet_id"]):
        row = dict(record)
        if record["flags"] & DetectionFlag.NO_PHOTOMETRY:
            row["mag"] = row["sigma_mag"] = NAN
        row["flags"] = names(DetectionFlag, record["flags"])
        row["origin"] = ORIGINS[record["origin"]] if record["origin"] < len(ORIGINS) else "unknown"
        rows.append(row)
    return rows


def frames(downlink: Downlink) -> list[Row]:
    """One row per frame: attitude, stars, zero point, noise, status."""
    of_frames = [e for e in downlink.records["EVENT"] if e["reason"] < len(REASONS) and REASONS[e["reason"]] not in NOT_OF_FRAMES]
    reasons = {(e["detector"], e["frame"]): e["reason"] for e in of_frames}
    rows = []
    records = sorted(downlink.records["FRAME"], key=lambda r: (r["detector"], r["frame"]))
    for record, turn_arcsec_s in zip(records, _turns(records), strict=True):
        status = FrameStatus(record["status"])
        row = {"detector": record["detector"], "frame": record["frame"]}
        row["time_utc"] = utc(record["t_mid_tai_ns"]) if status & FrameStatus.HAS_TIME else UNTIMED
        row["exposure_s"] = record["exposure_ns"] * 1e-9 or NAN
        code = reasons.get((record["detector"], record["frame"]))
        reason = "reason not received" if code is None else reason_name(code)
        row["status"] = PROCESSED if status & FrameStatus.PROCESSED else f"rejected: {reason}"
        row["sky"] = "stars" if status & FrameStatus.STAR_SOLUTION else "header" if status & FrameStatus.HAS_SKY else "none"
        row["unsolved"] = reason_name(record["unsolved"]) if record["unsolved"] else ""
        row |= boresight(record, status) | {"turn_arcsec_s": turn_arcsec_s}
        for key in ("n_stars", "n_registered", "registration_rms_px", "n_solved", "solution_rms_px"):
            row[key] = record[key]
        has_zero = bool(status & FrameStatus.HAS_ZERO_POINT)
        row["zeropoint_mag"] = record["zeropoint_mag"] if has_zero else NAN
        row["sigma_zeropoint_mag"] = record["sigma_zeropoint_mag"] if has_zero else NAN
        row["limiting_mag"] = limiting_mag(record) if has_zero else NAN
        for key in ("background_e", "noise_e", "n_outliers", "psf_fwhm_px", "trail_x_px", "trail_y_px"):
            row[key] = record[key]
        rows.append(row)
    return rows


def _turns(records: list[Row]) -> list[float]:
    """How fast the camera turns [arcsec/s], from the attitudes of the frames before and after, or of one of them; NaN where those
    are not solved from stars."""
    found = []
    for k, record in enumerate(records):
        near = [r for r in records[max(k - 1, 0) : k + 2] if r["detector"] == record["detector"] and _is_solved(r)]
        first, last = (near[0], near[-1]) if near else (record, record)
        dt = (last["t_mid_tai_ns"] - first["t_mid_tai_ns"]) * 1e-9
        if dt <= 0.0 or not _is_solved(record):
            found.append(NAN)
            continue
        a, b = (np.array([r[f"q_{axis}"] for axis in "wxyz"]) for r in (first, last))
        half = math.asin(min(0.5 * min(float(np.sqrt(((a - b) ** 2).sum())), float(np.sqrt(((a + b) ** 2).sum()))), 1.0))
        found.append(math.degrees(4.0 * half) * 3600.0 / dt)
    return found


def _is_solved(record: Row) -> bool:
    return bool(record["status"] & FrameStatus.STAR_SOLUTION)


def limiting_mag(record: Row) -> float:
    """Magnitude of a star of SNR 5 in one frame, trailed as the stars are; NaN without an exposure time."""
    s, length = record["psf_fwhm_px"] / FWHM_PER_SIGMA, math.hypot(record["trail_x_px"], record["trail_y_px"])
    exposure_s = record["exposure_ns"] * 1e-9
    if not (s > 0 and exposure_s > 0 and record["noise_e"] > 0):
        return NAN
    flux_e = LIMIT_SNR / snr_streak(1.0, record["noise_e"], length, s)
    return float(record["zeropoint_mag"] - 2.5 * math.log10(flux_e / exposure_s))


def boresight(record: Row, status: FrameStatus) -> Row:
    """Right ascension, declination and roll [deg] of the camera, GCRS axes, and its attitude with errors; NaN where unknown."""
    if not status & FrameStatus.HAS_SKY:
        return dict.fromkeys(("ra_deg", "dec_deg", "roll_deg", "sigma_arcsec", "ifov_arcsec", *ATTITUDE), NAN)
    dcm = dcm_from_quaternion([record[f"q_{axis}"] for axis in "wxyz"])  # type: ignore[arg-type]
    ra, dec = (float(v) for v in radec_from_unit(dcm[:, 2]))
    east, north = (float((axis * dcm[:, 0]).sum()) for axis in tangent_axes(ra, dec))
    return {
        "ra_deg": math.degrees(ra),
        "dec_deg": math.degrees(dec),
        "roll_deg": math.degrees(math.atan2(north, east)),
        "sigma_arcsec": math.sqrt(0.5 * (record["sigma_turn_x_arcsec"] ** 2 + record["sigma_turn_y_arcsec"] ** 2)),
        "ifov_arcsec": math.degrees(record["ifov_rad"]) * 3600.0,
        **{name: record[name] for name in ATTITUDE},
    }


def housekeeping(downlink: Downlink) -> list[Row]:
    """One row per frame set: its closing SET packet, or its opening one if that was lost."""
    by_set: dict[tuple[int, int], Row] = {}
    for record in downlink.records["SET"]:
        if record["set_id"] != NO_SET:
            by_set[record["detector"], record["set_id"]] = record
    rows = []
    for key in sorted(by_set):
        row = dict(by_set[key])
        row["marking"], row["data_mode"] = said_marking(row)
        for name in ("state_digest", "config_digest", "software_digest", "input_digest"):
            row[name] = f"{row[name]:016x}"
        row.pop("phase")
        rows.append(row)
    return rows


def events(downlink: Downlink) -> list[Row]:
    """One row per event."""
    rows = []
    for record in sorted(downlink.records["EVENT"], key=lambda r: (r["detector"], r["frame"])):
        severity = Severity(record["severity"]).name if record["severity"] in list(Severity) else "UNKNOWN"
        reason = reason_name(record["reason"])
        row = {"time_utc": utc(record["t_mid_tai_ns"]), "severity": severity, "event": reason}
        row |= {key: record[key] for key in ("detector", "frame", "value_1", "value_2")}
        rows.append(row)
    return rows
