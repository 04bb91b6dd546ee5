"""Read back a table written by ``export.tables`` without loading astropy."""

import csv
from pathlib import Path

from sensorproc.errors import InputError
from sensorproc.ground.observations import Row


def read_table(path: Path) -> list[Row]:
    """Rows with int, float and str values as the header declares them.

    Raises
    ------
    InputError
        If the file is missing or is not such a table.
    """
    try:
        lines = path.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: no readable table ({error})") from None
    if not lines or lines[0] != "# %ECSV 1.0":
        raise InputError(f"{path}: not an ECSV table")
    declared = [line[len("# - {name: ") : -1] for line in lines if line.startswith("# - {name: ")]
    types = {text.split(",")[0]: text.rsplit("datatype: ", 1)[1] for text in declared}
    reader = csv.reader((line for line in lines if not line.startswith("#")), delimiter=" ")
    names = next(reader, [])
    convert = {"int64": int, "float64": float, "string": str}
    try:
        return [{name: convert[types[name]](cell) for name, cell in zip(names, row, strict=True)} for row in reader]
    except (KeyError, ValueError) as error:
        raise InputError(f"{path}: damaged table ({error})") from None
