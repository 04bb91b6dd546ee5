"""Tables as ECSV 1.0 text: readable by astropy, and by any CSV reader that skips ``#`` lines.

Written directly rather than through astropy.table: the format is a header and rows, and every value must be formatted
the same way on every machine.
"""

import math
from pathlib import Path
from typing import Any

from sensorproc.ground.observations import Row

UNITS = {"px": "pix", "px_frame": "pix", "e": "electron", "deg": "deg", "arcsec": "arcsec", "s": "s", "mag": "mag", "km": "km"}
DECIMALS = {"ra_deg": 8, "dec_deg": 8, "x_px": 4, "y_px": 4}


def write_table(path: Path, rows: list[Row], columns: list[str], comments: tuple[str, ...] = ()) -> None:
    """Write rows under the given columns; an empty table keeps its header."""
    head = ["# %ECSV 1.0", "# ---", "# datatype:"]
    head += [f"# - {{name: {name}, {_unit(name)}datatype: {_datatype(rows, name)}}}" for name in columns]
    if comments:
        head += ["# meta: !!omap", "# - comments:"] + [f"#   - {_quoted(text)}" for text in comments]
    head += ["# schema: astropy-2.0", " ".join(columns)]
    body = [" ".join(_cell(row[name], name) for name in columns) for row in rows]
    path.write_text("\n".join(head + body) + "\n", encoding="utf-8", newline="\n")


def _unit(name: str) -> str:
    if name.startswith(("corr", "cov", "log10", "total")):
        return ""
    for length in (2, 1):
        unit = UNITS.get("_".join(name.split("_")[-length:])) if "_" in name or name in UNITS else None
        if unit:
            return f"unit: {unit}, "
    return ""


def _datatype(rows: list[Row], name: str) -> str:
    value: Any = rows[0][name] if rows else 0.0
    if isinstance(value, str):
        return "string"
    return "int64" if isinstance(value, int) else "float64"


def _cell(value: Any, name: str) -> str:
    if isinstance(value, float):
        if math.isnan(value):
            return "nan"
        return f"{value:.{DECIMALS[name]}f}" if name in DECIMALS else f"{value:.7g}"
    if isinstance(value, str):
        return _quoted(value) if value == "" or any(c in value for c in ' "#') else value
    return str(value)


def _quoted(text: str) -> str:
    return '"' + text.replace('"', '""') + '"'
