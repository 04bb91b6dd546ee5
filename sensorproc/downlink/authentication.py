"""Authenticated telecommands: a trailer with key number, counter and MAC, after the Space Data Link Security protocol (355.0-B-2)
at the level of packets.

Layout: the command's packet without its CRC | u16 key number | u32 counter | 16 octets of HMAC-SHA-256 (RFC 2104, truncated as
FIPS 198-1 allows) over everything before them | CRC-16. The packet's length counts the trailer. A receiver takes a counter once,
and none below it.
"""

import hmac
import struct
from dataclasses import dataclass

from sensorproc.downlink.packets import CRC_BYTES, PRIMARY_BYTES, with_crc

NUMBERS = struct.Struct(">HI")
MAC_BYTES = 16
TRAILER_BYTES = NUMBERS.size + MAC_BYTES
SHORTEST_KEY_BYTES = 16


@dataclass(frozen=True)
class Protected:
    """A packet with a trailer, taken apart: the plain packet, whose key and counter it claims, and its MAC."""

    plain: bytes
    key_number: int
    counter: int
    signed: bytes
    mac: bytes

    def is_made_with(self, key: bytes) -> bool:
        """Whether the MAC is this key's; the comparison takes the same time whatever it finds."""
        return hmac.compare_digest(self.mac, _mac(self.signed, key))


def protect(plain: bytes, key_number: int, key: bytes, counter: int) -> bytes:
    """A command's packet with its trailer."""
    signed = _resized(plain[:-CRC_BYTES], TRAILER_BYTES) + NUMBERS.pack(key_number, counter)
    return with_crc(signed + _mac(signed, key))


def take_apart(raw: bytes) -> Protected | None:
    """The parts of a packet with a trailer and a right CRC; nothing if it is too short for one."""
    if len(raw) < PRIMARY_BYTES + TRAILER_BYTES + CRC_BYTES:
        return None
    signed, mac = raw[: -MAC_BYTES - CRC_BYTES], raw[-MAC_BYTES - CRC_BYTES : -CRC_BYTES]
    key_number, counter = NUMBERS.unpack(signed[-NUMBERS.size :])
    plain = with_crc(_resized(signed[: -NUMBERS.size], -TRAILER_BYTES))
    return Protected(plain, key_number, counter, signed, mac)


def _mac(data: bytes, key: bytes) -> bytes:
    return hmac.digest(key, data, "sha256")[:MAC_BYTES]


def _resized(packet: bytes, change: int) -> bytes:
    """The packet with another length in its header."""
    length = (int.from_bytes(packet[4:PRIMARY_BYTES], "big") + change) % (1 << 16)
    return packet[:4] + length.to_bytes(2, "big") + packet[PRIMARY_BYTES:]
