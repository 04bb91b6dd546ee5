"""The frame link: messages between a camera and the payload over TCP, in the manner of GVSP.

A frame is a LEADER (who, when, how large, where the camera looked), DATA in one or more parts, and a TRAILER with the CRC-32 of
leader and data. A TICK tells that an exposure was made, and may come without pixels. The payload answers on the same connection:
a RECEIPT for every frame, PREPARED and SEARCHED when its work on a frame or a set has ended. Everything is little-endian, as the
pixels are; ``docs/frame_link.h`` is the same for C.
"""

import math
import struct
from dataclasses import dataclass
from enum import IntEnum
from zlib import crc32

import numpy as np

from sensorproc.errors import SensorprocError
from sensorproc.frames import ObserverState

MAGIC = b"SPFL"
LINK_VERSION = 1
HEAD = struct.Struct("<4sHHHHQII")  # magic, version, kind, detector, 0, block, length of what follows, CRC-32 of all before
TIMES = struct.Struct("<qq")
LEADER = struct.Struct("<qqIIIIdddddddddddd")
TRAILER = struct.Struct("<IQ")
RECEIPT = struct.Struct("<Iq")
WORK = struct.Struct("<qqq")
CRC_AT = HEAD.size - 4
MOST_BLOCK = (1 << 32) - 1
MOST_DATA_BYTES = 1 << 26  # in one message
ATTITUDE, OBSERVER = 1, 2  # bits of a leader: what it knows


class Kind(IntEnum):
    """Kinds of messages; from 16 on those that the payload sends."""

    LEADER = 1
    DATA = 2
    TRAILER = 3
    TICK = 4
    RECEIPT = 16
    PREPARED = 17
    SEARCHED = 18


class PixelCode(IntEnum):
    """How pixels are packed: codes of the Pixel Format Naming Convention of machine vision, one little-endian u16 a pixel."""

    MONO10 = 0x01100003
    MONO12 = 0x01100005
    MONO14 = 0x01100025
    MONO16 = 0x01100007


class Verdict(IntEnum):
    """What a receipt says of a frame."""

    TAKEN = 0
    TORN = 1  # its CRC is wrong
    WRONG_SIZE = 2
    LATE = 3  # its set is closed
    DUPLICATED = 4
    NO_MEMORY = 5
    NOT_WANTED = 6  # the payload does not observe


class LinkError(SensorprocError):
    """Bytes that are no message of this link: the connection is closed."""

    exit_code = 4


@dataclass(frozen=True)
class Head:
    """What a message is: its kind, detector and block, and how many bytes follow."""

    kind: int
    detector: int
    block: int
    length: int

    @classmethod
    def unpack(cls, raw: bytes) -> "Head":
        """Of the bytes of a header.

        Raises
        ------
        LinkError
            If they are none.
        """
        magic, version, kind, detector, spare, block, length, crc = HEAD.unpack(raw)
        if magic != MAGIC:
            raise LinkError(f"want a message that begins with {MAGIC.decode()}, got {raw[:4]!r}")
        if version != LINK_VERSION:
            raise LinkError(f"frame link of version {version}; this payload speaks {LINK_VERSION}")
        if crc != crc32(raw[:CRC_AT]) or spare:
            raise LinkError("a header is damaged")
        if block > MOST_BLOCK:
            raise LinkError(f"block {block}: records hold numbers up to {MOST_BLOCK}")
        return cls(kind, detector, block, length)


def message(kind: Kind, detector: int, block: int, *parts: bytes | memoryview) -> list[bytes | memoryview]:
    """A message, as pieces to be sent one after the other."""
    head = HEAD.pack(MAGIC, LINK_VERSION, kind, detector, 0, block, sum(len(part) for part in parts), 0)[:CRC_AT]
    return [head + crc32(head).to_bytes(4, "little"), *parts]


@dataclass(frozen=True)
class Leader:
    """What comes before the pixels of a frame: its exposure [ns TAI], its size, and as far as known the camera's attitude, the
    rotation from camera to ICRS as a quaternion (w, x, y, z), and the observer [km, km/s, GCRF]."""

    t_start_tai_ns: int
    t_end_tai_ns: int
    width: int
    height: int
    pixel_code: int = PixelCode.MONO16
    attitude: tuple[float, float, float, float] | None = None
    observer: ObserverState | None = None
    slew_arcsec_s: float | None = None

    @property
    def t_mid_tai_ns(self) -> int:
        return (self.t_start_tai_ns + self.t_end_tai_ns) // 2

    @property
    def exposure_s(self) -> float:
        return (self.t_end_tai_ns - self.t_start_tai_ns) * 1e-9

    @property
    def n_bytes(self) -> int:
        """Of its pixels."""
        return 2 * self.width * self.height

    def pack(self) -> bytes:
        """The message's content."""
        known = ATTITUDE * (self.attitude is not None) | OBSERVER * (self.observer is not None)
        place = (*self.observer.position_km, *self.observer.velocity_km_s) if self.observer else (0.0,) * 6
        slew = math.nan if self.slew_arcsec_s is None else self.slew_arcsec_s
        size = self.width, self.height, self.pixel_code, known
        return LEADER.pack(
            self.t_start_tai_ns, self.t_end_tai_ns, *size, *(self.attitude or (0.0,) * 4), slew, 0.0, *place
        )  # fmt: skip

    @classmethod
    def unpack(cls, raw: bytes) -> "Leader":
        """Of a message's content.

        Raises
        ------
        LinkError
            If it is none: of another length, with times that go backwards, or numbers that are none.
        """
        if len(raw) != LEADER.size:
            raise LinkError(f"a leader has {LEADER.size} bytes, not {len(raw)}")
        start, end, width, height, code, known, *numbers = LEADER.unpack(raw)
        attitude, slew, place = tuple(numbers[:4]), numbers[4], numbers[6:]
        if not 0 < start < end or code not in set(PixelCode) or not (width > 0 and height > 0):
            raise LinkError("a leader with impossible times, size or pixels")
        has_attitude, has_observer = bool(known & ATTITUDE), bool(known & OBSERVER)
        length = math.sqrt(sum(q * q for q in attitude))
        if (has_attitude and not abs(length - 1.0) < 1e-3) or (has_observer and not all(map(math.isfinite, place))):
            raise LinkError("a leader whose attitude is no rotation, or whose observer is nowhere")
        observer = ObserverState(tuple(place[:3]), tuple(place[3:])) if has_observer else None
        return cls(
            start, end, width, height, code, attitude if has_attitude else None, observer, slew if math.isfinite(slew) else None
        )  # fmt: skip


def frame_messages(detector: int, block: int, leader: Leader, data: np.ndarray) -> list[bytes | memoryview]:
    """The messages of a frame: pixels (ny, nx) uint16."""
    content, pixels = leader.pack(), memoryview(np.ascontiguousarray(data, "<u2")).cast("B")  # type: ignore[arg-type]
    trailer = TRAILER.pack(crc32(pixels, crc32(content)), len(pixels))
    return [
        *message(Kind.LEADER, detector, block, content),
        *message(Kind.DATA, detector, block, pixels),
        *message(Kind.TRAILER, detector, block, trailer),
    ]
