"""Where a frame's middle points: nominal cards, a world coordinate system of any dialect, or right ascension and declination."""

import math
import re
import warnings
from typing import Any

import numpy as np

from sensorproc.conventions import FITS_ORIGIN
from sensorproc.geometry import Camera, as_rows, dcm_from_pointing, pointed, unit_from_radec
from sensorproc.recording.header.cards import ARCSECONDS, Cards
from sensorproc.recording.header.found import Found, Said

WCS_CARD = re.compile(
    r"(CTYPE|CRVAL|CRPIX|CDELT|CUNIT|CROTA)[12]|CD[12]_[12]|PC[12]_[12]|PC00[12]00[12]|PV[12]_\d+|LONPOLE|LATPOLE|RADESYSA?|EQUINOX"
)
AXES_NAMED = re.compile(r"(RA|DEC|[GE]L(ON|AT))-")
TANGENTIAL = re.compile(r"(RA-|DEC)--TAN(-SIP)?")
RADEC = (("RA", "DEC"), ("OBJCTRA", "OBJCTDEC"), ("RA_OBS", "DEC_OBS"), ("TELRA", "TELDEC"))
ROLLS = ("ROLL", "OBJCTROL")  # angle from East through North of image +x
SEXAGESIMAL = re.compile(r"\s*([+-]?)(\d+)[: hHdD°]+(\d+)[: mM']+([\d.]+)[sS\"]?\s*")
STEP_PX = 1.0  # of the differences that tell scale and roll at the middle of any projection


def pointing(cards: Cards, shape: tuple[int, int], ifov_arcsec: float | None, said: Said) -> Found[Camera] | None:
    """Pointing prior of a frame of ``shape`` (ny, nx): NOM_RA/NOM_DEC/NOM_ROLL, else a celestial WCS, else right ascension,
    declination and roll; None if there is none."""
    ny, nx = shape
    nominal = [cards.number(key) for key in ("NOM_RA", "NOM_DEC", "NOM_ROLL")]
    if ifov_arcsec and all(value is not None for value in nominal) and _is_on_sky(*nominal[:2]):
        camera = pointed((nx - 1) / 2, (ny - 1) / 2, ifov_arcsec, *map(float, nominal))  # type: ignore[arg-type]
        return Found(camera, "NOM_RA, NOM_DEC, NOM_ROLL")
    from_wcs = _of_wcs(cards, shape, said)
    if from_wcs is not None:
        return from_wcs
    roll = next(((c, v) for c in cards.present(*ROLLS) if (v := c.number(ARCSECONDS, 3600.0)) is not None), None)
    for keys in RADEC:
        texts = [cards.text(key) for key in keys]
        ra, dec = degrees_of(texts[0], 15.0, keys[0].startswith("OBJCT")), degrees_of(texts[1], 1.0)
        if ra is not None and dec is not None and _is_on_sky(ra, dec):
            if ifov_arcsec and roll:
                camera = pointed((nx - 1) / 2, (ny - 1) / 2, ifov_arcsec, ra, dec, roll[1] / 3600.0)
                return Found(camera, f"{' and '.join(keys)}, {roll[0]}")
            lacking = " and ".join(["a pixel scale"] * (not ifov_arcsec) + ["a roll (ROLL)"] * (not roll))
            said.doubt(f"{keys[0]} and {keys[1]} ({texts[0]}, {texts[1]}) are no attitude without {lacking}")
            return None
    return None


def scale_of(camera: Found[Camera] | None) -> Found[float] | None:
    """Pixel scale [arcsec/px] of a pointing."""
    return Found(math.degrees(camera.value.ifov_rad) * 3600.0, camera.source) if camera else None


def _is_on_sky(ra_deg: float | None, dec_deg: float | None) -> bool:
    return ra_deg is not None and dec_deg is not None and -180.0 <= ra_deg <= 360.0 and abs(dec_deg) <= 90.0


def _of_wcs(cards: Cards, shape: tuple[int, int], said: Said) -> Found[Camera] | None:
    if not all(AXES_NAMED.match(cards.text(f"CTYPE{axis}")) for axis in (1, 2)):
        return None
    names = f"{cards.text('CTYPE1')}, {cards.text('CTYPE2')}, CRVAL ({cards.text('CRVAL1')}, {cards.text('CRVAL2')})"
    try:
        camera = _camera(_wcs(cards), cards, shape)
    except Exception as error:  # wcslib raises whatever a contradiction trips over
        said.doubt(f"the WCS ({names}) is not understood ({str(error).strip().splitlines()[0] if str(error) else 'no reason'})")
        return None
    if camera is None:
        said.doubt(f"the WCS ({names}) has no scale: it is not used")
        return None
    return Found(camera, f"WCS {names}")


