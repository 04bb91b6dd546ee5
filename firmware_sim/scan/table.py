"""The scan table: cells of the sky in the order in which they are visited, as bytes that can be loaded and checked.

Layout: magic "SCAN" | u16 number of entries | entries | CRC-32 over all before it. An entry: u16 cell | f8 right ascension |
f8 declination [rad, GCRS; NaN: as the host points] | u16 frames | u32 settling time before the first exposure [ms].
"""

import math
import struct
from dataclasses import dataclass
from zlib import crc32

from sensorproc.errors import SensorprocError

MAGIC, HEAD, ENTRY, TAIL = b"SCAN", struct.Struct(">4sH"), struct.Struct(">HddHI"), struct.Struct(">I")
MOST_ENTRIES, MOST_FRAMES, MOST_SETTLE_MS = 4096, 64, 3_600_000
MS = 1e-3


class TableError(SensorprocError):
    """Bytes that are no scan table, or a damaged one."""

    exit_code = 3


@dataclass(frozen=True)
class ScanEntry:
    """One cell of a scan: where, how many frames, and how long the line of sight takes to get there and settle."""

    cell: int
    ra_rad: float
    dec_rad: float
    n_frames: int
    settle_s: float


def pack(entries: tuple[ScanEntry, ...]) -> bytes:
    """Bytes of a table."""
    body = HEAD.pack(MAGIC, len(entries)) + b"".join(
        ENTRY.pack(e.cell, e.ra_rad, e.dec_rad, e.n_frames, round(e.settle_s / MS)) for e in entries
    )
    return body + TAIL.pack(crc32(body))


def unpack(data: bytes) -> tuple[ScanEntry, ...]:
    """Entries of a table.

    Raises
    ------
    TableError
        If the bytes are no table, are damaged, or hold a value that no payload can fly.
    """
    if len(data) < HEAD.size + TAIL.size or data[:4] != MAGIC:
        raise TableError("not a scan table")
    if TAIL.unpack(data[-TAIL.size :])[0] != crc32(data[: -TAIL.size]):
        raise TableError("scan table: its CRC does not match")
    (_, n), body = HEAD.unpack_from(data), data[HEAD.size : -TAIL.size]
    if not 0 < n <= MOST_ENTRIES or len(body) != n * ENTRY.size:
        raise TableError(f"scan table: {n} entries in {len(body)} bytes; want 1 to {MOST_ENTRIES} of {ENTRY.size}")
    return tuple(_entry(*values) for values in ENTRY.iter_unpack(body))


def _entry(cell: int, ra: float, dec: float, n_frames: int, settle_ms: int) -> ScanEntry:
    on_sky = (math.isnan(ra) and math.isnan(dec)) or (0.0 <= ra < 2.0 * math.pi and abs(dec) <= math.pi / 2.0)
    if not on_sky or not 1 <= n_frames <= MOST_FRAMES or settle_ms > MOST_SETTLE_MS:
        raise TableError(
            f"scan table: cell {cell}: want a place on the sky, 1 to {MOST_FRAMES} frames, at most an hour to settle"
        )
    return ScanEntry(cell, ra, dec, n_frames, settle_ms * MS)
