"""Telecommands: CCSDS space packets with an operation code, a request number and a time, and the codes that answer them.

Layout: 6-octet primary header (telecommand, secondary header) | u16 operation | u32 request | u64 time of execution, TAI
nanoseconds since 1958, 0 at once | arguments | CRC-16. Every command is answered by an ACK record: accepted or rejected with a
code, and, where it was accepted, completed or failed. Where commands come over a link they are authenticated
(``downlink.authentication``).
"""

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any
from zlib import crc32

from fastcrc import crc16
from spacepackets.ccsds import PacketType, SequenceFlags, SpacePacketHeader

from sensorproc.downlink.fields import Field, RecordType
from sensorproc.downlink.packets import CRC_BYTES, PRIMARY_BYTES, SEQUENCE_COUNTS, with_crc

APID = 0x300
HEAD = struct.Struct(">HIQ")
SHORTEST_BYTES = PRIMARY_BYTES + HEAD.size + CRC_BYTES
CHUNK_BYTES = 512  # of a table, in one command


class Operation(IntEnum):
    """Operation codes."""

    PING = 1
    SET_MODE = 2
    SET_PARAMETER = 3
    DUMP_PARAMETERS = 4
    LOAD_TABLE = 5
    COMMIT_TABLE = 6
    START_SCAN = 7
    STOP_SCAN = 8
    REQUEST_FRAME = 9
    REQUEST_CHIP = 10
    CLEAR_STORED = 11
    SELF_TEST = 12


class Mode(IntEnum):
    """What the payload may do. SAFE only listens; CHECKOUT takes dwells and holds their frames for the ground, unsearched."""

    SAFE = 0
    IDLE = 1
    CHECKOUT = 2
    OBSERVE = 3


class Table(IntEnum):
    """Tables that can be loaded."""

    SCAN = 1


class Stage(IntEnum):
    """How far a command has got."""

    ACCEPTED = 0
    COMPLETED = 1
    REJECTED = 2
    FAILED = 3


class Code(IntEnum):
    """Why a command was rejected, or has failed."""

    NONE = 0
    BAD_LENGTH = 1
    BAD_CRC = 2
    WRONG_APID = 3
    UNKNOWN_OPERATION = 4
    BAD_ARGUMENT = 5
    OUT_OF_RANGE = 6
    WRONG_MODE = 7
    QUEUE_FULL = 8
    TIME_PAST = 9
    OUT_OF_SEQUENCE = 10
    DUPLICATE = 11
    TABLE_DAMAGED = 12
    NOT_AVAILABLE = 13
    NOT_AUTHENTIC = 14
    REPLAYED = 15
    TOO_FAR_AHEAD = 16


NOBODYS = frozenset((Code.BAD_LENGTH, Code.BAD_CRC, Code.WRONG_APID, Code.NOT_AUTHENTIC, Code.REPLAYED))  # of no known sender
ARGUMENTS: dict[Operation, tuple[Field, ...]] = {
    Operation.PING: (),
    Operation.SET_MODE: (Field("mode", "u1", None, "", "Mode"),),
    Operation.SET_PARAMETER: (Field("parameter", "u2", None, "", "number"), Field("value", "f8", None, "", "")),
    Operation.DUMP_PARAMETERS: (),
    Operation.LOAD_TABLE: (
        Field("table", "u1", None, "", "Table"),
        Field("offset", "u4", None, "bytes", "of this part"),
        Field("n_bytes", "u2", None, "bytes", "of this part"),
        Field("part", f"S{CHUNK_BYTES}", None, "", "zeros behind its end"),
    ),
    Operation.COMMIT_TABLE: (
        Field("table", "u1", None, "", "Table"),
        Field("n_bytes", "u4", None, "bytes", "of the whole table"),
        Field("crc32", "u4", None, "", "of the whole table"),
    ),
    Operation.START_SCAN: (),
    Operation.STOP_SCAN: (),
    Operation.REQUEST_FRAME: (Field("frame", "u4", None, "", "number"), Field("detector", "u1", None, "", "")),
    Operation.REQUEST_CHIP: (
        Field("frame", "u4", None, "", "number"),
        Field("detector", "u1", None, "", ""),
        Field("x_px", "u2", None, "px", "first column, of the detector"),
        Field("y_px", "u2", None, "px", "first row, of the detector"),
        Field("nx", "u2", None, "px", "columns"),
        Field("ny", "u2", None, "px", "rows"),
    ),
    Operation.CLEAR_STORED: (),
    Operation.SELF_TEST: (),
}
OPERATIONS = frozenset(int(operation) for operation in Operation)
FORMS = {operation: RecordType(operation.name, APID, fields) for operation, fields in ARGUMENTS.items()}


