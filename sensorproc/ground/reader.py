"""Bytes to records. Never raises on damage; says exactly what is missing.

Packets are found by resynchronisation: at every position the header must name a known APID and a length that leaves
whole records, and the CRC over that length must be right. Otherwise one byte is skipped.
"""

import itertools
import struct
from dataclasses import dataclass, field
from typing import Any

from sensorproc.downlink.dictionary import Apid
from sensorproc.downlink.packets import (
    APID_MASK,
    COUNT_BYTES,
    CRC_BYTES,
    OVERHEAD_BYTES,
    P_FIELD,
    PRIMARY_BYTES,
    SEQUENCE_COUNTS,
    TIME_BYTES,
    apid_of,
    is_intact,
    tai_ns_from_cuc,
)
from sensorproc.downlink.records import RECORDS, SET

Record = dict[str, Any]
TELEMETRY_WITH_TIME = 0x0800  # version 0, telemetry, secondary header present
UNSEGMENTED = 0xC000


@dataclass
class Gaps:
    """What did not arrive: per APID, ranges of absolute packet counts; bytes that belong to no packet; duplicates;
    packets that repeat a count with other content (a second recording in the same stream), which are not used.

    ``is_exact``: the recording's last set was heard of, so nothing can be missing behind what is reported."""

    expected: dict[int, int] = field(default_factory=dict)
    received: dict[int, int] = field(default_factory=dict)
    missing: dict[int, list[range]] = field(default_factory=dict)
    n_bytes_skipped: int = 0
    n_duplicates: int = 0
    n_conflicts: int = 0
    is_exact: bool = False

    @property
    def n_missing(self) -> int:
        return sum(len(counts) for ranges in self.missing.values() for counts in ranges)


@dataclass
class Downlink:
    """Records by type name, in order of arrival, and the gap report. SET records know the time of their packet."""

    records: dict[str, list[Record]]
    gaps: Gaps


def read(data: bytes) -> Downlink:
    """All intact packets of a byte stream."""
    records: dict[str, list[dict[str, Any]]] = {kind.name: [] for kind in RECORDS.values()}
    seen: dict[int, list[int]] = {int(apid): [] for apid in Apid}
    content: dict[tuple[int, int], bytes] = {}
    gaps = Gaps()
    position = 0
    while position < len(data):
        size = packet_size(data, position)
        if size is None:
            gaps.n_bytes_skipped += 1
            position += 1
            continue
        raw = data[position : position + size]
        position += size
        apid = apid_of(raw)
        count = _unwrap(int.from_bytes(raw[2:4], "big") & 0x3FFF, seen[apid])
        if (apid, count) in content:
            is_same = content[apid, count] == raw
            gaps.n_duplicates += is_same
            gaps.n_conflicts += not is_same
            continue
        content[apid, count] = raw
        seen[apid].append(count)
        kind = RECORDS[Apid(apid)]
        new = kind.unpack(raw[PRIMARY_BYTES + TIME_BYTES + COUNT_BYTES : -CRC_BYTES])
        if kind is SET:
            time = tai_ns_from_cuc(raw[PRIMARY_BYTES : PRIMARY_BYTES + TIME_BYTES])
            new = [record | {"t_packet_tai_ns": time} for record in new]
        records[kind.name] += new
    _report(gaps, seen, records[SET.name])
    return Downlink(records, gaps)


def packet_size(data: bytes, position: int) -> int | None:
    """Size of the intact packet that starts here, None if there is none."""
    if len(data) - position < OVERHEAD_BYTES:
        return None
    word, sequence, length = struct.unpack_from(">HHH", data, position)
    if word & 0xF800 != TELEMETRY_WITH_TIME or sequence & UNSEGMENTED != UNSEGMENTED:
        return None
    if data[position + PRIMARY_BYTES] != P_FIELD:
        return None
    kind = RECORDS.get(word & APID_MASK)  # type: ignore[call-overload]
    size = PRIMARY_BYTES + length + 1
    if kind is None or size > len(data) - position or size < OVERHEAD_BYTES:
        return None
    (n_records,) = struct.unpack_from(">H", data, position + PRIMARY_BYTES + TIME_BYTES)
    if size != OVERHEAD_BYTES + n_records * kind.size_bytes:
        return None
    return size if is_intact(data[position : position + size]) else None


def _unwrap(count: int, seen: list[int]) -> int:
    """Absolute count of a 14-bit one: the nearest to the last seen."""
    if not seen:
        return count
    last = seen[-1]
    return last + (count - last + SEQUENCE_COUNTS // 2) % SEQUENCE_COUNTS - SEQUENCE_COUNTS // 2


def _report(gaps: Gaps, seen: dict[int, list[int]], sets: list[dict[str, Any]]) -> None:
    """Missing counts: up to the totals the SET packets state, else up to the last packet seen."""
    gaps.is_exact = gaps.n_conflicts == 0 and any(row["is_last"] for row in sets)
    for apid, counts in seen.items():
        key = f"total_{RECORDS[Apid(apid)].name.lower()}"
        stated = max((row[key] for row in sets), default=0)
        total = max(stated, max(counts, default=-1) + 1)
        arrived = set(counts)
        gaps.expected[apid] = total
        gaps.received[apid] = len(arrived)
        gaps.missing[apid] = _between(sorted(arrived), total)


def _between(arrived: list[int], total: int) -> list[range]:
    """The counts from 0 to ``total`` that are not among those that arrived: as many ranges as there are gaps, however long."""
    ends = [-1, *arrived, total]
    return [range(a + 1, b) for a, b in itertools.pairwise(ends) if b > a + 1]
