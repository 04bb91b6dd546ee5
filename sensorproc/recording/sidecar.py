"""What may lie beside the frames: ``meta.json``, a star table, a bad-pixel list. All optional, all CSV or JSON."""

import csv
import io
import json
from pathlib import Path
from typing import Any

import numpy as np

from sensorproc.errors import InputError
from sensorproc.flags import PixelFlag
from sensorproc.geometry import unit_from_radec
from sensorproc.onboard.star_table import StarTable
from sensorproc.recording.files import content
from sensorproc.timescales import tai_ns_from_utc

STAR_TABLES = ("catalog.csv", "catalog.csv.gz")
BAD_PIXELS = ("badpix.csv", "badpix.csv.gz")


def beside(folder: Path, *names: str) -> Path | None:
    """The first existing file of these names in the folder or, for a folder called ``frames``, in its parent."""
    places = [folder] + ([folder.parent] if folder.name == "frames" else [])
    return next((place / name for place in places for name in names if (place / name).is_file()), None)


def meta(folder: Path) -> dict[str, Any]:
    """The recording's ``meta.json``, empty if there is none."""
    path = beside(folder, "meta.json")
    if path is None:
        return {}
    try:
        values = json.loads(path.read_text("utf-8"))
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path}: not valid JSON ({error})") from None
    if not isinstance(values, dict):
        raise InputError(f"{path}: want a JSON object")
    listed = values.get("times_utc", [])
    if not isinstance(listed, list) or not all(isinstance(text, str) for text in listed):
        raise InputError(f"{path}: times_utc: want a list of UTC times as text")
    for text in listed:
        try:
            tai_ns_from_utc(text)
        except InputError as error:
            raise InputError(f"{path}: times_utc: {error}") from None
        if ":" not in text:
            raise InputError(f"{path}: times_utc: {text!r} is a day without a clock")
    return values


def star_table(path: Path) -> StarTable:
    """Stars from CSV, CSV.gz or ECSV with columns ra_deg, dec_deg, mag (ICRS).

    Raises
    ------
    InputError
        If a column is missing or a value is not a number in range.
    """
    rows = _columns(path, ("ra_deg", "dec_deg", "mag"))
    ra, dec = np.radians(rows[0]), np.radians(rows[1])
    if len(ra) == 0 or np.abs(rows[1]).max() > 90:
        raise InputError(f"{path}: holds no stars, or a declination beyond +-90 deg")
    order = np.argsort(rows[2], kind="stable")
    return StarTable(unit_from_radec(ra, dec)[order], rows[2][order])


def bad_pixels(path: Path, shape: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Dark map [e-/s] and flags, both of ``shape``, from a list with columns x, y, dark_e_per_s, kind."""
    x, y, dark = _columns(path, ("x", "y", "dark_e_per_s"))
    kinds = _texts(path, "kind")
    ix, iy = x.astype(int), y.astype(int)
    inside = (ix >= 0) & (ix < shape[1]) & (iy >= 0) & (iy < shape[0])
    if not inside.all():
        raise InputError(f"{path}: {int((~inside).sum())} pixels lie outside a {shape[1]} x {shape[0]} frame")
    dark_map, flags = np.zeros(shape, np.float32), np.zeros(shape, np.uint8)
    is_dead = np.array([kind.strip() == "dead" for kind in kinds])
    dark_map[iy, ix] = np.where(is_dead, 0.0, dark)
    flags[iy[is_dead], ix[is_dead]] = PixelFlag.DEAD.value
    return dark_map, flags


def calibration(folder: Path, shape: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Dark map and bad-pixel flags of a calibration folder.

    Raises
    ------
    InputError
        If it holds no ``badpix.csv`` or ``badpix.csv.gz``.
    """
    path = beside(folder, *BAD_PIXELS) if folder.is_dir() else None
    if path is None:
        raise InputError(f"{folder}: want a folder with badpix.csv or badpix.csv.gz")
    return bad_pixels(path, shape)


def _records(path: Path) -> list[dict[str, str]]:
    try:
        text = content(path).decode("utf-8")
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: unreadable ({error})") from None
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    delimiter = "," if lines and "," in lines[0] else " "
    try:
        return list(csv.DictReader(io.StringIO("\n".join(lines)), delimiter=delimiter))
    except csv.Error as error:
        raise InputError(f"{path}: not a table ({error})") from None


def _columns(path: Path, wanted: tuple[str, ...]) -> list[np.ndarray]:
    records = _records(path)
    if not records:
        raise InputError(f"{path}: holds no rows")
    lacking = [name for name in wanted if name not in records[0]]
    if lacking:
        raise InputError(f"{path}: want columns {', '.join(wanted)}; missing {', '.join(lacking)}")
    try:
        values = [np.array([float(record[name]) for record in records]) for name in wanted]
    except (TypeError, ValueError) as error:
        raise InputError(f"{path}: {error}") from None
    if not all(np.isfinite(column).all() for column in values):
        raise InputError(f"{path}: holds values that are not finite numbers")
    return values


def _texts(path: Path, name: str) -> list[str]:
    return [record.get(name) or "" for record in _records(path)]
