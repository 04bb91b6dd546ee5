"""Unified Data Library EOObservation records: one per detection with a sky position, JSON without NaN."""

import json
from typing import Any

from sensorproc.ground.observations import Row
from sensorproc.ground.release import Marking


def eo_observations(detections: list[Row], frames: dict[tuple[int, int], Row], mark: Marking) -> list[dict[str, Any]]:
    """Records for ``createBulk``. ``frames`` are FRAME records by (detector, frame), for exposure and sensor state."""
    by_track: dict[int, list[Row]] = {}
    for row in detections:
        by_track.setdefault(row["tracklet_id"], []).append(row)
    return [
        _observation(row, by_track[row["tracklet_id"]], frames.get((row["detector"], row["frame"])), mark) for row in detections
    ]


def _observation(row: Row, track: list[Row], frame: Row | None, mark: Marking) -> dict[str, Any]:
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
    if row["tracklet_id"] >= 0:
        times = sorted(r["time_utc"] for r in track)
        place = "FIRST" if row["time_utc"] == times[0] else "LAST" if row["time_utc"] == times[-1] else "IN"
        record |= {"trackId": f"{mark.source}-{row['tracklet_id']}", "obPosition": place if len(times) > 1 else "SINGLE"}
    else:
        record["obPosition"] = "SINGLE"
    if row["mag"] == row["mag"]:
        record |= {"mag": row["mag"], "magUnc": row["sigma_mag"]}
    record["solarPhaseAngle"] = row["phase_deg"]
    if frame is not None:
        record["expDuration"] = frame["exposure_ns"] * 1e-9
        if frame["has_observer"]:
            record |= {f"sen{a}": frame[f"pos_{a}_km"] for a in "xyz"}
            record |= {f"senvel{a}": frame[f"vel_{a}_km_s"] for a in "xyz"}
            record["senReferenceFrame"] = "GCRF"
    record["eoobservationDetails"] = {"ccdObjPosX": row["x_px"], "ccdObjPosY": row["y_px"], "snrEst": row["snr"]}
    return record


def to_json(records: list[dict[str, Any]]) -> str:
    """JSON text; NaN is refused rather than written."""
    return json.dumps(records, indent=1, allow_nan=False) + "\n"