def _wcs(cards: Cards) -> Any:
    """astropy's WCS of the cards of two axes, None without a scale, without distortions: the solution learns them."""
    from astropy.io import fits

    from sensorproc.offline import WCS

    header = fits.Header()
    for card in cards.matching(WCS_CARD):
        value = card.value.strip() if isinstance(card.value, str) else card.value
        number = card.number()
        is_text = card.key.startswith(("CTYPE", "CUNIT", "RADESYS"))
        header[card.key] = str(value).removesuffix("-SIP") if is_text or number is None else number
    matrix = [key for key in header if key.startswith(("CD1_", "CD2_"))]
    if not any(header[key] for key in header if key in matrix or key.startswith("CDELT")):
        return None  # astropy would take it for a degree a pixel
    for key in [key for key in header if matrix and key.startswith(("CDELT", "CROTA", "PC"))]:
        del header[key]  # beside a CD matrix they are for older readers
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return WCS(header).celestial


def _camera(wcs: Any, cards: Cards, shape: tuple[int, int]) -> Camera | None:
    """A pinhole that agrees with a WCS: exactly with a tangential projection, else at the frame's middle."""
    if wcs is None:
        return None
    matrix = np.asarray(wcs.pixel_scale_matrix, float)
    if not np.isfinite(matrix).all() or abs(np.linalg.det(matrix)) < 1e-30:
        return None
    cx, cy = (float(v) - FITS_ORIGIN for v in wcs.wcs.crpix)
    is_plain = all(TANGENTIAL.fullmatch(cards.text(f"CTYPE{axis}")) for axis in (1, 2)) and wcs.wcs.lng == 0
    if not is_plain or not math.isclose(wcs.wcs.lonpole, 180.0):
        cx, cy = (shape[1] - 1) / 2, (shape[0] - 1) / 2
    ra, dec = _icrs(wcs, np.array([(cx, cy), (cx + STEP_PX, cy), (cx, cy + STEP_PX)]))
    if not np.isfinite(ra + dec).all():
        return None
    seen = np.einsum("ji,kj->ki", dcm_from_pointing(float(ra[0]), float(dec[0]), 0.0), unit_from_radec(ra, dec)[1:])
    east_north = seen[:, :2] / seen[:, 2:] / STEP_PX  # in the tangent plane (2 steps, east and north) [rad]
    determinant = float(np.linalg.det(east_north))
    if determinant == 0.0:
        return None
    parity = 1 if determinant > 0 else -1
    (a, c), (b, d) = east_north
    roll = math.atan2(parity * c - b, parity * a + d)
    dcm = dcm_from_pointing(float(ra[0]), float(dec[0]), roll)
    return Camera(math.sqrt(abs(determinant)), cx, cy, parity, as_rows(dcm))


def _icrs(wcs: Any, places: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Right ascension and declination [rad] of places (n, 2) [px from 0]."""
    is_icrs = wcs.wcs.lngtyp == "RA" and (
        wcs.wcs.radesys in ("", "ICRS") or (wcs.wcs.radesys == "FK5" and wcs.wcs.equinox == 2000.0)
    )
    if not is_icrs:
        sky = wcs.pixel_to_world(*places.T).icrs
        return np.asarray(sky.ra.rad), np.asarray(sky.dec.rad)
    world = np.radians(wcs.wcs_pix2world(places, 0))
    return world[:, wcs.wcs.lng], world[:, wcs.wcs.lat]


def degrees_of(text: str, degrees_per_unit: float, in_units: bool = False) -> float | None:
    """Degrees of ``'12:10:15.8'`` (hours for right ascension), or of a plain number, of degrees unless ``in_units``."""
    parts = SEXAGESIMAL.fullmatch(text)
    if parts:
        size = int(parts[2]) + int(parts[3]) / 60 + float(parts[4]) / 3600
        return (-size if parts[1] == "-" else size) * degrees_per_unit
    try:
        value = float(text)
    except ValueError:
        return None
    return value * (degrees_per_unit if in_units else 1.0) if math.isfinite(value) else None
