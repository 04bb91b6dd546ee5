"""Tracking Data Message, KVN (CCSDS 503.0-B-2): one segment per tracklet, right ascension, declination, magnitude.

The book has no keyword for uncertainty, sensor position or marking: sigmas and markings go into comments, the sensor's
path into the OEM named by EPHEMERIS_NAME_1.
"""

from textwrap import wrap

from sensorproc.ground.observations import Row
from sensorproc.ground.release import Marking

STATEMENT = "Directions are geometric in GCRS axes: annual aberration removed, light time not removed."


LONGEST_COMMENT = 200  # characters: a line of KVN has at most 254


def tdm(tracks: dict[str, tuple[list[Row], float | None]], mark: Marking, created_utc: str, ephemeris: str) -> str:
    """Message text. ``tracks``: observations by name of the tracklet, and their exposure time [s], None where it is not known."""
    lines = [
        "CCSDS_TDM_VERS = 2.0",
        *marked(mark),
        f"COMMENT {STATEMENT}",
        f"CREATION_DATE = {created_utc}",
        f"ORIGINATOR = {mark.originator}",
        f"MESSAGE_ID = {created_utc.replace(':', '').replace('-', '')}",
    ]
    for name in sorted(tracks):
        rows, exposure_s = tracks[name]
        lines += _segment(name, rows, exposure_s, mark, ephemeris)
    return "\n".join(lines) + "\n"


def marked(mark: Marking) -> list[str]:
    """Comments that say marking and data mode."""
    return [f"COMMENT {line}" for line in wrap(f"MARKING {mark.marking} DATA MODE {mark.data_mode}", LONGEST_COMMENT)]


def _segment(name: str, rows: list[Row], exposure_s: float | None, mark: Marking, ephemeris: str) -> list[str]:
    rows = sorted(rows, key=lambda r: r["time_utc"])
    has_mag = all(row["mag"] == row["mag"] for row in rows)
    start, stop = rows[0]["time_utc"], rows[-1]["time_utc"]
    lines = [
        "META_START",
        *marked(mark),
        f"COMMENT SIGMA_RA_COSDEC_ARCSEC {_mean(rows, 'sigma_ra_arcsec'):.3f}",
        f"COMMENT SIGMA_DEC_ARCSEC {_mean(rows, 'sigma_dec_arcsec'):.3f}",
        f"TRACK_ID = {name}",
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
        *([f"INTEGRATION_INTERVAL = {exposure_s:.6f}"] if exposure_s is not None else []),
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
