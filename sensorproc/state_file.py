"""The payload's state as a file, so that a second recording begins with what the first has taught: FITS, one set of extensions a
detector.

``STATE`` is a table of one row with counts and optics, ``DARK``, ``BAD``, ``WARM``, ``LEARNT`` and ``LEARNT_INFORMATION`` are the
maps of :class:`~sensorproc.onboard.state.PayloadState`, as far as there are any; ``EXTVER`` is the detector's number plus one.
"""

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from astropy.io import fits
from astropy.utils.exceptions import AstropyWarning

from sensorproc.errors import InputError
from sensorproc.onboard.state import LearntDark, Optics, PayloadState

STATE_VERSION = 1
MAPS = {"DARK": np.float32, "BAD": np.uint8, "WARM": np.float32, "LEARNT": np.float32, "LEARNT_INFORMATION": np.float32}


def write_states(path: Path, states: Mapping[int, PayloadState], binning: int = 1) -> None:
    """Write the states of all detectors, of frames that sum ``binning`` x ``binning`` pixels, replacing the file in one step.

    Raises
    ------
    InputError
        If the file cannot be written.
    """
    hdus = fits.HDUList([fits.PrimaryHDU()])
    hdus[0].header["SPSTATE"] = (STATE_VERSION, "state of a sensorproc payload")
    hdus[0].header["BINNING"] = (binning, "x as many pixels of the detector are one")
    for detector, state in sorted(states.items()):
        hdus += _extensions(detector, state)
    temporary = path.with_name(path.name + ".tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        hdus.writeto(temporary, overwrite=True)
        temporary.replace(path)
    except OSError as error:
        raise InputError(f"{path}: the state cannot be written ({error})") from None


def _extensions(detector: int, state: PayloadState) -> list[fits.ImageHDU | fits.BinTableHDU]:
    from sensorproc.offline import Table

    row: dict[str, Any] = {"n_sets": state.n_sets, "null_found": state.null_found, "null_expected": state.null_expected}
    if (optics := state.optics) is not None:
        row |= {"ifov_rad": optics.ifov_rad, "parity": optics.parity, "information": optics.information}
        row |= {"distortion": np.array(optics.distortion)} if optics.distortion else {}
    table = fits.table_to_hdu(Table([row]))
    table.name, table.ver = "STATE", detector + 1
    table.header["DIGEST"] = (state.digest().hex(), "first 8 bytes of SHA-256 over the content")
    learnt = (state.learnt.dark_e_s, state.learnt.information) if state.learnt else (None, None)
    maps = zip(MAPS, (state.dark_e_s, state.bad, state.warm_snr, *learnt), strict=True)
    return [table, *(fits.ImageHDU(values, name=name, ver=detector + 1) for name, values in maps if values is not None)]


def read_states(path: Path, binning: int = 1) -> dict[int, PayloadState]:
    """States by detector, of frames that sum ``binning`` x ``binning`` pixels.

    Raises
    ------
    InputError
        If the file is missing, is none of ours, of another version or binning, or damaged.
    """
    if not path.is_file():
        raise InputError(f"{path}: no such file; --state-out writes one")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", AstropyWarning)
            with fits.open(path, memmap=False) as hdus:
                version = hdus[0].header.get("SPSTATE")
                if version != STATE_VERSION:
                    told = (
                        "is no state of a payload"
                        if version is None
                        else f"holds a state of version {version}, want {STATE_VERSION}"
                    )
                    raise InputError(f"{path}: {told}")
                if (other := hdus[0].header.get("BINNING", 1)) != binning:
                    summed = f"sum {other} x {other} pixels, those of this run {binning} x {binning}"
                    raise InputError(f"{path}: holds the state of frames that {summed}")
                return {hdu.ver - 1: _state(hdus, hdu, path) for hdu in hdus if hdu.name == "STATE"}
    except (OSError, ValueError, TypeError, KeyError, IndexError, AstropyWarning) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{path}: the state is damaged or is no FITS file ({error})") from None


def _state(hdus: fits.HDUList, table: fits.BinTableHDU, path: Path) -> PayloadState:
    row = table.data[0]
    names = table.columns.names

    def of_map(name: str) -> np.ndarray | None:
        return np.array(hdus[name, table.ver].data, MAPS[name]) if (name, table.ver) in hdus else None

    optics = None
    if "ifov_rad" in names:
        distortion = tuple(float(v) for v in row["distortion"]) if "distortion" in names else ()
        information = np.array(row["information"], float)
        optics = Optics(float(row["ifov_rad"]), int(row["parity"]), distortion, information)
    dark_e_s, known = of_map("LEARNT"), of_map("LEARNT_INFORMATION")
    learnt = LearntDark(dark_e_s, known) if dark_e_s is not None and known is not None else None
    counts = int(row["n_sets"]), float(row["null_found"]), float(row["null_expected"])
    state = PayloadState(of_map("DARK"), of_map("BAD"), *counts, of_map("WARM"), optics, learnt)
    if state.digest().hex() != table.header["DIGEST"]:
        raise InputError(f"{path}: the state of detector {table.ver - 1} is not what was written: its digest differs")
    return state


def demand_shapes(states: Mapping[int, PayloadState], shapes: Mapping[int, tuple[int, int]], path: Path) -> None:
    """Demand that the maps of every detector have the size (ny, nx) of its frames.

    Raises
    ------
    InputError
        If they have not.
    """
    for detector, shape in shapes.items():
        state = states.get(detector, PayloadState())
        learnt = state.learnt.dark_e_s if state.learnt else None
        for values in (state.dark_e_s, state.bad, state.warm_snr, learnt):
            if values is not None and values.shape != shape:
                (ny, nx), (my, mx) = shape, values.shape
                raise InputError(f"{path}: maps of detector {detector} are {mx} x {my} pixels, its frames {nx} x {ny}")
