"""Downlink bytes to the files of a run: tables always, messages where a marking allows them."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sensorproc.downlink.dictionary import Apid, FrameStatus
from sensorproc.errors import ReleaseError, UsageError
from sensorproc.ground import board, observations
from sensorproc.ground.export import ds9, oem, tables, tdm, udl
from sensorproc.ground.observations import Row
from sensorproc.ground.reader import Downlink, Gaps, read
from sensorproc.ground.release import Marking
from sensorproc.ground.table_columns import COLUMNS
from sensorproc.timescales import utc_from_tai_ns

FORMATS = ("ecsv", "tdm", "oem", "udl", "ds9", "wcs")
MESSAGES = ("tdm", "oem", "udl")
EPHEMERIS = "observer.oem"


@dataclass(frozen=True)
class Decoded:
    """What was written: rows by table, the gap report, messages written, and why others were not."""

    tables: dict[str, list[Row]]
    gaps: Gaps
    written: tuple[str, ...]
    notes: tuple[str, ...]


def write_products(data: bytes, out: Path, mark: Marking | None, formats: tuple[str, ...] = FORMATS) -> Decoded:
    """Decode a downlink into ``out``.

    Raises
    ------
    UsageError
        If a format is unknown.
    """
    unknown = [name for name in formats if name not in FORMATS]
    if unknown:
        raise UsageError(f"format {', '.join(unknown)}: choose from {', '.join(FORMATS)}")
    downlink = read(data)
    rows = {
        name: getattr(observations, name)(downlink) for name in ("detections", "tracklets", "frames", "housekeeping", "events")
    }
    of_board = {name: getattr(board, name)(downlink) for name in ("health", "dwells", "acks")}
    rows |= {name: table for name, table in of_board.items() if table}  # frames replayed on the ground have no board
    _refuse_contradiction(rows["housekeeping"], mark)
    products = out / "products"
    products.mkdir(parents=True, exist_ok=True)
    remove_earlier(out)
    written = []
    if "ecsv" in formats:
        for name, table in rows.items():
            tables.write_table(out / f"{name}.ecsv", table, COLUMNS[name], COMMENTS)
            written.append(f"{name}.ecsv")
    (out / "gaps.json").write_text(gap_report(downlink.gaps), "utf-8")
    if "ds9" in formats:
        written += _write_regions(products, rows["detections"])
    if "wcs" in formats:
        written += _write_wcs(products, downlink)
    images, incomplete = board.write_images(products, downlink)
    messages, notes = _write_messages(products, downlink, rows["detections"], mark, formats)
    if downlink.gaps.n_conflicts:
        notes.append(
            f"{downlink.gaps.n_conflicts} packets not used: they repeat counts with other content; is this two recordings?"
        )
    return Decoded(rows, downlink.gaps, tuple(written + images + messages), tuple(notes + incomplete))


def _refuse_contradiction(housekeeping: list[Row], mark: Marking | None) -> None:
    """Packets that say how they are marked cannot be released under anything else."""
    carried = {(row["marking"], row["data_mode"]) for row in housekeeping}
    if mark is not None and any(a not in ("UNSET", mark.marking) or b not in ("UNSET", mark.data_mode) for a, b in carried):
        said = ", ".join(f"{marking} {mode}" for marking, mode in sorted(carried))
        raise ReleaseError(f"the packets are marked {said}; they cannot be released as {mark.marking} {mark.data_mode}")


def remove_earlier(out: Path) -> None:
    """A folder holds one run: what an earlier one left would be taken for this one's."""
    of_run = ("*.ecsv", "gaps.json", "report.html", "summary.json", "picture.jpg", "timeline.json")
    messages = (
        "products/*.tdm",
        "products/*.oem",
        "products/*.json",
        "products/*/*.reg",
        "products/*/*.wcs",
        "products/images/*.fits",
    )
    for pattern in (*of_run, *messages):
        for path in out.glob(pattern):
            path.unlink()


def gap_report(gaps: Gaps) -> str:
    """JSON of what did not arrive."""
    by_name: dict[str, Any] = {
        Apid(apid).name: {
            "expected": gaps.expected[apid],
            "received": gaps.received[apid],
            "missing_packets": gaps.missing[apid],
        }
        for apid in sorted(gaps.expected)
    }
    report = {"is_exact": gaps.is_exact, "n_missing": gaps.n_missing, "packets": by_name}
    report |= {"n_bytes_skipped": gaps.n_bytes_skipped, "n_duplicates": gaps.n_duplicates, "n_conflicts": gaps.n_conflicts}
    return json.dumps(report, indent=1) + "\n"


