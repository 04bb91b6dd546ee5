"""Folders of 8- or 16-bit PNG and TIFF images, in name order; times come from ``meta.json`` if there is one."""

from pathlib import Path
from typing import Any

import cv2
import numpy as np

from sensorproc.errors import InputError
from sensorproc.frames import Frame, SensorFacts
from sensorproc.recording import headers
from sensorproc.recording.entry import Entry, make_frame
from sensorproc.recording.fits import UNTIMED_TAI_NS
from sensorproc.timescales import NS_PER_S, tai_ns_from_utc

SUFFIXES = (".png", ".tif", ".tiff")
NO_HEADER = ("pointing (no sky positions without a plate solution)", "observer position (no sensor state in messages)")


def read_image(path: Path) -> np.ndarray:
    """Pixels of one image, first channel.

    Raises
    ------
    InputError
        If OpenCV cannot decode it as 8 or 16 bits.
    """
    data = cv2.imdecode(np.fromfile(path, np.uint8), cv2.IMREAD_UNCHANGED) if path.stat().st_size else None
    if data is None or data.dtype not in (np.uint8, np.uint16):
        raise InputError(f"{path}: not a readable 8- or 16-bit image")
    return data if data.ndim == 2 else data[:, :, 0]


def timed(meta: dict[str, Any], order: int, exposure_s: float) -> tuple[int, bool]:
    """Mid-exposure TAI [ns] of the ``order``-th frame and whether ``meta.json`` really gave it."""
    listed = meta.get("times_utc") or []
    if order < len(listed):
        return tai_ns_from_utc(listed[order]) + round(0.5 * exposure_s * NS_PER_S), True
    return UNTIMED_TAI_NS + order * NS_PER_S, False


def entries(path: Path, meta: dict[str, Any], order: int) -> list[Entry]:
    """The one entry of an image file."""
    exposure_s = headers.exposure({}, meta) or 0.0
    t_mid, has_time = timed(meta, order, exposure_s)
    facts, missing = headers.facts({}, meta)
    if not has_time:
        missing += ("time of exposure (frames counted as one second apart)",)
    reader = _Reader(path, t_mid, exposure_s, facts, missing + NO_HEADER, has_time)
    return [Entry(path.name, read_image(path).shape, t_mid, exposure_s, 0, has_time, reader)]


class _Reader:
    def __init__(self, path: Path, t_mid: int, exposure_s: float, facts: SensorFacts, missing: tuple[str, ...], timed: bool):
        self.path, self.t_mid, self.exposure_s, self.facts, self.missing = path, t_mid, exposure_s, facts, missing
        self.has_time = timed

    def __call__(self) -> Frame:
        data = read_image(self.path)
        head = data, self.path.name, self.t_mid, self.exposure_s, self.facts
        return make_frame(*head, missing=self.missing, has_time=self.has_time)
