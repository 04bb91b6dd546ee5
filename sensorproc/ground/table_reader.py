"""Read back a table written by ``export.tables`` without loading astropy."""

import csv
from pathlib import Path

from sensorproc.errors import InputError
from sensorproc.ground.export.tables import N_ROWS
from sensorproc.ground.observations import Row

COUNT = f"# - {N_ROWS}: "


def read_table(path: Path) -> list[Row]:
    """Rows with int, float and str values as the header declares them.

    Raises
    ------
    InputError
        If the file is missing or is not such a table, or is cut.
    """
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: no readable table ({error})") from None
    lines = text.splitlines()
    if not lines or lines[0] != "# %ECSV 1.0":
        raise InputError(f"{path}: not an ECSV table")
    try:
        n_rows = next(int(line.removeprefix(COUNT)) for line in lines if line.startswith(COUNT))
        rows = _rows(lines)
    except (KeyError, ValueError, IndexError, StopIteration, csv.Error) as error:
        raise InputError(f"{path}: damaged table ({error or 'it does not say how many rows it has'})") from None
    if len(rows) != n_rows or not text.endswith("\n"):
        raise InputError(f"{path}: damaged table: {len(rows)} whole rows of {n_rows}")
    return rows


def _rows(lines: list[str]) -> list[Row]:
    declared = [line[len("# - {name: ") : -1] for line in lines if line.startswith("# - {name: ")]
    types = {text.split(",")[0]: text.rsplit("datatype: ", 1)[1] for text in declared}
    reader = csv.reader((line for line in lines if not line.startswith("#")), delimiter=" ", strict=True)
    names = next(reader, [])
    if names != list(types):
        raise ValueError("its columns are not those it declares")
    convert = {"int64": int, "float64": float, "string": str}
    return [{name: convert[types[name]](cell) for name, cell in zip(names, row, strict=True)} for row in reader]
