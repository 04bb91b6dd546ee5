"""Orbit Ephemeris Message, KVN (CCSDS 502.0-B-3), of the observer: where the sensor was at every mid-exposure."""

from sensorproc.ground.export.tdm import LONGEST_COMMENT, marked
from sensorproc.ground.observations import Row
from sensorproc.ground.release import Marking


def oem(states: list[Row], mark: Marking, created_utc: str) -> str:
    """Message text; ``states`` hold time_utc and pos_/vel_ columns of FRAME records, in any order."""
    rows = sorted({row["time_utc"]: row for row in states}.values(), key=lambda r: r["time_utc"])
    lines = [
        "CCSDS_OEM_VERS = 3.0",
        *marked(mark),
        *([f"CLASSIFICATION = {mark.marking}"] if len(mark.marking) <= LONGEST_COMMENT else []),
        f"CREATION_DATE = {created_utc}",
        f"ORIGINATOR = {mark.originator}",
        "META_START",
        f"OBJECT_NAME = {mark.source}",
        "OBJECT_ID = UNKNOWN",
        "CENTER_NAME = EARTH",
        "REF_FRAME = GCRF",
        "TIME_SYSTEM = UTC",
        f"START_TIME = {rows[0]['time_utc']}",
        f"STOP_TIME = {rows[-1]['time_utc']}",
        "META_STOP",
    ]
    for row in rows:
        values = [row[f"pos_{a}_km"] for a in "xyz"] + [row[f"vel_{a}_km_s"] for a in "xyz"]
        lines.append(row["time_utc"] + " " + " ".join(f"{v:.6f}" for v in values))
    return "\n".join(lines) + "\n"
