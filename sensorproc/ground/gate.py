"""Each record, once, before anything is written from it: may such a record hold these numbers?

A record that may not is one bad record: what it says that cannot be is taken for unknown, the rest of it and all others stay.
What is wrong is counted by field, and said.
"""

import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace

from sensorproc.conventions import OBSERVER_KM
from sensorproc.downlink.dictionary import FrameStatus
from sensorproc.downlink.records import BENDS, RECORDS
from sensorproc.flags import DetectionFlag
from sensorproc.ground.reader import Downlink, Record
from sensorproc.ground.table_columns import UNTIMED
from sensorproc.timescales import FIRST_TAI_NS, LAST_TAI_NS, utc_from_tai_ns

TIMES = ("t_mid_tai_ns", "t_tai_ns", "t_start_tai_ns")
CAMERA = (*(f"q_{a}" for a in "wxyz"), "ifov_rad", "x0_px", "y0_px", *BENDS, *(f"sigma_turn_{a}_arcsec" for a in "xyz"))
OBSERVER = (*(f"pos_{a}_km" for a in "xyz"), *(f"vel_{a}_km_s" for a in "xyz"))
LARGEST_IFOV_RAD = 0.1
LARGEST_PLACE_PX = 8191.99  # what does not fit the packets' pixels stands at their end
LARGEST_SIGMA_PX = 1e4
DIMMEST_MAG, LARGEST_SIGMA_MAG = 32.7, 65.5  # ends of the packets' magnitudes
FLOATS = {kind.name: tuple(f.name for f in kind.fields if f.code.startswith("f")) for kind in RECORDS.values()}


def utc(tai_ns: int) -> str:
    """UTC of a time of a record; ``nan`` where it is none."""
    return utc_from_tai_ns(tai_ns) if is_time(tai_ns) else UNTIMED


def is_time(tai_ns: int) -> bool:
    """Whether it is a time that a payload can be in, and UTC is defined for: not a clock that was never set."""
    return FIRST_TAI_NS <= tai_ns < LAST_TAI_NS


def gated(downlink: Downlink) -> tuple[Downlink, list[str]]:
    """The downlink with what cannot be taken for unknown, and what to say of it."""
    wrong: Counter[str] = Counter()
    checks = {"DETECTION": _detection, "FRAME": _frame}
    records = {}
    for name, rows in downlink.records.items():
        done = []
        for row in rows:
            checked, fields = _plain(name, row)
            if name in checks:
                checked, more = checks[name](checked)
                fields = [*fields, *more]
            wrong.update(f"{name} {field}" for field in dict.fromkeys(fields))
            done.append(checked)
        records[name] = done
    said = ", ".join(f"{field} ({n})" for field, n in sorted(wrong.items()))
    notes = [f"numbers that no record may hold are taken for unknown: {said}"] if wrong else []
    return replace(downlink, records=records), notes


def _plain(name: str, record: Record) -> tuple[Record, list[str]]:
    """The record with numbers that are none as NaN, and the fields that are wrong."""
    infinite = [field for field in FLOATS[name] if not math.isfinite(record[field])]
    times = [field for field in TIMES if field in record and not is_time(record[field])]
    return record | dict.fromkeys(infinite, math.nan), [*infinite, *times]


def _detection(record: Record) -> tuple[Record, list[str]]:
    """``is_sound``: it may be an observation."""
    flags, wrong = record["flags"], []
    if not is_time(record["t_mid_tai_ns"]):
        flags |= DetectionFlag.NO_TIME
    places = [field for field in ("x_px", "y_px") if not abs(record[field]) <= LARGEST_PLACE_PX]
    sigmas = [field for field in ("sigma_x_px", "sigma_y_px") if not 0.0 < record[field] <= LARGEST_SIGMA_PX]
    if not flags & DetectionFlag.NO_SKY:
        of_sky = [field for field in ("sigma_ra_arcsec", "sigma_dec_arcsec") if not record[field] > 0.0]
        of_sky += [] if abs(record["dec_turn"]) <= 0.25 else ["dec_turn"]
        flags |= DetectionFlag.NO_SKY if of_sky else 0
        wrong += of_sky
    at_end = abs(record["mag"]) > DIMMEST_MAG or record["sigma_mag"] > LARGEST_SIGMA_MAG
    if at_end and not flags & DetectionFlag.NO_PHOTOMETRY:
        flags |= DetectionFlag.NO_PHOTOMETRY
        wrong.append("mag")
    is_sound = not places and not sigmas and math.isfinite(record["snr"])
    return record | {"flags": int(flags), "is_sound": is_sound}, [*wrong, *places, *sigmas]


def _frame(record: Record) -> tuple[Record, list[str]]:
    status, wrong = FrameStatus(record["status"]), []
    if not is_time(record["t_mid_tai_ns"]):
        status &= ~FrameStatus.HAS_TIME
    if status & FrameStatus.HAS_SKY and not _is_camera(record):
        status &= ~(FrameStatus.HAS_SKY | FrameStatus.STAR_SOLUTION)
        wrong.append("attitude")
    if status & FrameStatus.HAS_OBSERVER and not _is_observer(record):
        status &= ~FrameStatus.HAS_OBSERVER
        wrong.append("pos_km")
    if status & FrameStatus.HAS_ZERO_POINT and not all(map(math.isfinite, _of(record, ("zeropoint_mag", "sigma_zeropoint_mag")))):
        status &= ~FrameStatus.HAS_ZERO_POINT
    return record | {"status": int(status)}, wrong


def _of(record: Record, names: Iterable[str]) -> list[float]:
    return [record[name] for name in names]


def _is_camera(record: Record) -> bool:
    norm2 = sum(q * q for q in _of(record, (f"q_{a}" for a in "wxyz")))
    finite = all(map(math.isfinite, _of(record, CAMERA)))
    size = record["nx"] > 1 and record["ny"] > 1 and abs(record["parity"]) == 1
    return finite and size and abs(norm2 - 1.0) < 1e-3 and 0.0 < record["ifov_rad"] < LARGEST_IFOV_RAD


def _is_observer(record: Record) -> bool:
    radius = math.sqrt(sum(p * p for p in _of(record, OBSERVER[:3])))
    return all(map(math.isfinite, _of(record, OBSERVER))) and OBSERVER_KM[0] < radius < OBSERVER_KM[1]
