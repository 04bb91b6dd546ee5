"""Unified Data Library EOObservation records: one per detection with a sky position, JSON without NaN."""

import json
from typing import Any

from sensorproc.ground.observations import Row
from sensorproc.ground.release import Marking


def observation(row: Row, track: dict[str, Any], exposure_s: float | None, observer: Row | None, mark: Marking) -> dict[str, Any]:
    """One record for ``createBulk``; ``track`` says to which track it belongs. Exposure and observer are left out where they are
    not known."""
    record: dict[str, Any] = {
        "classificationMarking": mark.marking,
        "dataMode": mark.data_mode,
        "obTime": row["time_utc"] + "Z",
        "source": mark.source,
        "origin": mark.originator,
        "ra": row["ra_deg"],
        "declination": row["dec_deg"],
        "raUnc": row["sigma_ra_arcsec"] / 3600.0,
        "declinationUnc": row["sigma_dec_arcsec"] / 3600.0,
        "referenceFrame": "GCRF",
        "raMeasured": True,
        "declinationMeasured": True,
        "origSensorId": f"{mark.source}-{row['detector']}",
        "descriptor": "mid-exposure; GCRS axes, annual aberration removed, light time not removed; RA sigma on the sky",
    }
    record |= track
    if row["mag"] == row["mag"]:
        record |= {"mag": row["mag"], "magUnc": row["sigma_mag"]}
    if row["phase_deg"] == row["phase_deg"]:
        record["solarPhaseAngle"] = row["phase_deg"]
    if exposure_s is not None:
        record["expDuration"] = exposure_s
    if observer is not None:
        record |= {f"sen{a}": observer[f"pos_{a}_km"] for a in "xyz"}
        record |= {f"senvel{a}": observer[f"vel_{a}_km_s"] for a in "xyz"}
        record["senReferenceFrame"] = "GCRF"
    record["eoobservationDetails"] = {"ccdObjPosX": row["x_px"], "ccdObjPosY": row["y_px"], "snrEst": row["snr"]}
    return record


def to_json(records: list[dict[str, Any]]) -> str:
    """JSON text; NaN is refused rather than written."""
    return json.dumps(records, indent=1, allow_nan=False) + "\n"
