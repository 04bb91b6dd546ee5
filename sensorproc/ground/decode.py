"""Downlink bytes to the files of a run: tables always, messages where a marking allows them."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sensorproc.downlink.dictionary import ICD_VERSION, Apid, FrameStatus
from sensorproc.errors import InputError, UsageError
from sensorproc.ground import board, observations
from sensorproc.ground.evidence import UNKNOWN, Stated, demand_evidence, stated
from sensorproc.ground.export import ds9, tables
from sensorproc.ground.gate import gated, is_time
from sensorproc.ground.messages import MESSAGES, write_messages
from sensorproc.ground.observations import Row
from sensorproc.ground.reader import Downlink, Gaps, read
from sensorproc.ground.release import Marking
from sensorproc.ground.table_columns import COLUMNS
from sensorproc.timescales import doubt_of

FORMATS = ("ecsv", "tdm", "oem", "udl", "ds9", "wcs")


@dataclass(frozen=True)
class Decoded:
    """What was written: rows by table, the gap report, messages written, and why others were not."""

    tables: dict[str, list[Row]]
    gaps: Gaps
    written: tuple[str, ...]
    notes: tuple[str, ...]
    stated: Stated

    @classmethod
    def nothing(cls) -> "Decoded":
        """What is known of a downlink that was not decoded."""
        names = ("detections", "tracklets", "frames", "housekeeping", "events")
        return cls({name: [] for name in names}, read(b"").gaps, (), (), Stated(UNKNOWN, UNKNOWN))


def write_products(data: bytes | Iterable[bytes], out: Path, mark: Marking | None, formats: tuple[str, ...] = FORMATS) -> Decoded:
    """Decode a downlink, given whole or in parts, into ``out``, a folder without products.

    Raises
    ------
    UsageError
        If a format is unknown.
    InputError
        If there is no intact packet; nothing is touched then.
    ReleaseError
        If nothing that arrived permits to release it under the marking.
    """
    unknown = [name for name in formats if name not in FORMATS]
    if unknown:
        raise UsageError(f"format {', '.join(unknown)}: choose from {', '.join(FORMATS)}")
    downlink, wrong = gated(read(data))
    if not sum(downlink.gaps.received.values()):
        others = _of_other_versions(downlink.gaps)
        raise InputError(others[0] if others else f"holds no intact packet ({downlink.gaps.n_bytes_skipped} bytes read)")
    covers = demand_evidence(downlink, mark) if mark is not None and set(formats) & set(MESSAGES) else None
    rows = {
        name: getattr(observations, name)(downlink) for name in ("detections", "tracklets", "frames", "housekeeping", "events")
    }
    of_board = {name: getattr(board, name)(downlink) for name in ("health", "dwells", "acks")}
    rows |= {name: table for name, table in of_board.items() if table}  # frames replayed on the ground have no board
    marks = stated(downlink, mark)
    products = out / "products"
    products.mkdir(parents=True, exist_ok=True)
    written = []
    if "ecsv" in formats:
        for name, table in rows.items():
            tables.write_table(out / f"{name}.ecsv", table, COLUMNS[name], (*COMMENTS, str(marks)))
            written.append(f"{name}.ecsv")
    (out / "gaps.json").write_text(gap_report(downlink.gaps), "utf-8")
    if "ds9" in formats:
        written += _write_regions(products, rows["detections"], marks)
    if "wcs" in formats:
        written += _write_wcs(products, downlink, marks)
    images, incomplete = board.write_images(products, downlink, {"MARKING": marks.marking, "DATAMODE": marks.data_mode})
    messages: list[str] = []
    notes: list[str] = []
    if mark is not None and covers is not None:
        messages, notes = write_messages(products, downlink, mark, covers, formats)
    elif set(formats) & set(MESSAGES):
        notes = ["no TDM, OEM or UDL written: give --marking and --data-mode"]
    notes += _of_stream(downlink) + _of_other_versions(downlink.gaps)
    return Decoded(rows, downlink.gaps, tuple(written + images + messages), tuple(wrong + notes + incomplete), marks)


def _of_stream(downlink: Downlink) -> list[str]:
    """What lets a stream look like two, and its times uncertain."""
    said, n = [], downlink.gaps.n_conflicts
    if n:
        said.append(f"{n} packets not used: they repeat counts with other content; is this two recordings?")
    for name, what in (("software_digest", "builds of the software"), ("config_digest", "configurations")):
        digests = {record[name] for record in downlink.records["SET"]}
        if len(digests) > 1:
            said.append(f"the sets are of {len(digests)} {what} ({name} in housekeeping.ecsv)")
    times = [record["t_mid_tai_ns"] for name in ("FRAME", "DETECTION") for record in downlink.records[name]]
    doubt = doubt_of(max(filter(is_time, times), default=0))
    return [*said, doubt] if doubt else said


def _of_other_versions(gaps: Gaps) -> list[str]:
    """A line for each other version of the ICD."""
    return [
        f"{n} SET packets are of version {version} of the ICD; this program reads version {ICD_VERSION}"
        for version, n in sorted(gaps.other_versions.items())
    ]


def gap_report(gaps: Gaps) -> str:
    """JSON of what did not arrive."""
    by_name: dict[str, Any] = {
        Apid(apid).name: {
            "expected": gaps.expected[apid],
            "received": gaps.received[apid],
            "missing_packets": [[counts.start, counts.stop - 1] for counts in gaps.missing[apid]],  # first and last
        }
        for apid in sorted(gaps.expected)
    }
    report = {"is_exact": gaps.is_exact, "n_missing": gaps.n_missing, "packets": by_name}
    report |= {"n_bytes_skipped": gaps.n_bytes_skipped, "n_idle_packets": gaps.n_idle_packets}
    report |= {"n_duplicates": gaps.n_duplicates, "n_conflicts": gaps.n_conflicts}
    return json.dumps(report, indent=1) + "\n"


def _write_regions(products: Path, detections: list[Row], marks: Stated) -> list[str]:
    by_frame: dict[tuple[int, int], list[Row]] = {}
    for row in detections:
        by_frame.setdefault((row["detector"], row["frame"]), []).append(row)
    several = len({detector for detector, _ in by_frame}) > 1
    folder = products / "ds9"
    folder.mkdir(exist_ok=True)
    for (detector, frame), rows in sorted(by_frame.items()):
        name = f"{frame:04d}_{detector}.reg" if several else f"{frame:04d}.reg"
        (folder / name).write_text(ds9.regions(rows, str(marks)), "utf-8")
    return ["products/ds9/"] if by_frame else []


def _write_wcs(products: Path, downlink: Downlink, marks: Stated) -> list[str]:
    solved = [r for r in downlink.records["FRAME"] if r["status"] & FrameStatus.HAS_SKY and is_time(r["t_mid_tai_ns"])]
    if not solved:
        return []
    from sensorproc.ground.export import wcs  # astropy: only where there is something to write

    folder = products / "wcs"
    folder.mkdir(exist_ok=True)
    several = len({r["detector"] for r in downlink.records["FRAME"]}) > 1
    for record in solved:
        name = f"{record['frame']:04d}_{record['detector']}.wcs" if several else f"{record['frame']:04d}.wcs"
        header = wcs.header(record, marks.marking, marks.data_mode)
        (folder / name).write_bytes(header.tostring(sep="", endcard=True, padding=True).encode("ascii"))
    return ["products/wcs/"]


COMMENTS = (
    "pixels: 0-based, integer = pixel centre, raw file array",
    "directions: geometric, GCRS axes; annual aberration removed, light time not removed; RA sigma on the sky",
    "times: UTC of mid-exposure",
)
