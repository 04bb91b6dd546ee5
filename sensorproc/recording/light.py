"""Which arrays of a FITS file are frames: not its masks, errors, weights and catalogues, and which axis of a cube is time."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from astropy.io import fits

from sensorproc.recording.header.cards import Cards
from sensorproc.recording.header.found import Said

IMAGE_TYPES = (fits.PrimaryHDU, fits.ImageHDU, fits.CompImageHDU)
SCIENCE = ("SCI", "SCIENCE", "IMAGE", "IMG", "DATA", "PRIMARY", "LIGHT")
MASKS = ("MASK", "MSK", "BPM", "DQ", "DATA_QUALITY", "FLAGS", "BADPIX")  # not zero where a pixel is not to be used
NO_FRAMES = (
    *MASKS, "ERR", "ERROR", "VAR", "VARIANCE", "STD", "STDDEV", "UNCERT", "UNC", "NOISE", "RMS", "SIGMA", "WEIGHT", "WHT", "WT",
    "IVAR", "CAT", "CATALOG", "BKG", "BACKGROUND", "SKY", "PSF", "EXPMAP", "CONFIDENCE", "CONF", "CON", "CTX", "SEG",
    "DARK", "BIAS", "FLAT", "PREVIEW", "THUMB", "THUMBNAIL",
)  # fmt: skip
HDUCLASSES = {"ERROR": "ERR", "QUALITY": "DQ", "MASK": "MASK", "VARIANCE": "VAR", "DATA": "SCI"}  # of HDUCLAS2, HDUCLAS1
TIME_AXES = ("TIME", "UTC", "TAI", "TT", "TDB", "GPS", "FRAME")
COLOUR_AXES = ("RGB", "COLOR", "COLOUR", "CHANNEL", "BAND")


@dataclass(frozen=True)
class Light:
    """One array that is a frame: its HDU, the plane of a cube that is time, how many ``colours`` are added (0: it has none), the
    HDUs of its masks."""

    hdu: int
    shape: tuple[int, int]
    plane: int | None
    colours: int = 0
    masks: tuple[int, ...] = ()


def lights(hdus: Sequence[Any], headers: Sequence[Cards], has_cadence: Sequence[bool], said: Said) -> list[Light]:
    """The frames of a file. What is none of them is ``said`` by name."""
    images = [k for k, hdu in enumerate(hdus) if isinstance(hdu, IMAGE_TYPES) and _inner(hdu.shape) is not None]
    roles = {k: _role(headers[k]) for k in images}
    science = [k for k in images if roles[k] in SCIENCE and roles[k] != "PRIMARY"]
    chosen = [k for k in images if roles[k] not in NO_FRAMES and (k in science or not science or not roles[k])]
    left_out = [k for k in images if k not in chosen]
    if left_out:
        said.doubt(f"not frames: {', '.join(dict.fromkeys(roles[k] or f'HDU {k}' for k in left_out))}")
    found = []
    for k in chosen:
        shape = _inner(hdus[k].shape)
        assert shape is not None
        masks = tuple(m for m in left_out if roles[m] in MASKS and _inner(hdus[m].shape) == shape)
        found += _planes(k, shape, headers[k], has_cadence[k], masks if len(chosen) == 1 else (), said)
    return found


def _inner(shape: tuple[int, ...]) -> tuple[int, ...] | None:
    """A shape of two or three axes, without axes of one at its end; None if it is no image's."""
    while len(shape) > 2 and shape[0] == 1:
        shape = shape[1:]
    return shape if len(shape) in (2, 3) and min(shape) > 0 else None


def _role(cards: Cards) -> str:
    """Name of what an HDU holds, without its number; empty where it does not say."""
    own = Cards(cards.own)
    name = own.text("EXTNAME").upper() or HDUCLASSES.get((own.text("HDUCLAS2") or own.text("HDUCLAS1")).upper(), "")
    return name.rstrip("0123456789").rstrip("_-. ") if name != "COMPRESSED_IMAGE" else ""


def _planes(k: int, shape: tuple[int, ...], cards: Cards, has_cadence: bool, masks: tuple[int, ...], said: Said) -> list[Light]:
    size = (shape[-2], shape[-1])
    if len(shape) == 2:
        return [Light(k, size, None, masks=masks)]
    n, axis = shape[0], cards.text("CTYPE3").upper()
    is_time = axis.startswith(TIME_AXES) or (not axis and has_cadence)
    is_colour = axis.startswith(COLOUR_AXES) or (not axis and not is_time and n in (3, 4))
    if is_colour and n <= 4:
        said.doubt(f"{n} colour planes are added to one frame")
        return [Light(k, size, None, colours=min(n, 3), masks=masks)]
    if not is_time and axis:
        said.doubt(f"a third axis of {axis} is not time: its {n} planes are no frames")
        return []
    if not is_time:
        said.doubt(f"a third axis of {n} planes does not say what it is: taken for frames without time (CADENCE would tell)")
    return [Light(k, size, plane, masks=masks) for plane in range(n)]
