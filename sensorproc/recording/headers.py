"""FITS keywords to facts. The tables of names are here; ``fits`` reads the files."""

import math
import re
from typing import Any

import numpy as np

from sensorproc.conventions import FITS_ORIGIN
from sensorproc.errors import InputError
from sensorproc.frames import AttitudeSample, ObserverState, SensorFacts
from sensorproc.geometry import Camera, as_rows, dcm_from_pointing
from sensorproc.timescales import NS_PER_S, leap_seconds_at, tai_ns_from_utc

ALIASES = {
    "gain_e_per_dn": ("GAIN", "EGAIN"),
    "read_noise_e": ("RDNOISE", "READNOIS"),
    "bias_dn": ("BIASLVL", "BIAS"),
    "full_well_e": ("FULLWELL",),
    "ifov_arcsec": ("IFOV", "PIXSCALE"),
    "zeropoint_mag": ("ZEROPT",),
}
META_KEYS = {
    "gain_e_per_dn": "gain_e_per_dn",
    "read_noise_e": "read_noise_e",
    "bias_dn": "bias_dn",
    "full_well_e": "full_well_e",
    "ifov_arcsec": "ifov_arcsec",
    "zeropoint_mag": "zeropoint_mag_1e_per_s",
}
POSITIVE = ("gain_e_per_dn", "full_well_e", "ifov_arcsec")  # zero in a header means "not known"
NOT_REAL = ("SIMULATED", "EXERCISE", "TEST")  # data modes; in this order where a recording holds several
MAX_EXPOSURE_S = 86400.0
SANE_RADIUS_KM = (6000.0, 2e6)  # of an observer around the Earth
SANE_SPEED_KM_S = 20.0
MEANINGS = {
    "gain_e_per_dn": "gain (taken as 1 e-/DN, fluxes are in DN)",
    "read_noise_e": "read noise (estimated from the frames)",
    "bias_dn": "bias level (part of the fitted background)",
    "full_well_e": "full well (only converter saturation is flagged)",
    "ifov_arcsec": "pixel scale",
    "zeropoint_mag": "photometric zero point (no magnitudes)",
}


def number(header: Any, *keys: str) -> float | None:
    """First finite number under any of the keys; text like ``'1.10    '`` counts."""
    for key in keys:
        try:
            value = float(header[key])
        except (KeyError, TypeError, ValueError):
            continue
        if math.isfinite(value):
            return value
    return None


def facts(header: Any, meta: dict[str, Any]) -> tuple[SensorFacts, tuple[str, ...]]:
    """Sensor facts of a header, completed from the recording's ``meta.json``, and what neither had."""
    values: dict[str, float | None] = {}
    for name, keys in ALIASES.items():
        value = number(header, *keys)
        value = value if value is not None else number(meta, META_KEYS[name])
        values[name] = None if name in POSITIVE and value is not None and value <= 0 else value
    if values["full_well_e"] is None and values["gain_e_per_dn"] and number(header, "SATURATE"):
        values["full_well_e"] = (number(header, "SATURATE") or 0.0) * values["gain_e_per_dn"]
    return SensorFacts(**values), tuple(MEANINGS[name] for name, value in values.items() if value is None)


def data_mode(header: Any) -> str | None:
    """What a frame says it is where it is not all of the real sky (card DATAMODE)."""
    text = str(header.get("DATAMODE", "") or "").strip().upper()
    return text if text in NOT_REAL else None


def exposure(header: Any, meta: dict[str, Any]) -> float | None:
    """Exposure time [s]; None if absent, not positive or longer than a day."""
    value = number(header, "EXPTIME", "AEXPTIME", "EXPOSURE")
    value = value if value is not None else number(meta, "exposure_s")
    return value if value is not None and 0.0 < value < MAX_EXPOSURE_S else None


def mid_time(header: Any, exposure_s: float | None) -> int | None:
    """Mid-exposure TAI [ns] from DATE-OBS (exposure start, in TIMESYS); None if absent or no ISO 8601 time.

    Raises
    ------
    InputError
        If TIMESYS is neither UTC nor TAI.
    """
    text = str(header.get("DATE-OBS", "") or "").strip()
    system = str(header.get("TIMESYS", "UTC")).strip() or "UTC"
    if system not in ("UTC", "TAI"):
        raise InputError(f"TIMESYS {system!r}: only UTC and TAI are read; convert the recording")
    try:
        start = tai_ns_from_utc(text)
    except InputError:
        return None
    if system == "TAI":  # the text named a TAI time: take back the leap seconds that reading it as UTC put in
        start -= leap_seconds_at(start) * NS_PER_S
    return start + round((exposure_s or 0.0) * 0.5 * NS_PER_S)


def camera(header: Any, shape: tuple[int, int], ifov_arcsec: float | None) -> Camera | None:
    """Pointing prior: NOM_RA/NOM_DEC/NOM_ROLL, else a celestial WCS, else RA/DEC + ROLL; None if there is none."""
    ny, nx = shape
    nominal = [number(header, key) for key in ("NOM_RA", "NOM_DEC", "NOM_ROLL")]
    if ifov_arcsec and all(value is not None for value in nominal) and _is_on_sky(*nominal[:2]):
        return pointed((nx - 1) / 2, (ny - 1) / 2, ifov_arcsec, *map(float, nominal))  # type: ignore[arg-type]
    from_wcs = _wcs_camera(header)
    if from_wcs is not None:
        return from_wcs
    ra, dec = sexagesimal(header.get("RA"), 15.0), sexagesimal(header.get("DEC"), 1.0)
    roll = number(header, "ROLL", "OBJCTROL")
    if ifov_arcsec and ra is not None and dec is not None and roll is not None and _is_on_sky(ra, dec):
        return pointed((nx - 1) / 2, (ny - 1) / 2, ifov_arcsec, ra, dec, roll)
    return None


