"""What the payload's computer told of itself: health, answers to telecommands, the scan's ledger, raw pixels asked for."""

from pathlib import Path
from typing import Any

import numpy as np

from sensorproc.downlink.dictionary import reason_name
from sensorproc.downlink.records import IMAGE_PART
from sensorproc.downlink.telecommands import Code, Mode, Operation, Stage
from sensorproc.ground.gate import utc
from sensorproc.ground.reader import Downlink

Row = dict[str, Any]


def health(downlink: Downlink) -> list[Row]:
    """One row per report of the payload's computer."""
    rows = []
    for record in sorted(downlink.records["HEALTH"], key=lambda r: r["t_tai_ns"]):
        row = dict(record)
        row["mode"] = _name(Mode, row["mode"])
        rows.append({"set_id": row.pop("set_id"), "time_utc": utc(row.pop("t_tai_ns"))} | row)
    return rows


def acks(downlink: Downlink) -> list[Row]:
    """One row per answer to a telecommand, in the order in which they were given."""
    return [
        {
            "time_utc": utc(record["t_tai_ns"]),
            "request": record["request"],
            "operation": _name(Operation, record["operation"]),
            "stage": _name(Stage, record["stage"]),
            "code": _name(Code, record["code"]),
            "value_1": record["value_1"],
            "value_2": record["value_2"],
        }
        for record in downlink.records["ACK"]
    ]


def dwells(downlink: Downlink) -> list[Row]:
    """One row per dwell of the scan: done, or missed and why."""
    rows = []
    for record in sorted(downlink.records["DWELL"], key=lambda r: (r["dwell"], r["detector"])):
        row = dict(record)
        row["time_utc"] = utc(row.pop("t_start_tai_ns"))
        row["outcome"] = "done" if row.pop("is_done") else "missed"
        row["reason"] = reason_name(row["reason"]) if row["reason"] else ""
        rows.append(row)
    return rows


WINDOW = ("detector", "x_px", "y_px", "nx", "ny", "t_mid_tai_ns")  # what all parts of an image have in common


def write_images(folder: Path, downlink: Downlink, marks: dict[str, str]) -> tuple[list[str], list[str]]:
    """FITS files of the raw pixels that arrived whole, with the ``marks`` as cards, and a note for each that did not."""
    parts: dict[tuple[int, int], dict[tuple[int, ...], list[Row]]] = {}
    for record in downlink.records["IMAGE"]:
        windows = parts.setdefault((record["request"], record["frame"]), {})
        windows.setdefault(tuple(record[name] for name in WINDOW), []).append(record)
    written, notes = [], []
    for (request, frame), windows in sorted(parts.items()):
        name = f"images/{request:06d}_{frame:06d}"
        if len(windows) > 1:
            notes.append(
                f"request {request} stands for {len(windows)} different windows of frame {frame}: each has a file of its own"
            )
        for k, records in enumerate(windows[key] for key in sorted(windows)):
            file = f"{name}.fits" if len(windows) == 1 else f"{name}_{k}.fits"
            data, wrong = _put_together(records)
            if wrong:
                notes.append(f"{file} not written: {wrong}")
                continue
            _write_image(folder / file, data, records[0], marks)
            written.append(f"products/{file}")
    return written, notes


def _put_together(records: list[Row]) -> tuple[bytes, str]:
    """The bytes of an image from its parts, or why they are none. Parts that came twice are the same bytes twice."""
    whole = 2 * records[0]["nx"] * records[0]["ny"]
    held: dict[int, bytes] = {}
    for record in records:
        part = record["part"].ljust(IMAGE_PART, b"\0")[: record["n_bytes"]]
        if record["n_bytes"] > IMAGE_PART or held.setdefault(record["offset"], part) != part:
            return b"", "its parts contradict each other"
    end = 0
    for offset in sorted(held):
        if offset < end or offset + len(held[offset]) > whole:
            return b"", "its parts overlap, or reach beyond its end"
        if offset > end:
            break
        end += len(held[offset])
    if end != whole:
        return b"", f"{sum(map(len, held.values()))} of {whole} bytes arrived"
    return b"".join(held[offset] for offset in sorted(held)), ""


def _write_image(path: Path, data: bytes, record: Row, marks: dict[str, str]) -> None:
    from astropy.io import fits  # only where there is something to write

    path.parent.mkdir(parents=True, exist_ok=True)
    hdu = fits.PrimaryHDU(np.frombuffer(data, ">u2").reshape(record["ny"], record["nx"]).astype(np.uint16))
    hdu.header["FRAME"], hdu.header["DETECTOR"] = record["frame"], record["detector"]
    hdu.header["X0"], hdu.header["Y0"] = (record["x_px"], "0-based column of the first pixel"), (record["y_px"], "row")
    hdu.header["DATE-AVG"] = (utc(record["t_mid_tai_ns"]), "UTC, mid-exposure")
    hdu.header.update(marks)
    hdu.writeto(path, overwrite=True)


def _name(kind: Any, value: int) -> str:
    return str(kind(value).name) if value in kind.__members__.values() else f"UNKNOWN_{value}"
