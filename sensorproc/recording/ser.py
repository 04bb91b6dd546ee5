"""SER video (Grischa Hahn, SER format description version 3): 178-byte header, raw frames, optional time trailer.

Time stamps are .NET ticks of 100 ns since 0001-01-01 UTC, taken as exposure starts; .NET keeps a time's kind in their two highest
bits. A recording that was cut off has no trailer and may have a wrong frame count: the whole frames that are there are kept.
"""

import struct
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np

from sensorproc.errors import InputError
from sensorproc.frames import Frame
from sensorproc.recording import files
from sensorproc.recording.entry import NO_OBSERVER, NO_POINTING, Entry
from sensorproc.recording.header.cards import Cards
from sensorproc.recording.header.exposure import exposure
from sensorproc.recording.header.found import Said
from sensorproc.recording.header.sensor import Detector, detector
from sensorproc.recording.images import timed
from sensorproc.recording.pixels import make_frame
from sensorproc.timescales import LAST_DAY, NS_PER_S, tai_ns_from_utc, utc_from_tai_ns

HEADER = struct.Struct("<14s7i40s40s40s2q")
MAGIC = b"LUCAM-RECORDER"
TICKS_PER_DAY = 86400 * 10_000_000
TICKS = (1 << 62) - 1  # without .NET's kind of a time
FIRST_DAY = date(1980, 1, 1)  # of stamps that are times
BAYER = {8: "RGGB", 9: "GRBG", 10: "GBRG", 11: "BGGR", 16: "CYYM", 17: "YCMY", 18: "YMCY", 19: "MYYC"}
MONO = 0


def entries(path: Path, meta: dict[str, Any], order: int) -> list[Entry]:
    """One entry per whole frame in the file.

    Raises
    ------
    InputError
        If the file is not SER, is of colour planes, or holds no whole frame.
    """
    data = files.content(path) if files.is_packed(path) else None
    size = path.stat().st_size if data is None else len(data)
    with files.unpacked(path) as file:
        head = file.read(HEADER.size)
        if len(head) < HEADER.size or not head.startswith(MAGIC):
            raise InputError(f"{path}: not a SER file (no {MAGIC.decode()} header)")
        _, _, color, little_endian, nx, ny, depth, count, *_, start_utc = HEADER.unpack(head)
        if (color != MONO and color not in BAYER) or nx <= 0 or ny <= 0 or not 1 <= depth <= 16:
            raise InputError(f"{path}: only monochrome or raw-Bayer SER of 1-16 bits is read")
        frame_bytes = nx * ny * (2 if depth > 8 else 1)
        whole = min(count if count > 0 else 1 << 30, (size - HEADER.size) // frame_bytes)
        file.seek(HEADER.size + whole * frame_bytes)
        stamps = np.frombuffer(file.read(8 * whole), "<i8") if size >= HEADER.size + whole * (frame_bytes + 8) else None
    if whole < 1:
        raise InputError(f"{path}: holds no whole frame")
    # version 3 files of most writers set this word to 0 for little-endian data; the text of the format says the opposite
    dtype = np.dtype("u1") if depth <= 8 else np.dtype("<u2" if little_endian == 0 else ">u2")
    said = Said()
    exposed = exposure(Cards({}), meta, said)
    exposure_s = exposed.value if exposed else 0.0
    sensor = detector(Cards({}), meta, said)
    half_ns = round(0.5 * exposure_s * NS_PER_S)
    times = _stamped(stamps, whole, start_utc, said)
    if color in BAYER:
        said.doubt(f"a Bayer mosaic {BAYER[color]}: its colours are searched as one")
    full_scale = float(2**depth - 1) if depth not in (8, 16) else None
    found = []
    for k, stamp in enumerate(times):
        t_mid, has_time = timed(meta, order + k, exposure_s) if stamp is None else (stamp + half_ns, True)
        source = f"{path.name}#{k}"
        reader = _Reader(path, HEADER.size + k * frame_bytes, dtype, (ny, nx), sensor, full_scale)
        found.append(Entry(source, (ny, nx), t_mid, exposure_s, 0, has_time, reader, used=said.used, doubts=tuple(said.doubts)))
    return found


class _Reader:
    def __init__(
        self, path: Path, offset: int, dtype: np.dtype, shape: tuple[int, int], sensor: Detector, full_scale_dn: float | None
    ):
        self.path, self.offset, self.dtype, self.shape = path, offset, dtype, shape
        self.sensor, self.full_scale_dn = sensor, full_scale_dn

    def __call__(self) -> Frame:
        if files.is_packed(self.path):
            data = np.frombuffer(files.content(self.path), self.dtype, self.shape[0] * self.shape[1], self.offset)
            data = data.reshape(self.shape)
        else:
            data = np.memmap(self.path, self.dtype, "r", self.offset, self.shape)
        missing = (*self.sensor.missing, NO_POINTING, NO_OBSERVER)
        data, facts = data.astype(self.dtype.newbyteorder("=")), self.sensor.facts
        return make_frame(data, self.path.name, 0, 0.0, facts, full_scale_dn=self.full_scale_dn, missing=missing)


def _stamped(stamps: np.ndarray | None, whole: int, start_utc: int, said: Said) -> list[int | None]:
    """Start of each exposure, TAI [ns], None where its stamp is no time."""
    if stamps is None:
        start = _tai_from_ticks(start_utc)
        if start is not None:
            said.doubt(f"no time of any frame; the header says that the first was taken at {utc_from_tai_ns(start)}")
        return [start if whole == 1 else None] * whole
    times = [_tai_from_ticks(int(ticks)) for ticks in stamps]
    bad = [k for k, time in enumerate(times) if time is None]
    if bad:
        said.doubt(f"{len(bad)} of {whole} time stamps are no times (frames {', '.join(map(str, bad[:8]))})")
    back = [k for k in range(1, whole) if times[k] is not None and times[k - 1] is not None and times[k] < times[k - 1]]  # type: ignore[operator]
    if back:
        said.doubt(f"the time stamp of frame {back[0]} lies before that of the frame before it")
    return _between(times) if len(bad) < whole else times


def _between(times: list[int | None]) -> list[int | None]:
    """Times with those that are not known laid evenly between their neighbours; at the ends they stay unknown."""
    known = [k for k, time in enumerate(times) if time is not None]
    places = np.interp(np.arange(len(times)), known, [float(times[k] - times[known[0]]) for k in known])  # type: ignore[operator]
    first = times[known[0]]
    assert first is not None
    inside = range(known[0], known[-1] + 1)
    return [time if time is not None else first + round(places[k]) if k in inside else None for k, time in enumerate(times)]


def _tai_from_ticks(ticks: int) -> int | None:
    days, rest = divmod(ticks & TICKS if ticks > 0 else 0, TICKS_PER_DAY)
    if not (FIRST_DAY - date(1, 1, 1)).days <= days < (LAST_DAY - date(1, 1, 1)).days:
        return None
    day = date(1, 1, 1) + timedelta(days=days)
    return tai_ns_from_utc(f"{day.isoformat()}T00:00:00") + rest * 100


def write(path: Path, frames: np.ndarray, start_ticks: list[int]) -> None:
    """Write (n, ny, nx) uint16 frames with their exposure-start ticks."""
    n, ny, nx = frames.shape
    texts = (b"".ljust(40),) * 3
    head = HEADER.pack(MAGIC, 0, 0, 0, nx, ny, 16, n, *texts, start_ticks[0], start_ticks[0])
    path.write_bytes(head + frames.astype("<u2").tobytes() + np.array(start_ticks, "<i8").tobytes())