def _is_on_sky(ra_deg: float | None, dec_deg: float | None) -> bool:
    return ra_deg is not None and dec_deg is not None and -180.0 <= ra_deg <= 360.0 and abs(dec_deg) <= 90.0


def pointed(x0: float, y0: float, ifov_arcsec: float, ra_deg: float, dec_deg: float, roll_deg: float) -> Camera:
    """A camera of parity +1 from angles in degrees."""
    dcm = dcm_from_pointing(math.radians(ra_deg), math.radians(dec_deg), math.radians(roll_deg))
    return Camera(math.radians(ifov_arcsec / 3600.0), x0, y0, 1, as_rows(dcm))


def _wcs_camera(header: Any) -> Camera | None:
    if not str(header.get("CTYPE1", "")).startswith("RA--"):
        return None
    cards = ("CRVAL1", "CRVAL2", "CRPIX1", "CRPIX2", "CD1_1", "CD1_2", "CD2_1", "CD2_2")
    values = [number(header, key) for key in cards]
    if any(value is None for value in values):
        return None
    ra, dec, cx, cy, a, b, c, d = map(float, values)  # type: ignore[arg-type]
    determinant = a * d - b * c
    if determinant == 0.0 or not _is_on_sky(ra, dec):
        return None
    parity = 1 if determinant > 0 else -1
    roll = math.atan2(parity * c, parity * a)
    ifov = math.radians(math.sqrt(abs(determinant)))
    dcm = dcm_from_pointing(math.radians(ra), math.radians(dec), roll)
    return Camera(ifov, cx - FITS_ORIGIN, cy - FITS_ORIGIN, parity, as_rows(dcm))


def sexagesimal(value: Any, degrees_per_unit: float) -> float | None:
    """Degrees of ``'12:10:15.8'`` (hours for right ascension) or of a plain number of degrees."""
    parts = re.fullmatch(r"\s*([+-]?)(\d+)[: ]+(\d+)[: ]+([\d.]+)\s*", str(value or ""))
    if parts:
        size = int(parts[2]) + int(parts[3]) / 60 + float(parts[4]) / 3600
        return (-size if parts[1] == "-" else size) * degrees_per_unit
    return number({"v": value}, "v")


def observer(header: Any) -> ObserverState | None:
    """Observer at mid-exposure: SAT_* (GCRF) or NEOSSat's JPOS2/JVEL2 (J2000; the frame bias of 0.023 arcsec
    turns 42 000 km by 5 m and is ignored)."""
    for position, velocity in (
        (("SAT_X", "SAT_Y", "SAT_Z"), ("SAT_VX", "SAT_VY", "SAT_VZ")),
        (tuple(f"JPOS2_{i}" for i in (1, 2, 3)), tuple(f"JVEL2_{i}" for i in (1, 2, 3))),
    ):
        values = [number(header, key) for key in (*position, *velocity)]
        if all(value is not None for value in values):
            p, v = np.array(values[:3], float), np.array(values[3:], float)
            radius, speed = float(np.hypot.reduce(p)), float(np.hypot.reduce(v))
            if not SANE_RADIUS_KM[0] < radius < SANE_RADIUS_KM[1] or speed > SANE_SPEED_KM_S:
                continue
            return ObserverState(tuple(p.tolist()), tuple(v.tolist()))
    return None


def attitude(header: Any) -> tuple[AttitudeSample, ...]:
    """NEOSSat's attitude history: DELT_nnn [s] and DEV_nnn [arcsec], body axes."""
    samples = []
    for i in range(int(number(header, "HIST_NB") or 0)):
        dt, text = number(header, f"DELT_{i:03d}"), header.get(f"DEV_{i:03d}")
        try:
            angles = tuple(float(part) for part in str(text).split())
        except ValueError:
            continue
        if dt is not None and len(angles) == 3:
            samples.append(AttitudeSample(dt, angles))
    return tuple(samples)


def slew_arcsec_s(header: Any) -> float | None:
    """Mean boresight rate over the exposure from NEOSSat's RA_VEL [h/s] and DEC_VEL [deg/s]."""
    ra, dec, at = number(header, "RA_VEL"), number(header, "DEC_VEL"), number(header, "CRVAL2")
    if ra is None or dec is None:
        return None
    return 3600.0 * math.hypot(15.0 * ra * math.cos(math.radians(at or 0.0)), dec)


def section_columns(text: Any, nx: int) -> slice | None:
    """Columns of a FITS section ``[1:16,1:1020]`` as a 0-based slice, None unless inside the image."""
    match = re.fullmatch(r"\s*\[(\d+):(\d+),\d+:\d+\]\s*", str(text or ""))
    if match is None or not 1 <= int(match[1]) <= int(match[2]) <= nx:
        return None
    return slice(int(match[1]) - FITS_ORIGIN, int(match[2]))
