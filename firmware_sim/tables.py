"""Tables in memory and their copies that survive: checked by CRC before they are used, loaded anew where they are damaged."""

from dataclasses import dataclass, replace

import numpy as np

from firmware_sim.bits import crc_of, flipped
from firmware_sim.commanding.state import OperatingState
from firmware_sim.ports import EventOut
from firmware_sim.scan.table import ScanEntry, TableError
from sensorproc.downlink.dictionary import Severity
from sensorproc.onboard.state import PayloadState

SCAN, DARK, BAD = "scan table", "dark map", "bad-pixel map"
NUMBERS = {SCAN: 1, DARK: 2, BAD: 3}


@dataclass
class TableGuard:
    """Ports: the operating state, payload states by detector, events. Maps of a detector are those of its commissioning."""

    operating: OperatingState
    states: dict[int, PayloadState]
    event: EventOut
    n_reloaded: int = 0

    def __post_init__(self) -> None:
        self._kept = {k: (state.dark_e_s, state.bad) for k, state in self.states.items()}
        self._crcs = {k: tuple(_crc(array) for array in arrays) for k, arrays in self._kept.items()}

    def entries(self) -> tuple[ScanEntry, ...]:
        """The scan table, from its stored copy if memory holds it damaged."""
        try:
            return self.operating.entries()
        except TableError:
            self.operating.scan_bytes = self.operating.stored_bytes
            self._told(SCAN)
            return self.operating.entries()

    def check(self, detector: int) -> bool:
        """Before a set: the maps of its detector; whether one had to be loaded anew."""
        before = self.n_reloaded
        state, (dark, bad) = self.states[detector], self._kept[detector]
        dark_crc, bad_crc = self._crcs[detector]
        if _crc(state.dark_e_s) != dark_crc:
            state = replace(state, dark_e_s=dark)
            self._told(DARK)
        if _crc(state.bad) != bad_crc:
            state = replace(state, bad=bad)
            self._told(BAD)
        self.states[detector] = state
        return self.n_reloaded > before

    def flip(self, name: str, bit: int, detector: int = 0) -> None:
        """A particle flips a bit of a table, where there is one of this name."""
        if name == SCAN:
            data = bytearray(self.operating.scan_bytes)
            data[bit // 8 % len(data)] ^= 1 << bit % 8
            self.operating.scan_bytes = bytes(data)
            return
        state = self.states[detector]
        array = state.dark_e_s if name == DARK else state.bad
        if array is None:
            return
        changed = flipped(array, bit)
        self.states[detector] = replace(state, dark_e_s=changed) if name == DARK else replace(state, bad=changed)

    def _told(self, name: str) -> None:
        self.n_reloaded += 1
        self.event("TABLE_RELOADED", Severity.WARNING_HI, float(NUMBERS[name]))


def _crc(array: np.ndarray | None) -> int:
    return 0 if array is None else crc_of(array)
