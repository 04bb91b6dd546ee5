"""Tracking Data Message, KVN (CCSDS 503.0-B-2): one segment per tracklet, right ascension, declination, magnitude.

The book has no keyword for uncertainty, sensor position or marking: sigmas and markings go into comments, the sensor's
path into the OEM named by EPHEMERIS_NAME_1.
"""

from sensorproc.ground.observations import Row
from sensorproc.ground.release import Marking

STATEMENT = "Directions are geometric in GCRS axes: annual aberration removed, light time not removed."


def tdm(tracks: dict[int, list[Row]], exposures: dict[int, float], mark: Marking, created_utc: str, ephemeris: str) -> str:
    """Message text. ``tracks``: detections with a sky position by tracklet; ``exposures``: seconds by tracklet."""
    lines = [
        "CCSDS_TDM_VERS = 2.0",
        f"COMMENT MARKING {mark.marking} DATA MODE {mark.data_mode}",
        f"COMMENT {STATEMENT}",
        f"CREATION_DATE = {created_utc}",
        f"ORIGINATOR = {mark.originator}",
        f"MESSAGE_ID = {created_utc.replace(':', '').replace('-', '')}",
    ]
    for tracklet_id in sorted(tracks):
        lines += _segment(tracklet_id, tracks[tracklet_id], exposures[tracklet_id], mark, ephemeris)
    return "\n".join(lines) + "\n"


def _segment(tracklet_id: int, rows: list[Row], exposure_s: float, mark: Marking, ephemeris: str) -> list[str]:
    rows = sorted(rows, key=lambda r: r["time_utc"])
    has_mag = all(row["mag"] == row["mag"] for row in rows)
    start, stop = rows[0]["time_utc"], rows[-1]["time_utc"]
    stamp = start[:19].replace("-", "").replace(":", "").replace("T", "_")
    lines = [
        "META_START",
        f"COMMENT MARKING {mark.marking} DATA MODE {mark.data_mode}",
        f"COMMENT SIGMA_RA_COSDEC_ARCSEC {_mean(rows, 'sigma_ra_arcsec'):.3f}",
        f"COMMENT SIGMA_DEC_ARCSEC {_mean(rows, 'sigma_dec_arcsec'):.3f}",
        f"TRACK_ID = {stamp}-{tracklet_id:04d}",
        f"DATA_TYPES = ANGLE_1,ANGLE_2{',MAG' if has_mag else ''}",
        "TIME_SYSTEM = UTC",
        f"START_TIME = {start}",
        f"STOP_TIME = {stop}",
        f"PARTICIPANT_1 = {mark.source}",
        "PARTICIPANT_2 = UNKNOWN",
        "MODE = SEQUENTIAL",
        "PATH = 2,1",
        *([f"EPHEMERIS_NAME_1 = {ephemeris}"] if ephemeris else []),
        "TIMETAG_REF = RECEIVE",
        f"INTEGRATION_INTERVAL = {exposure_s:.6f}",
        "INTEGRATION_REF = MIDDLE",
        "ANGLE_TYPE = RADEC",
        "REFERENCE_FRAME = ICRF",
        "DATA_QUALITY = RAW",
        "META_STOP",
        "DATA_START",
    ]
    for row in rows:
        lines.append(f"ANGLE_1 = {row['time_utc']} {row['ra_deg']:.8f}")
        lines.append(f"ANGLE_2 = {row['time_utc']} {row['dec_deg']:.8f}")
        if has_mag:
            lines.append(f"MAG = {row['time_utc']} {row['mag']:.3f}")
    return [*lines, "DATA_STOP"]


def _mean(rows: list[Row], key: str) -> float:
    return sum(row[key] for row in rows) / len(rows)
