"""Folders of 8- or 16-bit PNG and TIFF images, page by page, in name order; times come from ``meta.json`` if there is one."""

import struct
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from sensorproc.errors import InputError
from sensorproc.frames import Frame
from sensorproc.recording import files
from sensorproc.recording.entry import NO_OBSERVER, NO_POINTING, Entry, untimed_ns
from sensorproc.recording.header.cards import Cards
from sensorproc.recording.header.exposure import exposure
from sensorproc.recording.header.found import Said
from sensorproc.recording.header.sensor import Detector, detector
from sensorproc.recording.pixels import make_frame
from sensorproc.timescales import NS_PER_S, tai_ns_from_utc

PNG_MAGIC, TIFF_MAGICS = b"\x89PNG\r\n\x1a\n", (b"II*\0", b"MM\0*")
MOST_PX = 1 << 27  # of one image: 8192 x 16384
DEPTHS = (np.uint8, np.uint16, np.float32)
MOST_PAGES = 100_000


def timed(meta: dict[str, Any], order: int, exposure_s: float) -> tuple[int, bool]:
    """Mid-exposure TAI [ns] of the ``order``-th frame and whether ``meta.json`` really gave it."""
    listed = meta.get("times_utc") or []
    if order < len(listed):
        return tai_ns_from_utc(listed[order]) + round(0.5 * exposure_s * NS_PER_S), True
    return untimed_ns(order), False


def entries(path: Path, meta: dict[str, Any], order: int) -> list[Entry]:
    """The entries of an image file, one for each of its pages.

    Raises
    ------
    InputError
        If OpenCV cannot decode it as 8 or 16 bits, or it says that it is larger than any image.
    """
    said = Said()
    exposed = exposure(Cards({}), meta, said)
    sensor = detector(Cards({}), meta, said)
    exposure_s = exposed.value if exposed else 0.0
    sizes = _page_sizes(files.content(path))
    found = []
    for page in range(len(sizes)):
        data, is_colour = _page(path, page, sizes)
        t_mid, has_time = timed(meta, order + page, exposure_s)
        doubts = (*said.doubts, *(("colours are added to one frame",) if is_colour else ()))
        name = path.name + (f"#{page}" if len(sizes) > 1 else "")
        reader = _Reader(path, page, sizes, sensor)
        found.append(Entry(name, data.shape, t_mid, exposure_s, 0, has_time, reader, used=said.used, doubts=doubts))
    return found


class _Reader:
    def __init__(self, path: Path, page: int, sizes: list[tuple[int, int]], sensor: Detector):
        self.path, self.page, self.sizes, self.sensor = path, page, sizes, sensor

    def __call__(self) -> Frame:
        data, _ = _page(self.path, self.page, self.sizes)
        missing = (*self.sensor.missing, NO_POINTING, NO_OBSERVER)
        return make_frame(data, self.path.name, 0, 0.0, self.sensor.facts, missing=missing)


def _page(path: Path, page: int, sizes: list[tuple[int, int]]) -> tuple[np.ndarray, bool]:
    """Pixels (ny, nx) of one page, colours added where they differ, and whether they do."""
    raw = np.frombuffer(files.content(path), np.uint8)
    try:
        if len(sizes) > 1:
            _, pages = cv2.imdecodemulti(raw, cv2.IMREAD_UNCHANGED, range=(page, page + 1))
            data = pages[0] if pages else None
        else:
            data = cv2.imdecode(raw, cv2.IMREAD_UNCHANGED)
    except cv2.error as error:
        raise InputError(f"{path}: not a readable image ({error.err or 'damaged'})") from None
    if data is None or data.dtype not in DEPTHS:
        raise InputError(f"{path}: not a readable 8- or 16-bit image")
    if data.ndim == 2:
        return data, False
    colours = data[:, :, :3] if data.shape[2] >= 3 else data[:, :, :1]
    if (colours == colours[:, :, :1]).all():
        return np.ascontiguousarray(colours[:, :, 0]), False
    return colours.sum(axis=2, dtype=np.float64), True


def _page_sizes(raw: bytes) -> list[tuple[int, int]]:
    """Sizes (ny, nx) of the pages of an image, from its own headers, before any memory is taken for its pixels."""
    if raw.startswith(PNG_MAGIC) and len(raw) >= 24:
        nx, ny = struct.unpack(">2I", raw[16:24])
        sizes = [(ny, nx)]
        _demand_whole_chunks(raw)
    elif raw[:4] in TIFF_MAGICS:
        sizes = _tiff_sizes(raw)
    else:
        raise InputError("not a PNG or TIFF file")
    if not sizes or any(ny * nx > MOST_PX or min(ny, nx) < 1 for ny, nx in sizes):
        ny, nx = sizes[0] if sizes else (0, 0)
        raise InputError(f"an image of {nx} x {ny} px in {len(raw)} bytes: not readable")
    return sizes


def _demand_whole_chunks(raw: bytes) -> None:
    """Demand that every chunk of a PNG lies in it (ISO 15948, 5.3): a decoder takes memory for what a chunk says."""
    at = len(PNG_MAGIC)
    while at + 8 <= len(raw):
        size, kind = struct.unpack(">I4s", raw[at : at + 8])
        at += 12 + size
        if at > len(raw):
            raise InputError("a PNG file that is cut or damaged")
        if kind == b"IEND":
            return


def _tiff_sizes(raw: bytes) -> list[tuple[int, int]]:
    """Sizes of the directories of a TIFF (TIFF 6.0, section 2); reduced copies (NewSubfileType 1) are no pages."""
    order = "<" if raw[:2] == b"II" else ">"
    sizes: list[tuple[int, int]] = []
    seen: set[int] = set()
    (at,) = struct.unpack(order + "I", raw[4:8])
    while at and at not in seen and at + 2 <= len(raw) and len(seen) < MOST_PAGES:
        seen.add(at)
        (count,) = struct.unpack(order + "H", raw[at : at + 2])
        tags = {}
        for k in range(count):
            field = raw[at + 2 + 12 * k : at + 14 + 12 * k]
            if len(field) < 12:
                return sizes
            tag, kind = struct.unpack(order + "2H", field[:4])
            tags[tag] = struct.unpack(order + ("H2x" if kind == 3 else "I"), field[8:12])[0]
        if 256 in tags and 257 in tags and not tags.get(254, 0) & 1:
            sizes.append((tags[257], tags[256]))
        end = at + 2 + 12 * count
        at = struct.unpack(order + "I", raw[end : end + 4])[0] if end + 4 <= len(raw) else 0
    return sizes
