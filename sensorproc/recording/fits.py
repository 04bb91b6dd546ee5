"""FITS files: single images, cubes and several extensions; plain, NEOSSat and SatSim headers.

uint16 is read lazily, one frame at a time: ``section`` reads only its rows, where a memory map cannot (BZERO).
"""

import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from astropy.io import fits
from astropy.utils.exceptions import AstropyUserWarning

from sensorproc.errors import InputError
from sensorproc.frames import Frame
from sensorproc.recording import headers
from sensorproc.recording.entry import Entry, make_frame
from sensorproc.timescales import NS_PER_S, tai_ns_from_utc

UNTIMED_TAI_NS = tai_ns_from_utc("1972-01-01")  # frames without a time count seconds from here, and say so
IMAGE_TYPES = (fits.PrimaryHDU, fits.ImageHDU, fits.CompImageHDU)


def entries(path: Path, meta: dict[str, Any], order: int) -> list[Entry]:
    """Entries of one file; ``order`` is its place in the recording, used where it has no time.

    Raises
    ------
    InputError
        If the file is not FITS, is cut short, or holds no image.
    """
    found: list[Entry] = []
    try:
        with _opened(path) as hdus:
            primary = hdus[0].header
            for number, hdu in enumerate(hdus):
                if isinstance(hdu, IMAGE_TYPES) and len(hdu.shape) in (2, 3) and min(hdu.shape) > 0:
                    header = primary + hdu.header if number else primary
                    found.extend(_of_image(path, number, hdu.shape, header, meta, order + len(found)))
    except InputError as error:
        raise InputError(f"{path}: {error}") from None
    except Exception as error:  # astropy raises whatever the damage trips over
        raise InputError(f"{path}: not a readable FITS file ({_first_line(error)})") from None
    if not found:
        raise InputError(f"{path}: holds no 2-D or 3-D image")
    return found


def _opened(path: Path) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # odd cards are common and harmless; a short file is neither
        warnings.filterwarnings("error", ".*truncated.*", AstropyUserWarning)
        return fits.open(path, memmap=False, lazy_load_hdus=False)


def _of_image(path: Path, hdu: int, shape: tuple[int, ...], header: Any, meta: dict[str, Any], order: int) -> Iterator[Entry]:
    exposure_s = headers.exposure(header, meta)
    start = headers.mid_time(header, exposure_s)
    planes: list[int | None] = [None] if len(shape) == 2 else list(range(shape[0]))
    cadence_s = headers.number(header, "CADENCE") or headers.number(meta, "cadence_s")
    for plane in planes:
        t_mid = _plane_time(start, plane, cadence_s, exposure_s, meta, order + (plane or 0))
        time_known = t_mid is not None
        if t_mid is None:
            t_mid = UNTIMED_TAI_NS + (order + (plane or 0)) * NS_PER_S
        name = path.name + (f"[{hdu}]" if hdu else "") + (f"#{plane}" if plane is not None else "")
        detector = int(headers.number(header, "DETECNUM", "CCDNUM") or 0)
        yield Entry(
            source=name,
            shape=(shape[-2], shape[-1]),
            t_mid_tai_ns=t_mid,
            exposure_s=exposure_s or 0.0,
            detector=detector,
            has_time=time_known,
            read=_Reader(path, hdu, plane, name, t_mid, time_known, exposure_s, detector, meta),
            data_mode=headers.data_mode(header),
        )


def _plane_time(
    start: int | None, plane: int | None, cadence_s: float | None, exposure_s: float | None, meta: Any, order: int
) -> int | None:
    listed = meta.get("times_utc") or []
    if plane is None and start is not None:
        return start
    if order < len(listed):
        return tai_ns_from_utc(listed[order]) + round((exposure_s or 0.0) * 0.5 * NS_PER_S)
    if start is not None and cadence_s:
        return start + round((plane or 0) * cadence_s * NS_PER_S)
    return None  # a cube without a cadence: the time of its first plane alone would tear it apart


class _Reader:
    """Reads one plane when called; picklable, so that a recording can be handed to another process."""

    def __init__(self, path: Path, hdu: int, plane: int | None, name: str, t_mid: int, *rest: Any):
        self.path, self.hdu, self.plane, self.name, self.t_mid = path, hdu, plane, name, t_mid
        self.has_time, self.exposure_s, self.detector, self.meta = rest

    def __call__(self) -> Frame:
        try:
            with _opened(self.path) as hdus:
                image = hdus[self.hdu]
                header = hdus[0].header + image.header if self.hdu else image.header
                data = np.array(image.data if self.plane is None else image.section[self.plane])
            return self._frame(header, data)
        except Exception as error:  # astropy raises whatever the damage trips over, in cards as in pixels
            raise InputError(f"{self.path}: unreadable, file damaged ({_first_line(error)})") from None

    def _frame(self, header: Any, data: np.ndarray) -> Frame:
        facts, missing = headers.facts(header, self.meta)
        pointing = headers.camera(header, data.shape, facts.ifov_arcsec)
        state = headers.observer(header)
        lacking = [
            (self.has_time, "time of exposure (frames counted as one second apart)"),
            (self.exposure_s is not None, "exposure time (taken as 0 s)"),
            (pointing is not None, "pointing (no sky positions without a plate solution)"),
            (state is not None, "observer position (no sensor state in messages)"),
        ]
        return make_frame(
            data,
            self.name,
            self.t_mid,
            self.exposure_s or 0.0,
            facts,
            headers.section_columns(header.get("BIASSEC"), data.shape[1]),
            detector=self.detector,
            camera=pointing,
            observer=state,
            attitude=headers.attitude(header),
            slew_arcsec_s=headers.slew_arcsec_s(header),
            has_time=self.has_time,
            missing=missing + tuple(text for has, text in lacking if not has),
        )


def header_of(entry: Entry) -> fits.Header | None:
    """The header of the file an entry came from; None if that was not FITS.

    Raises
    ------
    InputError
        If the file cannot be read any more.
    """
    if not isinstance(entry.read, _Reader):
        return None
    try:
        with _opened(entry.read.path) as hdus:
            header = hdus[0].header + hdus[entry.read.hdu].header if entry.read.hdu else hdus[0].header
            return fits.Header(header.copy(strip=True))
    except Exception as error:  # astropy raises whatever the damage trips over
        raise InputError(f"{entry.read.path}: unreadable, file damaged ({_first_line(error)})") from None


def _first_line(error: Exception) -> str:
    return (str(error) or type(error).__name__).splitlines()[0].rstrip(".")
