"""The plan of a flight as the payload gets it: its first scan table, and telecommands as packets."""

import math
from hashlib import sha256

from firmware_sim.commanding.state import MOST_TABLE_BYTES
from firmware_sim.scan.table import ScanEntry, pack
from firmware_sim.scenarios.operations import Cell, Operations
from sensorproc.downlink.authentication import protect
from sensorproc.downlink.telecommands import CHUNK_BYTES, Operation, Table, Telecommand, table_load
from sensorproc.timescales import NS_PER_S

KEY = 1  # its number
MOST_PARTS = 1 + -(-MOST_TABLE_BYTES // CHUNK_BYTES)  # commands that load a table


def scan_entries(operations: Operations, n_frames: int) -> tuple[ScanEntry, ...]:
    """The scan table at start; without one, a single cell where the host points."""
    return _entries(operations.scan or (Cell(n_frames=n_frames),))


def flight_key(seed: int) -> bytes:
    """The key of a simulated flight, whose ground and payload are one process: it keeps nobody out, but all is as on a link."""
    return sha256(f"flight {seed}".encode()).digest()


def uplinked(operations: Operations, origin_tai_ns: int, key: bytes) -> list[tuple[float, list[bytes]]]:
    """Seconds after the start, and the authenticated packets sent then. Commands without a request number get one."""
    plan, counter = [], 0
    given = [command.request for command in operations.commands if command.request is not None]
    free = max(given) + MOST_PARTS if given else 1
    for command in sorted(operations.commands, key=lambda command: command.t_s):  # counters rise in the order of sending
        request = free if command.request is None else command.request
        at = 0 if command.at_s is None else origin_tai_ns + round(command.at_s * NS_PER_S)
        if command.do == "LOAD_SCAN":
            sent = list(table_load(Table.SCAN, pack(_entries(command.scan or (Cell(),))), request))
        else:
            sent = [Telecommand(Operation[command.do], request, command.values(), at)]
        plan.append((command.t_s, [protect(one.pack(counter + k), KEY, key, counter + k) for k, one in enumerate(sent)]))
        counter += len(sent)
        free += len(sent) if command.request is None else 0
    return plan


def _entries(cells: tuple[Cell, ...]) -> tuple[ScanEntry, ...]:
    return tuple(
        ScanEntry(k, _radians(cell.ra_deg), _radians(cell.dec_deg), cell.n_frames, cell.settle_s) for k, cell in enumerate(cells)
    )


def _radians(degrees: float | None) -> float:
    return math.nan if degrees is None else math.radians(degrees)
