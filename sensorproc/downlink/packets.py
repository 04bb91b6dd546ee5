"""CCSDS space packets (133.0-B-2) with a CUC time code (301.0-B-4 level 1) and a CRC-16 over the whole packet.

Layout: 6-octet primary header | P-field 0x1F and 4 + 3 octets of TAI since 1958 | u16 number of records | records | CRC.
"""

import struct
from collections.abc import Sequence

from fastcrc import crc16
from spacepackets.ccsds import PacketType, SequenceFlags, SpacePacketHeader

from sensorproc.downlink.fields import RecordType
from sensorproc.errors import PacketError
from sensorproc.timescales import NS_PER_S

P_FIELD = 0x1F  # level 1 epoch 1958-01-01 TAI, 4 octets of seconds, 3 of fractions: 59.6 ns
APID_MASK = 0x7FF
SEQUENCE_COUNTS = 1 << 14
PRIMARY_BYTES, TIME_BYTES, COUNT_BYTES, CRC_BYTES = 6, 8, 2, 2
OVERHEAD_BYTES = PRIMARY_BYTES + TIME_BYTES + COUNT_BYTES + CRC_BYTES


def cuc_from_tai_ns(tai_ns: int) -> bytes:
    """Time code of 8 octets, P-field included, rounded to the nearest tick of 2^-24 s.

    >>> cuc_from_tai_ns(1_500_000_000).hex()
    '1f00000001800000'
    """
    seconds, ns = divmod(tai_ns, NS_PER_S)
    ticks = (seconds << 24) + ((ns << 24) + NS_PER_S // 2) // NS_PER_S
    if tai_ns < 0 or ticks >= 1 << 56:
        raise PacketError(f"time {tai_ns} ns does not fit a CUC code of 4 + 3 octets")
    return bytes([P_FIELD]) + ticks.to_bytes(7, "big")


def tai_ns_from_cuc(code: bytes) -> int:
    """TAI nanoseconds of a time code, exact to half a tick."""
    if len(code) != TIME_BYTES or code[0] != P_FIELD:
        raise PacketError(f"time code {code.hex()}: want 8 octets with P-field {P_FIELD:#x}")
    ticks = int.from_bytes(code[1:], "big")
    seconds, fraction = ticks >> 24, ticks & 0xFFFFFF
    return seconds * NS_PER_S + (fraction * NS_PER_S + (1 << 23) >> 24)


def build(record: RecordType, sequence: int, tai_ns: int, records: Sequence[bytes]) -> bytes:
    """One packet holding whole records."""
    body = cuc_from_tai_ns(tai_ns) + struct.pack(">H", len(records)) + b"".join(records)
    header = SpacePacketHeader(
        PacketType.TM,
        int(record.apid),
        sequence % SEQUENCE_COUNTS,
        len(body) + CRC_BYTES - 1,  # octets in the packet data field less one (133.0-B-2, 4.1.3.5)
        sec_header_flag=True,
        seq_flags=SequenceFlags.UNSEGMENTED,
    )
    return with_crc(bytes(header.pack()) + body)


def with_crc(packet: bytes) -> bytes:
    """A packet with the CRC over all of it behind it."""
    return packet + struct.pack(">H", crc16.ibm_3740(packet))


def capacity(record: RecordType, max_packet_bytes: int) -> int:
    """Records that fit one packet, at least one."""
    return max((max_packet_bytes - OVERHEAD_BYTES) // record.size_bytes, 1)


def apid_of(raw: bytes) -> int:
    """Application process identifier in a packet's first two octets."""
    return int.from_bytes(raw[:2], "big") & APID_MASK


def sequence_count(raw: bytes) -> int:
    """Sequence count of a packet, 14 bits."""
    return int.from_bytes(raw[2:4], "big") & (SEQUENCE_COUNTS - 1)


def n_records(raw: bytes) -> int:
    """Records a packet holds."""
    return int.from_bytes(raw[PRIMARY_BYTES + TIME_BYTES :][:COUNT_BYTES], "big")


def is_intact(raw: bytes) -> bool:
    """Whether the CRC over the packet, its own field included, leaves no remainder."""
    return len(raw) > OVERHEAD_BYTES and crc16.ibm_3740(raw) == 0
