"""Columns of the ground's tables with their types, derived from the fields of the records they are made of.

A table has its record's fields in their order, but for those that come first or last for the reader's sake, those that become
something else (raw angles degrees, counts of time UTC), and those that only the decoder needs. A field added to a record is a
column without another word.
"""

from collections.abc import Mapping, Sequence

from sensorproc.downlink.fields import RecordType
from sensorproc.downlink.records import ACK, BENDS, DETECTION, DWELL, EVENT, FRAME, HEALTH, RELEASE_ID, SET, TRACKLET

WHEN = "time_utc"
PROCESSED = "processed"  # the status of a frame that was; others say why not
UNTIMED = "nan"  # in place of a time that is not known
Columns = dict[str, str]  # datatype by name
TEXT = (
    *(WHEN, "kind", "flags", "origin", "status", "sky", "unsolved", "marking", "data_mode", "mode", "operation", "stage", "code"),
    *("state_digest", "config_digest", "software_digest", "input_digest", "outcome", "reason", "severity", "event"),
)


def derived(
    record: RecordType,
    first: Sequence[str] = (),
    last: Sequence[str] = (),
    becomes: Mapping[str, Sequence[str]] | None = None,
) -> Columns:
    """Columns of a record's table: ``first``, the other fields in their order, ``last``; ``becomes`` gives the columns that
    stand in a field's place, none for one that is left out."""
    becomes = becomes or {}
    named = [name for field in record.fields for name in becomes.get(field.name, (field.name,))]
    datatypes = {field.name: "int64" if field.scale is None and field.code[0] in "iu" else "float64" for field in record.fields}
    names = [*first, *(name for name in named if name not in (*first, *last)), *last]
    return {name: "string" if name in TEXT else datatypes.get(name, "float64") for name in names}


_CAMERA = ("ifov_rad", "x0_px", "y0_px", "parity", *BENDS, "nx", "ny")  # what the WCS products tell
_OBSERVER = tuple(f"{name}_{axis}_{unit}" for name, unit in (("pos", "km"), ("vel", "km_s")) for axis in "xyz")

COLUMNS = {
    "detections": derived(
        DETECTION,
        first=("detector", "frame", WHEN),
        last=("phase_deg", "flags"),
        becomes={"t_mid_tai_ns": (), "corr_xy": (), "ra_turn": ("ra_deg",), "dec_turn": ("dec_deg",), RELEASE_ID: ()},
    ),
    "tracklets": derived(
        TRACKLET,
        first=("tracklet_id", "object_id", "detector", "n_frames", "first_frame", "last_frame", "epoch_frame"),
        last=("origin", "flags"),
    ),
    "frames": derived(
        FRAME,
        first=("detector", "frame", WHEN, "exposure_s", "status", "sky", "unsolved", "ra_deg", "dec_deg", "roll_deg"),
        becomes=dict.fromkeys(("t_mid_tai_ns", "exposure_ns", *_CAMERA, *_OBSERVER, RELEASE_ID), ())
        | {
            "sigma_turn_x_arcsec": ("sigma_arcsec", "sigma_turn_x_arcsec"),
            "sigma_scale": ("turn_arcsec_s", "ifov_arcsec"),
            "sigma_zeropoint_mag": ("sigma_zeropoint_mag", "limiting_mag"),
        },
    ),
    "housekeeping": derived(
        SET, first=("detector", "set_id", "is_last", "first_frame", "n_frames", "n_processed"), becomes={"phase": ()}
    ),
    "dwells": derived(DWELL, becomes={"t_start_tai_ns": (WHEN,), "is_done": ("outcome",)}),
    "acks": derived(ACK, becomes={"t_tai_ns": (WHEN,)}),
    "health": derived(HEALTH, becomes={"t_tai_ns": (WHEN,)}),
    "events": derived(EVENT, first=(WHEN, "severity", "event", "detector", "frame"), becomes={"t_mid_tai_ns": (), "reason": ()}),
}
