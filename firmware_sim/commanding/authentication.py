"""Who may command: keys by number, and the highest counter heard of each, which a reset does not clear."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from sensorproc.downlink.authentication import SHORTEST_KEY_BYTES, take_apart
from sensorproc.downlink.packets import is_intact
from sensorproc.downlink.telecommands import Code


@dataclass
class Authentication:
    """``heard`` stands in memory that survives: it is written before a command is looked at."""

    keys: Mapping[int, bytes]
    heard: dict[int, int] = field(default_factory=dict)  # highest counter by key

    def __post_init__(self) -> None:
        if any(len(key) < SHORTEST_KEY_BYTES for key in self.keys.values()):
            raise ValueError(f"want keys of at least {SHORTEST_KEY_BYTES} bytes")

    def admit(self, raw: bytes) -> bytes | Code:
        """The plain packet of a command that a key's owner sent, and that was not heard before; else why not."""
        if not is_intact(raw):
            return Code.BAD_CRC
        parts = take_apart(raw)
        key = self.keys.get(parts.key_number) if parts else None
        if parts is None or key is None or not parts.is_made_with(key):
            return Code.NOT_AUTHENTIC
        if parts.counter <= self.heard.get(parts.key_number, -1):
            return Code.REPLAYED
        self.heard[parts.key_number] = parts.counter
        return parts.plain