def _write_regions(products: Path, detections: list[Row]) -> list[str]:
    by_frame: dict[tuple[int, int], list[Row]] = {}
    for row in detections:
        by_frame.setdefault((row["detector"], row["frame"]), []).append(row)
    several = len({detector for detector, _ in by_frame}) > 1
    folder = products / "ds9"
    folder.mkdir(exist_ok=True)
    for (detector, frame), rows in sorted(by_frame.items()):
        name = f"{frame:04d}_{detector}.reg" if several else f"{frame:04d}.reg"
        (folder / name).write_text(ds9.regions(rows), "utf-8")
    return ["products/ds9/"] if by_frame else []


def _write_wcs(products: Path, downlink: Downlink) -> list[str]:
    solved = [r for r in downlink.records["FRAME"] if r["status"] & FrameStatus.HAS_SKY]
    if not solved:
        return []
    from sensorproc.ground.export import wcs  # astropy: only where there is something to write

    folder = products / "wcs"
    folder.mkdir(exist_ok=True)
    several = len({r["detector"] for r in downlink.records["FRAME"]}) > 1
    for record in solved:
        name = f"{record['frame']:04d}_{record['detector']}.wcs" if several else f"{record['frame']:04d}.wcs"
        (folder / name).write_bytes(wcs.header(record).tostring(sep="", endcard=True, padding=True).encode("ascii"))
    return ["products/wcs/"]


def _write_messages(
    products: Path, downlink: Downlink, detections: list[Row], mark: Marking | None, formats: tuple[str, ...]
) -> tuple[list[str], list[str]]:
    asked = [name for name in MESSAGES if name in formats]
    if not asked:
        return [], []
    if mark is None:
        return [], ["no TDM, OEM or UDL written: give --marking and --data-mode"]
    frames = {(r["detector"], r["frame"]): _with_status(r) for r in downlink.records["FRAME"]}
    timed = [r for r in detections if frames.get((r["detector"], r["frame"]), {"has_time": True})["has_time"]]
    placed = [r for r in timed if r["ra_deg"] == r["ra_deg"]]
    notes = []
    if len(placed) < len(detections):
        notes.append(f"{len(detections) - len(placed)} detections without a time or sky position are in no message")
    if not placed:
        return [], [*notes, "no TDM, OEM or UDL written: no detection has a sky position"]
    created = utc_from_tai_ns(max(r["t_mid_tai_ns"] for r in downlink.records["DETECTION"]), 0)
    states = [frame for frame in frames.values() if frame["has_observer"] and frame["has_time"]]
    ephemeris = EPHEMERIS if states and "oem" in formats else ""
    tracks: dict[int, list[Row]] = {}
    for row in placed:
        if row["tracklet_id"] >= 0:
            tracks.setdefault(row["tracklet_id"], []).append(row)
    written = []
    if "tdm" in formats and tracks:
        exposures = {i: _exposure(rows[0], frames) for i, rows in tracks.items()}
        (products / "tracklets.tdm").write_text(tdm.tdm(tracks, exposures, mark, created, ephemeris), "ascii")
        written.append("products/tracklets.tdm")
    if ephemeris:
        (products / EPHEMERIS).write_text(oem.oem(states, mark, created), "ascii")
        written.append(f"products/{EPHEMERIS}")
    if "udl" in formats:
        (products / "eoobservations.json").write_text(udl.to_json(udl.eo_observations(placed, frames, mark)), "utf-8")
        written.append("products/eoobservations.json")
    return written, notes


def _exposure(row: Row, frames: dict[tuple[int, int], Row]) -> float:
    frame = frames.get((row["detector"], row["frame"]))
    return frame["exposure_ns"] * 1e-9 if frame else 0.0


def _with_status(record: Row) -> Row:
    status = record["status"]
    extra = {"has_observer": bool(status & FrameStatus.HAS_OBSERVER), "has_time": bool(status & FrameStatus.HAS_TIME)}
    return record | extra | {"time_utc": utc_from_tai_ns(record["t_mid_tai_ns"])}


COMMENTS = (
    "pixels: 0-based, integer = pixel centre, raw file array",
    "directions: geometric, GCRS axes; annual aberration removed, light time not removed; RA sigma on the sky",
    "times: UTC of mid-exposure",
)
