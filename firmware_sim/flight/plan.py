"""The plan of a flight as the payload gets it: its first scan table, and telecommands as packets."""

import math

from firmware_sim.scan.table import ScanEntry, pack
from firmware_sim.scenarios.operations import Cell, Operations
from sensorproc.downlink.telecommands import Operation, Table, Telecommand, table_load
from sensorproc.timescales import NS_PER_S

LOADS_APART = 64  # request numbers that a loaded table may use


def scan_entries(operations: Operations, n_frames: int) -> tuple[ScanEntry, ...]:
    """The scan table at start; without one, a single cell where the host points."""
    return _entries(operations.scan or (Cell(n_frames=n_frames),))


def uplinked(operations: Operations, origin_tai_ns: int) -> list[tuple[float, list[bytes]]]:
    """Seconds after the start, and the packets sent then."""
    plan, request = [], 1
    for command in operations.commands:
        at = 0 if command.at_s is None else origin_tai_ns + round(command.at_s * NS_PER_S)
        if command.do == "LOAD_SCAN":
            sent = list(table_load(Table.SCAN, pack(_entries(command.scan or (Cell(),))), request))
        else:
            sent = [Telecommand(Operation[command.do], request, command.values(), at)]
        plan.append((command.t_s, [one.pack(request + k) for k, one in enumerate(sent)]))
        request += max(LOADS_APART, len(sent))
    return plan


def _entries(cells: tuple[Cell, ...]) -> tuple[ScanEntry, ...]:
    return tuple(
        ScanEntry(k, _radians(cell.ra_deg), _radians(cell.dec_deg), cell.n_frames, cell.settle_s) for k, cell in enumerate(cells)
    )


def _radians(degrees: float | None) -> float:
    return math.nan if degrees is None else math.radians(degrees)
