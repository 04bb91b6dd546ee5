"""The payload's operating state: mode, scan table, whether it scans, and a table that is being loaded."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from zlib import crc32

from firmware_sim.ports import ports
from firmware_sim.scan.table import ENTRY, HEAD, MOST_ENTRIES, TAIL, ScanEntry, unpack
from sensorproc.downlink.telecommands import Mode

MOST_TABLE_BYTES = HEAD.size + MOST_ENTRIES * ENTRY.size + TAIL.size
CHANGES = {
    Mode.SAFE: (Mode.SAFE, Mode.IDLE),
    Mode.IDLE: (Mode.IDLE, Mode.SAFE, Mode.CHECKOUT, Mode.OBSERVE),
    Mode.CHECKOUT: (Mode.CHECKOUT, Mode.IDLE, Mode.SAFE),
    Mode.OBSERVE: (Mode.OBSERVE, Mode.IDLE, Mode.SAFE),
}
SCANNING = (Mode.CHECKOUT, Mode.OBSERVE)


@dataclass
class OperatingState:
    """What telecommands change. ``scan_bytes`` is the table in memory, ``stored_bytes`` its copy that survives; ``changed`` are
    called after every change of mode or scan with the name of an event and the mode."""

    mode: Mode
    scan_bytes: bytes
    is_scanning: bool
    changed: list[Callable[[str, Mode], None]] = ports()
    loading: bytearray = field(default_factory=bytearray)
    n_scans: int = 0  # begun: a dwell belongs to one

    def __post_init__(self) -> None:
        self.stored_bytes = self.scan_bytes

    def _tell(self, event: str) -> None:
        for told in self.changed:
            told(event, self.mode)

    @property
    def holds_frames(self) -> bool:
        """Whether frames are held for the ground instead of being searched."""
        return self.mode is Mode.CHECKOUT

    @property
    def scan(self) -> int | None:
        """Number of the scan that goes on, if frames are taken."""
        return self.n_scans if self.takes_frames else None

    @property
    def takes_frames(self) -> bool:
        return self.is_scanning and self.mode in SCANNING

    def entries(self) -> tuple[ScanEntry, ...]:
        """The scan table, checked.

        Raises
        ------
        TableError
            If its bytes are damaged.
        """
        return unpack(self.scan_bytes)

    def change(self, mode: Mode) -> None:
        """Another mode, which ends the scan."""
        if mode is self.mode:
            return
        self.mode = mode
        self._tell("MODE_CHANGED")
        if self.is_scanning:
            self.stop_scan()

    def start_scan(self) -> None:
        """Visit the table's cells from the first on."""
        self.is_scanning = True
        self.n_scans += 1
        self._tell("SCAN_STARTED")

    def stop_scan(self) -> None:
        """No further dwells; frames not yet taken are not taken."""
        self.is_scanning = False
        self._tell("SCAN_STOPPED")

    def load(self, offset: int, part: bytes) -> None:
        """A part of a table; offset 0 begins anew."""
        if offset == 0:
            self.loading.clear()
        self.loading += part

    def loading_crc32(self) -> int:
        """CRC-32 of what has been loaded so far."""
        return crc32(bytes(self.loading))

    def commit(self) -> None:
        """What was loaded is the scan table from the next dwell on, and its stored copy."""
        self.scan_bytes = self.stored_bytes = bytes(self.loading)
        self.loading.clear()

    def digest(self) -> bytes:
        """SHA-256 over everything that telecommands change."""
        content = (int(self.mode), self.is_scanning, self.scan_bytes, self.stored_bytes, bytes(self.loading))
        return hashlib.sha256(repr(content).encode()).digest()
