"""FITS files: single images, cubes and several extensions.

uint16 is read lazily, one frame at a time: ``section`` reads only its rows, where a memory map cannot (BZERO).
"""

import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from astropy.io import fits
from astropy.utils.exceptions import AstropyUserWarning

from sensorproc.conventions import FITS_ORIGIN
from sensorproc.errors import InputError
from sensorproc.flags import PixelFlag
from sensorproc.frames import Frame
from sensorproc.onboard.products import freeze
from sensorproc.recording import files
from sensorproc.recording.entry import NO_EXPOSURE, NO_OBSERVER, NO_POINTING, Entry, untimed_ns
from sensorproc.recording.fits_sizes import demand_sane_sizes
from sensorproc.recording.header.cards import Cards
from sensorproc.recording.header.facts import Facts, facts_of
from sensorproc.recording.header.found import Said
from sensorproc.recording.header.mode import calibration_kind, data_mode
from sensorproc.recording.light import Light, lights
from sensorproc.recording.pixels import make_frame
from sensorproc.timescales import NS_PER_S, tai_ns_from_utc

MOST_DETECTOR = 255  # one byte of the packets


def entries(path: Path, meta: dict[str, Any], order: int) -> list[Entry]:
    """Entries of one file; ``order`` is its place in the recording, used where it has no time.

    Raises
    ------
    InputError
        If the file is not FITS, is cut short, or holds no image.
    """
    said = Said()
    with _opened(path) as hdus:
        headers = [Cards(hdu.header, hdus[0].header if k else {}) for k, hdu in enumerate(hdus)]
        found = lights(hdus, headers, [bool(_cadence_s(cards, meta)) for cards in headers], said)
    if not found:
        raise InputError(f"{path}: holds no frame{''.join(f'; {text}' for text in said.doubts)}")
    read = [_entry(path, light, headers[light.hdu], meta, order + k) for k, light in enumerate(found)]
    mode = data_mode(headers)
    return [replace(entry, data_mode=mode, doubts=(*said.doubts, *entry.doubts)) for entry in read]


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    """HDUs of a file. A packed one is unpacked first, to a bounded size."""
    source: Any = BytesIO(files.content(path)) if files.is_packed(path) else path.open("rb")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # odd cards are common and harmless; a short file is neither
        warnings.filterwarnings("error", ".*truncated.*", AstropyUserWarning)
        try:
            with source:
                demand_sane_sizes(source)
                source.seek(0)
                with fits.open(source, memmap=False, lazy_load_hdus=False) as hdus:
                    yield hdus
        except InputError as error:
            raise InputError(f"{path}: {error}") from None
        except Exception as error:  # astropy raises whatever the damage trips over
            raise InputError(f"{path}: not a readable FITS file ({_first_line(error)})") from None


def _cadence_s(cards: Cards, meta: dict[str, Any]) -> float | None:
    stated = meta.get("cadence_s")
    return cards.number("CADENCE") or (float(stated) if isinstance(stated, int | float) else None)


def _entry(path: Path, light: Light, cards: Cards, meta: dict[str, Any], order: int) -> Entry:
    said = Said()
    facts = facts_of(cards, light.shape, meta, said)
    cadence_s = _cadence_s(cards, meta)
    t_mid = _plane_time(facts, light.plane, cadence_s, meta, order)
    hdu, plane = light.hdu, light.plane
    number = cards.number("DETECNUM", "CCDNUM") or 0.0
    if number != int(number) or not 0 <= number <= MOST_DETECTOR:
        raise InputError(f"{path}: detector {number:g}: want a whole number from 0 to {MOST_DETECTOR}")
    return Entry(
        source=path.name + (f"[{hdu}]" if hdu else "") + (f"#{plane}" if plane is not None else ""),
        shape=light.shape,
        t_mid_tai_ns=untimed_ns(order) if t_mid is None else t_mid,
        exposure_s=facts.exposure_s or 0.0,
        detector=int(number),
        has_time=t_mid is not None,
        read=_Reader(path, light, facts, _columns(cards.text("BIASSEC"), light.shape[1])),
        instrument=" ".join(filter(None, (cards.text("TELESCOP"), cards.text("INSTRUME")))),
        calibration=calibration_kind(cards),
        cadence_s=cadence_s,
        used=said.used,
        doubts=tuple(said.doubts),
    )


def _plane_time(facts: Facts, plane: int | None, cadence_s: float | None, meta: Any, order: int) -> int | None:
    listed = meta.get("times_utc") or []
    if plane is None and facts.t_mid_tai_ns is not None:
        return facts.t_mid_tai_ns
    if order < len(listed):
        return tai_ns_from_utc(listed[order]) + round((facts.exposure_s or 0.0) * 0.5 * NS_PER_S)
    if facts.t_mid_tai_ns is not None and cadence_s:
        return facts.t_mid_tai_ns + round((plane or 0) * cadence_s * NS_PER_S)
    return None  # a cube without a cadence: the time of its first plane alone would tear it apart


class _Reader:
    """Reads one frame when called; picklable, so that a recording can be handed to another process."""

    def __init__(self, path: Path, light: Light, facts: Facts, overscan: slice | None):
        self.path, self.light, self.facts, self.overscan = path, light, facts, overscan

    def __call__(self) -> Frame:
        light = self.light
        with _opened(self.path) as hdus:
            image = hdus[light.hdu]
            data = np.array(image.section[light.plane] if light.plane is not None else image.data)
            masks = [np.array(hdus[k].data).reshape(light.shape) != 0 for k in light.masks]
        if light.colours:
            data = data.reshape(-1, *light.shape)[: light.colours].astype(np.float64).sum(axis=0)
        return self._frame(data.reshape(light.shape), masks)

    def _frame(self, data: np.ndarray, masks: list[np.ndarray]) -> Frame:
        facts = self.facts
        lacking = ((facts.exposure_s, NO_EXPOSURE), (facts.camera, NO_POINTING), (facts.observer, NO_OBSERVER))
        frame = make_frame(
            data, self.path.name, 0, 0.0, facts.detector.facts, self.overscan, facts.detector.saturation_dn,
            camera=facts.camera, observer=facts.observer, attitude=facts.attitude, slew_arcsec_s=facts.slew_arcsec_s,
            missing=facts.detector.missing + tuple(text for value, text in lacking if value is None),
        )  # fmt: skip
        if not masks:
            return frame
        flags = frame.flags | np.logical_or.reduce(masks) * np.uint8(PixelFlag.NO_DATA)
        freeze(flags)
        return replace(frame, flags=flags)


def header_of(entry: Entry) -> fits.Header | None:
    """The header of the file an entry came from; None if that was not FITS.

    Raises
    ------
    InputError
        If the file cannot be read any more.
    """
    if not isinstance(entry.read, _Reader):
        return None
    with _opened(entry.read.path) as hdus:
        number = entry.read.light.hdu
        header = hdus[0].header + hdus[number].header if number else hdus[0].header
        return fits.Header(header.copy(strip=True))


def _columns(text: str, nx: int) -> slice | None:
    """Columns of a FITS section ``[1:16,1:1020]`` as a 0-based slice, None unless inside the image."""
    match = re.fullmatch(r"\[(\d+):(\d+),\d+:\d+\]", text)
    if match is None or not 1 <= int(match[1]) <= int(match[2]) <= nx:
        return None
    return slice(int(match[1]) - FITS_ORIGIN, int(match[2]))


def _first_line(error: Exception) -> str:
    return (str(error) or type(error).__name__).splitlines()[0].rstrip(".")
