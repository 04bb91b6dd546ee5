"""Tables as ECSV 1.0 text: readable by astropy, and by any CSV reader that skips ``#`` lines.

Written directly rather than through astropy.table: the format is a header and rows, and every value must be formatted
the same way on every machine.
"""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sensorproc.ground.observations import Row

UNITS = {"px": "pix", "px_frame": "pix", "e": "electron", "deg": "deg", "arcsec": "arcsec", "s": "s", "mag": "mag", "km": "km"}
N_ROWS = "n_rows"
DECIMALS = {"ra_deg": 8, "dec_deg": 8, "x_px": 4, "y_px": 4}


def write_table(path: Path, rows: list[Row], columns: Mapping[str, str], comments: tuple[str, ...] = ()) -> None:
    """Write rows under the given columns (name: int64, float64 or string). The header does not depend on the rows but for their
    number, which tells a cut table from a whole one."""
    head = ["# %ECSV 1.0", "# ---", "# datatype:"]
    head += [f"# - {{name: {name}, {_unit(name)}datatype: {datatype}}}" for name, datatype in columns.items()]
    head += ["# meta: !!omap", f"# - {N_ROWS}: {len(rows)}"]
    if comments:
        head += ["# - comments:"] + [f"#   - {_quoted(text)}" for text in comments]
    head += ["# schema: astropy-2.0", " ".join(columns)]
    body = [" ".join(_cell(row[name], name, datatype) for name, datatype in columns.items()) for row in rows]
    path.write_text("\n".join(head + body) + "\n", encoding="utf-8", newline="\n")


def _unit(name: str) -> str:
    if name.startswith(("corr", "cov", "log10", "total")):
        return ""
    for length in (2, 1):
        unit = UNITS.get("_".join(name.split("_")[-length:])) if "_" in name or name in UNITS else None
        if unit:
            return f"unit: {unit}, "
    return ""


def _cell(value: Any, name: str, datatype: str) -> str:
    if datatype == "string":
        return _quoted(value) if value == "" or any(c in value for c in ' "#') else value
    if datatype == "int64":
        return str(int(value))
    if math.isnan(value):
        return "nan"
    return f"{value:.{DECIMALS[name]}f}" if name in DECIMALS else f"{value:.7g}"


def _quoted(text: str) -> str:
    return '"' + text.replace('"', '""') + '"'
