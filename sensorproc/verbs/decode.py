"""``sensorproc decode``: packets to products, on the ground side alone."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, BinaryIO

from cyclopts import Parameter

from sensorproc.verbs.console import emit_json, note
from sensorproc.verbs.process import DataMode

PART_BYTES = 1 << 23  # read at once


def decode(
    downlink: Annotated[Path, Parameter(allow_leading_hyphen=True)],
    *,
    out: Annotated[Path, Parameter(name=["--out", "-o"])],
    format: str = "ecsv,tdm,oem,udl,ds9,wcs",
    marking: str | None = None,
    data_mode: DataMode | None = None,
    source: str = "SENSORPROC",
    originator: str = "SENSORPROC",
    json: bool = False,
) -> int:
    """Turn downlinked packets into tables, messages and a gap report.

    Parameters
    ----------
    downlink
        file or pipe of concatenated CCSDS packets, - for standard input; damage is skipped and reported.
    out
        folder for the products; made if absent.
    format
        comma-separated list of ecsv, tdm, oem, udl, ds9, wcs.
    marking
        classification marking, for messages.
    data_mode
        data mode, for messages.
    source
        name of the sensor in messages.
    originator
        name of the originator in messages.
    json
        print the summary as JSON.
    """
    import sys
    from contextlib import nullcontext
    from hashlib import sha256

    from sensorproc.errors import InputError, ReleaseError
    from sensorproc.ground import release
    from sensorproc.ground.decode import FORMATS, MESSAGES, write_products
    from sensorproc.run_folder.building import building
    from sensorproc.run_folder.facts import command_line, program_facts

    is_stdin = str(downlink) == "-"
    formats = tuple(name.strip() for name in format.split(",") if name.strip())
    mark = release.check(marking, data_mode, source, originator)
    explicit = format != ",".join(FORMATS)
    if mark is None and explicit and set(formats) & set(MESSAGES):
        raise ReleaseError(f"format {format}: messages need --marking and --data-mode, which have no default")
    if not is_stdin and (not downlink.exists() or downlink.is_dir()):
        raise InputError(f"{downlink}: no such file")
    options = {"format": format, "marking": marking, "data-mode": data_mode, "source": source, "originator": originator}
    argv = command_line("decode", downlink, options)
    taken = sha256()
    with building(out, program_facts(argv), () if is_stdin else (downlink,)) as run:
        try:
            with nullcontext(sys.stdin.buffer) if is_stdin else downlink.open("rb") as file:
                decoded = write_products(_parts(file, taken), run.folder, mark, formats)
        except InputError as error:
            raise InputError(f"{downlink}: {error}") from None
        run.facts |= {"downlink": {"path": str(downlink), "sha256": taken.hexdigest()}, "notes": list(decoded.notes)}
    gaps = decoded.gaps
    for text in decoded.notes:
        note(f"note: {text}")
    counts = {name: len(rows) for name, rows in decoded.tables.items()}
    summary = {"out": str(out), "rows": counts, "n_missing_packets": gaps.n_missing, "gaps_exact": gaps.is_exact,
               "n_bytes_skipped": gaps.n_bytes_skipped, "written": list(decoded.written)}  # fmt: skip
    if json:
        emit_json(summary)
    else:
        exact = "" if gaps.is_exact else " (at least: nothing of the last set's housekeeping arrived)"
        print(f"{sum(gaps.received.values())} packets, {gaps.n_missing} missing{exact}, {gaps.n_bytes_skipped} bytes skipped")
        print(f"{counts['detections']} detections, {counts['tracklets']} tracklets, {counts['frames']} frames; products in {out}")
    return 0


def _parts(file: BinaryIO, taken: Any) -> Iterator[bytes]:
    """What a file or pipe gives, in parts, and its digest."""
    while part := file.read(PART_BYTES):
        taken.update(part)
        yield part
