"""Tables in memory and their copies that survive: checked by CRC before and after they are used, loaded anew where damaged."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from zlib import crc32

import numpy as np

from firmware_sim.board.bits import crc_of, flipped
from firmware_sim.commanding.state import OperatingState
from firmware_sim.ports import EventOut, port
from firmware_sim.scan.table import ScanEntry, TableError
from sensorproc.catalog.stars import SHIPPED, StarCatalog, shipped, shipped_bytes
from sensorproc.downlink.dictionary import Severity
from sensorproc.onboard.state import PayloadState

SCAN, DARK, BAD, STARS = "scan table", "dark map", "bad-pixel map", "star table"
NUMBERS = {SCAN: 1, DARK: 2, BAD: 3, STARS: 4}  # in events


@dataclass
class TableGuard:
    """Ports: the operating state, payload states by detector, events, and whoever must doubt what was made with a damaged table:
    of one detector, or of all. Maps of a detector are those of its commissioning. The star table is the shipped one; a
    recording's own is not guarded, for no fault reaches it."""

    operating: OperatingState
    states: dict[int, PayloadState]
    event: EventOut = port()
    mark_suspect: Callable[[int | None], None] = port()
    n_reloaded: int = 0
    _stars: bytes | None = field(default=None, repr=False)  # as they lie in memory, once that is not what was loaded

    def __post_init__(self) -> None:
        self._kept = {k: (state.dark_e_s, state.bad) for k, state in self.states.items()}

    def entries(self) -> tuple[ScanEntry, ...]:
        """The scan table, from its stored copy if memory holds it damaged."""
        try:
            return self.operating.entries()
        except TableError:
            self.operating.scan_bytes = self.operating.stored_bytes
            self._told(SCAN)
            return self.operating.entries()

    def catalog(self) -> StarCatalog:
        """The star table in memory."""
        return shipped() if self._stars is None else StarCatalog(self._stars, SHIPPED)

    def check(self, detector: int) -> None:
        """The tables that a detector's sets are searched with."""
        state, (dark, bad) = self.states[detector], self._kept[detector]
        if _differs(state.dark_e_s, dark):
            state = replace(state, dark_e_s=dark)
            self._told(DARK)
        if _differs(state.bad, bad):
            state = replace(state, bad=bad)
            self._told(BAD)
        if state is not self.states[detector]:
            self.states[detector] = state
            self.mark_suspect(detector)
        if self._stars is not None and crc32(self._stars) != crc32(shipped_bytes()):
            self._told(STARS)
            self.mark_suspect(None)
        self._stars = None

    def check_all(self) -> int:
        """Every table; how many had to be loaded anew."""
        before = self.n_reloaded
        self.entries()
        for detector in self.states:
            self.check(detector)
        return self.n_reloaded - before

    def flip(self, name: str, bit: int, detector: int = 0) -> None:
        """A particle flips a bit of a table, where there is one of this name."""
        if name == SCAN:
            self.operating.scan_bytes = _flipped_bytes(self.operating.scan_bytes, bit)
        elif name == STARS:
            self._stars = _flipped_bytes(self._stars or shipped_bytes(), bit)
        else:
            state = self.states[detector]
            array = state.dark_e_s if name == DARK else state.bad
            if array is not None:
                changed = flipped(array, bit)
                self.states[detector] = replace(state, dark_e_s=changed) if name == DARK else replace(state, bad=changed)

    def _told(self, name: str) -> None:
        self.n_reloaded += 1
        self.event("TABLE_RELOADED", Severity.WARNING_HI, float(NUMBERS[name]))


def _differs(held: np.ndarray | None, kept: np.ndarray | None) -> bool:
    """By CRC; an array that is the kept one itself needs none."""
    return held is not kept and (held is None or kept is None or crc_of(held) != crc_of(kept))


def _flipped_bytes(data: bytes, bit: int) -> bytes:
    return flipped(np.frombuffer(data, np.uint8), bit).tobytes()
