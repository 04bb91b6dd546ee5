"""What the payload's computer told of itself: health, answers to telecommands, the scan's ledger, raw pixels asked for."""

from pathlib import Path
from typing import Any

import numpy as np

from sensorproc.downlink.dictionary import reason_name
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


def write_images(folder: Path, downlink: Downlink, marks: dict[str, str]) -> tuple[list[str], list[str]]:
    """FITS files of the raw pixels that arrived whole, and a note for each that did not."""
    parts: dict[tuple[int, int], list[Row]] = {}
    for record in downlink.records["IMAGE"]:
        parts.setdefault((record["request"], record["frame"]), []).append(record)
    if not parts:
        return [], []
    from astropy.io import fits  # only where there is something to write

    written, notes = [], []
    for (request, frame), records in sorted(parts.items()):
        first = records[0]
        ny, nx = first["ny"], first["nx"]
        held = {r["offset"]: r["part"].ljust(r["n_bytes"], b"\0") for r in records}
        data = b"".join(held[offset] for offset in sorted(held))
        name = f"images/{request:06d}_{frame:06d}.fits"
        if len(data) != 2 * nx * ny:
            notes.append(f"{name} not written: {len(data)} of {2 * nx * ny} bytes arrived")
            continue
        (folder / "images").mkdir(parents=True, exist_ok=True)
        hdu = fits.PrimaryHDU(np.frombuffer(data, ">u2").reshape(ny, nx).astype(np.uint16))
        hdu.header["FRAME"], hdu.header["DETECTOR"] = frame, first["detector"]
        hdu.header["X0"], hdu.header["Y0"] = (first["x_px"], "0-based column of the first pixel"), (first["y_px"], "row")
        hdu.header["DATE-AVG"] = (utc(first["t_mid_tai_ns"]), "UTC, mid-exposure")
        hdu.header.update(marks)
        hdu.writeto(folder / name, overwrite=True)
        written.append(f"products/{name}")
    return written, notes


def _name(kind: Any, value: int) -> str:
    return str(kind(value).name) if value in kind.__members__.values() else f"UNKNOWN_{value}"
