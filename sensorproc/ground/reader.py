"""Packets to records, each once, in the order in which they were made. Never raises on damage; says exactly what is missing."""

import hashlib
import itertools
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from sensorproc.downlink.dictionary import Apid
from sensorproc.downlink.packets import (
    COUNT_BYTES,
    CRC_BYTES,
    PRIMARY_BYTES,
    TIME_BYTES,
    apid_of,
    sequence_count,
    tai_ns_from_cuc,
)
from sensorproc.downlink.records import RECORDS, SET
from sensorproc.ground.scan import Scanner
from sensorproc.ground.unwrap import Total, unwrap

Record = dict[str, Any]


@dataclass
class Gaps:
    """What did not arrive: per APID, ranges of absolute packet counts; bytes that belong to no packet; duplicates;
    packets that repeat a count with other content (a second recording in the same stream), which are not used; idle packets, and
    SET packets of other versions of the ICD.

    ``is_exact``: the recording's last set was heard of, so nothing can be missing behind what is reported, and no count is in
    doubt."""

    expected: dict[int, int] = field(default_factory=dict)
    received: dict[int, int] = field(default_factory=dict)
    missing: dict[int, list[range]] = field(default_factory=dict)
    n_bytes_skipped: int = 0
    n_duplicates: int = 0
    n_conflicts: int = 0
    n_idle_packets: int = 0
    other_versions: Counter[int] = field(default_factory=Counter)
    is_exact: bool = False

    @property
    def n_missing(self) -> int:
        return sum(len(counts) for ranges in self.missing.values() for counts in ranges)


@dataclass
class Downlink:
    """Records by type name, in the order in which they were made, and the gap report. SET records know their packet's time."""

    records: dict[str, list[Record]]
    gaps: Gaps


@dataclass(frozen=True)
class _Packet:
    """A packet that arrived: its time, its count of 14 bits, and its records."""

    t_tai_ns: int
    count: int
    records: list[Record]


def read(data: bytes | Iterable[bytes]) -> Downlink:
    """All intact packets of a byte stream, given whole or in parts."""
    scanner, gaps = Scanner(), Gaps()
    arrived: dict[int, list[_Packet]] = {int(apid): [] for apid in Apid}
    known: set[bytes] = set()
    for raw in scanner.packets([data] if isinstance(data, bytes) else data):
        digest = hashlib.blake2b(raw, digest_size=16).digest()
        if digest in known:
            gaps.n_duplicates += 1
            continue
        known.add(digest)
        arrived[apid_of(raw)].append(_packet(raw))
    gaps.n_bytes_skipped, gaps.n_idle_packets = scanner.n_bytes_skipped, scanner.n_idle_packets
    gaps.other_versions = scanner.other_versions
    sets = [record for packet in arrived[int(Apid.SET)] for record in packet.records]
    gaps.is_exact = any(row["is_last"] for row in sets)
    records: dict[str, list[Record]] = {}
    for apid, packets in arrived.items():
        kind = RECORDS[Apid(apid)]
        totals = [Total(row["t_packet_tai_ns"], row[f"total_{kind.name.lower()}"]) for row in sets]
        counts, is_sure = unwrap([(packet.t_tai_ns, packet.count) for packet in packets], totals)
        first: dict[int, _Packet] = {}
        for count, packet in zip(counts, packets, strict=True):
            first.setdefault(count, packet)
        gaps.n_conflicts += len(packets) - len(first)
        gaps.is_exact = gaps.is_exact and is_sure and len(packets) == len(first)
        total = max(max((total.n for total in totals), default=0), max(first, default=-1) + 1)
        gaps.expected[apid], gaps.received[apid] = total, len(first)
        gaps.missing[apid] = _between(sorted(first), total)
        records[kind.name] = [record for count in sorted(first) for record in first[count].records]
    return Downlink(records, gaps)


def _packet(raw: bytes) -> _Packet:
    kind = RECORDS[Apid(apid_of(raw))]
    time = tai_ns_from_cuc(raw[PRIMARY_BYTES : PRIMARY_BYTES + TIME_BYTES])
    records = kind.unpack(raw[PRIMARY_BYTES + TIME_BYTES + COUNT_BYTES : -CRC_BYTES])
    if kind is SET:
        records = [record | {"t_packet_tai_ns": time} for record in records]
    return _Packet(time, sequence_count(raw), records)


def _between(arrived: list[int], total: int) -> list[range]:
    """The counts from 0 to ``total`` that are not among those that arrived: as many ranges as there are gaps, however long."""
    ends = [-1, *arrived, total]
    return [range(a + 1, b) for a, b in itertools.pairwise(ends) if b > a + 1]
