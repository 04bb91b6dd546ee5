"""Results given again for frames that come later, or of which some were lost: records with other numbers and times."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from sensorproc.downlink.dictionary import Apid
from sensorproc.downlink.records import RECORDS
from sensorproc.frames import Rejection
from sensorproc.onboard.products import Processed
from sensorproc.onboard.records import event_record
from sensorproc.onboard.state import PayloadState


@dataclass(frozen=True, eq=False)
class SetResult:
    """A searched set on its way to the downlink: records by APID with tracklets counted from 0, the SET record's fields, and the
    payload's next state."""

    records: dict[int, list[bytes]]
    housekeeping: dict[str, Any]
    n_processed: int
    n_tracklets: int
    state: PayloadState
    processed: Processed | None


def without(result: SetResult, lost: list[Rejection], n_used: int) -> SetResult:
    """A result less the frames that were lost, which are told as events."""
    gone = {rejection.frame_index for rejection in lost}
    records = dict(result.records)
    for apid in (int(Apid.FRAME), int(Apid.DETECTION)):
        kind = RECORDS[Apid(apid)]
        records[apid] = [data for data in records[apid] if int(np.frombuffer(data, kind.dtype)["frame"][0]) not in gone]
    records[int(Apid.EVENT)] = [*records[int(Apid.EVENT)], *(event_record(rejection) for rejection in lost)]
    housekeeping = result.housekeeping | {"n_processed": min(n_used, result.n_processed)}
    return replace(result, records=records, housekeeping=housekeeping, n_processed=min(n_used, result.n_processed))


FRAME_FIELDS = ("frame", "epoch_frame", "first_frame", "last_frame")


def restamped(result: SetResult, d_frame: int, d_ns: int) -> SetResult:
    """The same result of frames that come later."""
    moved = {apid: [_shifted(apid, data, d_frame, d_ns, 0) for data in records] for apid, records in result.records.items()}
    return replace(result, records=moved)


def numbered(records: dict[int, list[bytes]], first_id: int) -> dict[int, list[bytes]]:
    """Records whose tracklets are counted from ``first_id``."""
    return {apid: [_shifted(apid, data, 0, 0, first_id) for data in of_kind] for apid, of_kind in records.items()}


def _shifted(apid: int, data: bytes, d_frame: int, d_ns: int, first_id: int) -> bytes:
    kind = RECORDS[Apid(apid)]
    row, names = np.frombuffer(data, kind.dtype).copy(), kind.dtype.names or ()
    for name in FRAME_FIELDS:
        if name in names:
            row[name] = row[name].astype(np.int64) + d_frame  # which may be below zero
    if "t_mid_tai_ns" in names:
        row["t_mid_tai_ns"] = row["t_mid_tai_ns"].astype(np.int64) + d_ns
    if "tracklet_id" in names:
        row["tracklet_id"] += np.where(row["tracklet_id"] >= 0, first_id, 0).astype(row["tracklet_id"].dtype)
    return row.tobytes()
