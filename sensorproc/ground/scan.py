"""Bytes to intact packets, as they come: from a file, a pipe or a radio.

Packets are found by resynchronisation: at every position the header must name a known APID and a length that leaves whole
records, and the CRC over that length must be right. Bytes of no packet are counted; CCSDS idle packets (APID 2047) among them
are counted apart. Nothing is held but one chunk and the longest packet.
"""

import struct
from collections import Counter
from collections.abc import Generator, Iterable, Iterator
from dataclasses import dataclass, field

import numpy as np

from sensorproc.downlink.dictionary import ICD_VERSION, Apid
from sensorproc.downlink.packets import (
    CRC_BYTES,
    OVERHEAD_BYTES,
    P_FIELD,
    PRIMARY_BYTES,
    apid_of,
    is_intact,
    n_records,
)
from sensorproc.downlink.records import RECORDS

TELEMETRY_WITH_TIME = 0x0800  # version 0, telemetry, secondary header present
UNSEGMENTED = 0xC000
IDLE = 0x07FF  # version 0, telemetry, no secondary header, APID 2047 (133.0-B-2, 4.1.2.3.2.4)
UNSAID = 0  # a version of the ICD that the sender did not tell
FIRST_BYTES = np.zeros(256, bool)
FIRST_BYTES[[(TELEMETRY_WITH_TIME | int(apid)) >> 8 for apid in RECORDS]] = True


@dataclass
class Scanner:
    """What lay between the packets that were found."""

    n_bytes_skipped: int = 0
    n_idle_packets: int = 0
    other_versions: Counter[int] = field(default_factory=Counter)  # SET packets by their version of the ICD

    def packets(self, chunks: Iterable[bytes]) -> Iterator[bytes]:
        """Intact packets in order of arrival."""
        held = b""
        for chunk in chunks:
            held = yield from self._found(held + chunk, is_end=False)
        yield from self._found(held, is_end=True)

    def _found(self, data: bytes, is_end: bool) -> Generator[bytes, None, bytes]:
        """Packets of a part of the stream; returns what the next part must begin with."""
        done = 0  # everything before is a packet or counted
        for position in _candidates(data):
            if position < done:
                continue
            size = _size(data[position : position + OVERHEAD_BYTES])
            if size is None:
                continue
            if size > len(data) - position:
                if is_end:
                    continue
                return data[self._between(data, done, position, is_known=False) :]  # the rest has to come
            raw = data[position : position + size]
            if not is_intact(raw):
                continue
            self._between(data, done, position, is_known=True)
            done = position + size
            if self._is_of_other_version(raw):
                continue
            if size == OVERHEAD_BYTES + n_records(raw) * RECORDS[Apid(apid_of(raw))].size_bytes:
                yield raw
            else:
                done = position  # a SET packet of our version whose records are not whole: no packet
        limit = len(data) if is_end else max(len(data) - OVERHEAD_BYTES, done)
        return data[self._between(data, done, limit, is_end) :]

    def _between(self, data: bytes, start: int, stop: int, is_known: bool) -> int:
        """Count the bytes of no packet from ``start`` to ``stop``, where a packet or the end is known to follow, or is not.

        An idle packet is one behind which a packet, another idle one or the end follows. Returns how far it is known what the
        bytes are.
        """
        position = start
        for idle in _idle_candidates(data, start, stop):
            if idle < position:
                continue
            after = idle + _length(data[idle : idle + PRIMARY_BYTES])
            if not is_known and after + 2 > stop:
                self.n_bytes_skipped += idle - position
                return idle
            if (after == stop and is_known) or (after < stop and data[after : after + 2] == IDLE.to_bytes(2, "big")):
                self.n_bytes_skipped += idle - position
                self.n_idle_packets += 1
                position = after
        self.n_bytes_skipped += stop - position
        return stop

    def _is_of_other_version(self, raw: bytes) -> bool:
        """Whether a SET packet says that it is of another version of the ICD: its first field is the version, in all of them."""
        if apid_of(raw) != Apid.SET:
            return False
        version = raw[OVERHEAD_BYTES - CRC_BYTES]
        if version in (ICD_VERSION, UNSAID):
            return False
        self.other_versions[version] += 1
        return True


def _candidates(data: bytes) -> list[int]:
    """Places whose first byte and P-field are those of a packet."""
    if len(data) < OVERHEAD_BYTES:
        return []
    octets = np.frombuffer(data, np.uint8)
    n = len(data) - OVERHEAD_BYTES + 1
    places = np.flatnonzero((octets[PRIMARY_BYTES:][:n] == P_FIELD) & FIRST_BYTES[octets[:n]])
    found: list[int] = places.tolist()
    return found


def _idle_candidates(data: bytes, start: int, stop: int) -> list[int]:
    """Places of headers of idle packets that begin from ``start`` to ``stop``."""
    octets = np.frombuffer(data, np.uint8)[start:]
    n = min(stop - start, len(octets) - PRIMARY_BYTES)
    if n <= 0:
        return []
    high, low = IDLE.to_bytes(2, "big")
    is_whole = octets[2:][:n] & (UNSEGMENTED >> 8) == UNSEGMENTED >> 8
    found: list[int] = (start + np.flatnonzero((octets[:n] == high) & (octets[1:][:n] == low) & is_whole)).tolist()
    return found


def _size(head: bytes) -> int | None:
    """Size that a packet's first bytes claim, None if they are none of ours. SET packets of other versions have other sizes."""
    word, sequence, _ = struct.unpack_from(">HHH", head)
    kind = RECORDS.get(apid_of(head))  # type: ignore[call-overload]
    if kind is None or word & 0xF800 != TELEMETRY_WITH_TIME or sequence & UNSEGMENTED != UNSEGMENTED:
        return None
    size = _length(head)
    is_whole = size == OVERHEAD_BYTES + n_records(head) * kind.size_bytes
    return size if is_whole or (kind.apid == Apid.SET and size > OVERHEAD_BYTES) else None


def _length(head: bytes) -> int:
    """Size of a packet by its primary header."""
    return PRIMARY_BYTES + int.from_bytes(head[4:PRIMARY_BYTES], "big") + 1
