"""SER video (Grischa Hahn, SER format description version 3): 178-byte header, raw frames, optional time trailer.

Time stamps are .NET ticks of 100 ns since 0001-01-01 UTC, taken as exposure starts. A recording that was cut off
has no trailer and may have a wrong frame count: the whole frames that are there are kept.
"""

import struct
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np

from sensorproc.errors import InputError
from sensorproc.frames import Frame
from sensorproc.recording import headers
from sensorproc.recording.entry import Entry, make_frame
from sensorproc.recording.images import NO_HEADER, timed
from sensorproc.timescales import NS_PER_S, tai_ns_from_utc

HEADER = struct.Struct("<14s7i40s40s40s2q")
MAGIC = b"LUCAM-RECORDER"
TICKS_PER_DAY = 86400 * 10_000_000


def entries(path: Path, meta: dict[str, Any], order: int) -> list[Entry]:
    """One entry per whole frame in the file."""
    size = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(HEADER.size)
        if len(head) < HEADER.size or not head.startswith(MAGIC):
            raise InputError(f"{path}: not a SER file (no {MAGIC.decode()} header)")
        _, _, color, little_endian, nx, ny, depth, count, *_ = HEADER.unpack(head)
        if color not in (0, 8, 9, 10, 11) or nx <= 0 or ny <= 0 or not 1 <= depth <= 16:
            raise InputError(f"{path}: only monochrome or raw-Bayer SER of 1-16 bits is read")
        frame_bytes = nx * ny * (2 if depth > 8 else 1)
        whole = min(count if count > 0 else 1 << 30, (size - HEADER.size) // frame_bytes)
        file.seek(HEADER.size + whole * frame_bytes)
        stamps = np.frombuffer(file.read(8 * whole), "<i8") if size >= HEADER.size + whole * (frame_bytes + 8) else None
    if whole < 1:
        raise InputError(f"{path}: holds no whole frame")
    # version 3 files of most writers set this word to 0 for little-endian data; the text of the format says the opposite
    dtype = np.dtype("u1") if depth <= 8 else np.dtype("<u2" if little_endian == 0 else ">u2")
    exposure_s = headers.exposure({}, meta) or 0.0
    facts, missing = headers.facts({}, meta)
    found = []
    for k in range(whole):
        t_mid, has_time = timed(meta, order + k, exposure_s)
        if stamps is not None and stamps[k] > 0:
            t_mid, has_time = _tai_from_ticks(int(stamps[k])) + round(0.5 * exposure_s * NS_PER_S), True
        lacking = missing + NO_HEADER + (() if has_time else ("time of exposure (frames counted as one second apart)",))
        source = f"{path.name}#{k}"
        offset = HEADER.size + k * frame_bytes
        reader = _Reader(path, offset, dtype, (ny, nx), (source, t_mid, exposure_s, facts), lacking, has_time)
        found.append(Entry(source, (ny, nx), t_mid, exposure_s, 0, has_time, reader))
    return found


class _Reader:
    def __init__(self, path: Path, offset: int, dtype: np.dtype, shape: tuple[int, int], head: Any, missing: Any, timed: bool):
        self.path, self.offset, self.dtype, self.shape = path, offset, dtype, shape
        self.head, self.missing, self.has_time = head, missing, timed

    def __call__(self) -> Frame:
        data = np.memmap(self.path, self.dtype, "r", self.offset, self.shape).astype(self.dtype.newbyteorder("="))
        return make_frame(data, *self.head, missing=self.missing, has_time=self.has_time)


def _tai_from_ticks(ticks: int) -> int:
    days, rest = divmod(ticks, TICKS_PER_DAY)
    day = date(1, 1, 1) + timedelta(days=days)
    return tai_ns_from_utc(day.isoformat()) + rest * 100


def write(path: Path, frames: np.ndarray, start_ticks: list[int]) -> None:
    """Write (n, ny, nx) uint16 frames with their exposure-start ticks."""
    n, ny, nx = frames.shape
    texts = (b"".ljust(40),) * 3
    head = HEADER.pack(MAGIC, 0, 0, 0, nx, ny, 16, n, *texts, start_ticks[0], start_ticks[0])
    path.write_bytes(head + frames.astype("<u2").tobytes() + np.array(start_ticks, "<i8").tobytes())