@dataclass(frozen=True)
class Telecommand:
    """A command as it was sent. ``at_tai_ns`` 0: at once."""

    operation: Operation
    request: int
    arguments: dict[str, Any]
    at_tai_ns: int = 0

    def pack(self, sequence: int = 0) -> bytes:
        """The packet that carries it."""
        body = HEAD.pack(self.operation, self.request, self.at_tai_ns)
        body += FORMS[self.operation].pack(self.arguments) if ARGUMENTS[self.operation] else b""
        header = SpacePacketHeader(
            PacketType.TC, APID, sequence % SEQUENCE_COUNTS, len(body) + CRC_BYTES - 1, sec_header_flag=True,
            seq_flags=SequenceFlags.UNSEGMENTED,
        )  # fmt: skip
        return with_crc(bytes(header.pack()) + body)


@dataclass(frozen=True)
class Refused:
    """Bytes that are no command, and why; the request number if it could be read."""

    code: Code
    request: int = 0
    operation: int = 0


def claimed(raw: bytes) -> tuple[int, int]:
    """Request number and operation that bytes claim, which may be no command: for the answer alone."""
    if len(raw) < SHORTEST_BYTES:
        return 0, 0
    number, request, _ = HEAD.unpack_from(raw, PRIMARY_BYTES)
    return request, number


def parse(raw: bytes) -> Telecommand | Refused:
    """The command in one packet. Never raises: whatever the bytes are, the answer is a command or a code."""
    if len(raw) < SHORTEST_BYTES:
        return Refused(Code.BAD_LENGTH)
    word, _, length = struct.unpack(">HHH", raw[:PRIMARY_BYTES])
    if length + 1 != len(raw) - PRIMARY_BYTES:
        return Refused(Code.BAD_LENGTH)
    if crc16.ibm_3740(raw) != 0:
        return Refused(Code.BAD_CRC)
    number, request, at_tai_ns = HEAD.unpack_from(raw, PRIMARY_BYTES)
    if word != 0x1800 | APID:  # version 0, telecommand, secondary header
        return Refused(Code.WRONG_APID, request, number)
    if number not in OPERATIONS:
        return Refused(Code.UNKNOWN_OPERATION, request, number)
    operation, body = Operation(number), raw[PRIMARY_BYTES + HEAD.size : -CRC_BYTES]
    fields = ARGUMENTS[operation]
    if len(body) != (FORMS[operation].size_bytes if fields else 0):
        return Refused(Code.BAD_ARGUMENT, request, number)
    return Telecommand(operation, request, FORMS[operation].unpack(body)[0] if fields else {}, at_tai_ns)


def table_load(table: Table, data: bytes, first_request: int) -> Sequence[Telecommand]:
    """The commands that load a table and commit it."""
    parts = [data[i : i + CHUNK_BYTES] for i in range(0, len(data), CHUNK_BYTES)]
    loads = [
        Telecommand(Operation.LOAD_TABLE, first_request + k,
                    {"table": int(table), "offset": k * CHUNK_BYTES, "n_bytes": len(part), "part": part})
        for k, part in enumerate(parts)
    ]  # fmt: skip
    end = {"table": int(table), "n_bytes": len(data), "crc32": crc32(data)}
    return [*loads, Telecommand(Operation.COMMIT_TABLE, first_request + len(parts), end)]
