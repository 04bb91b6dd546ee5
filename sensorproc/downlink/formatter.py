"""Records of a frame set to packets in order, with sequence counts, under a byte budget.

Every set is framed by two SET packets that state how many packets of each type have been sent by its end, so the ground
can tell exactly what is missing, to the last packet. The closing packet of a recording's last set is repeated.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sensorproc.downlink.dictionary import ICD_VERSION, Apid
from sensorproc.downlink.packets import OVERHEAD_BYTES, build, capacity
from sensorproc.downlink.priority import Queued, fit
from sensorproc.downlink.records import RECORDS, RELEASE_ID, SET
from sensorproc.downlink.release_id import release_id

LAST_SET_COPIES = 2
URGENCY = {Apid.EVENT: 0, Apid.HEALTH: 0, Apid.DWELL: 0, Apid.TRACKLET: 1, Apid.DETECTION: 2, Apid.FRAME: 3}


@dataclass
class Formatter:
    """Sequence counts of one downlink, from its first packet on."""

    max_packet_bytes: int
    budget_bytes_per_set: int = 0
    software_digest: int = 0
    sent: dict[int, int] = field(default_factory=lambda: {int(apid): 0 for apid in Apid})
    n_left_out: int = 0  # packets of the last set

    def format_set(
        self,
        records: Mapping[int, Sequence[bytes]],
        housekeeping: dict[str, Any],
        tai_ns: int,
        is_last: bool = False,
        budget_bytes: int | None = None,
    ) -> list[bytes]:
        """Packets of one frame set, in the order in which they go.

        Parameters
        ----------
        records : dict
            Packed records by APID (events, frames, detections, tracklets), most urgent first within each.
        housekeeping : dict
            The SET record's fields but versions, phase, totals, drop count and the mark of the last set.
        tai_ns : int
            Time of the packets: the set's last mid-exposure.
        is_last : bool
            Whether the recording ends here: the closing packet is then repeated, since nothing later would tell of
            its loss.
        budget_bytes : int, optional
            For this set, instead of the formatter's own.
        """
        marked = _marked(records, release_id(housekeeping["marking"], housekeeping["data_mode"]))
        queue = [packet for apid in URGENCY for packet in self._queued(apid, marked.get(int(apid), ()), tai_ns)]
        n_closing = 1 + LAST_SET_COPIES * is_last
        reserved = (1 + n_closing) * (OVERHEAD_BYTES + SET.size_bytes)
        kept, n_dropped = fit(queue, self.budget_bytes_per_set if budget_bytes is None else budget_bytes, reserved)
        self.n_left_out = n_dropped
        totals = dict(self.sent)
        totals[int(Apid.SET)] += 1 + n_closing
        for packet in kept:
            totals[packet.apid] += 1
        values = self._values(housekeeping, totals) | {"n_dropped_packets": n_dropped, "is_last": int(is_last)}
        parts = [self._send(SET.apid, tai_ns, [SET.pack(values | {"phase": 0})])]
        parts += [self._send(packet.apid, packet.tai_ns, packet.records) for packet in kept]
        parts += [self._send(SET.apid, tai_ns, [SET.pack(values | {"phase": 1})]) for _ in range(n_closing)]
        return parts

    def close(self, housekeeping: dict[str, Any], tai_ns: int) -> list[bytes]:
        """The last set's closing packet again, now with the totals of everything, for a recording whose end was not foreseen."""
        totals = dict(self.sent)
        totals[int(Apid.SET)] += LAST_SET_COPIES
        values = self._values(housekeeping, totals) | {"n_dropped_packets": self.n_left_out, "is_last": 1, "phase": 1}
        return [self._send(SET.apid, tai_ns, [SET.pack(values)]) for _ in range(LAST_SET_COPIES)]

    def format_now(self, apid: int, records: Sequence[bytes], tai_ns: int) -> list[bytes]:
        """Packets of records that wait for no set: answers to telecommands, events, raw pixels."""
        step = capacity(RECORDS[Apid(apid)], self.max_packet_bytes)
        return [self._send(apid, tai_ns, records[i : i + step]) for i in range(0, len(records), step)]

    def format_fitting(
        self, apid: int, records: Sequence[bytes], tai_ns: int, room_bytes: int
    ) -> tuple[list[bytes], list[bytes]]:
        """The same of as many records as there is room for, and the records that are left: no count is used up for them."""
        kind = RECORDS[Apid(apid)]
        step = capacity(kind, self.max_packet_bytes)
        packets: list[bytes] = []
        for i in range(0, len(records), step):
            group = records[i : i + step]
            room_bytes -= OVERHEAD_BYTES + kind.size_bytes * len(group)
            if room_bytes < 0:
                return packets, list(records[i:])
            packets.append(self._send(apid, tai_ns, group))
        return packets, []

    def _queued(self, apid: Apid, records: Sequence[bytes], tai_ns: int) -> list[Queued]:
        kind = RECORDS[apid]
        step = capacity(kind, self.max_packet_bytes)
        groups = [tuple(records[i : i + step]) for i in range(0, len(records), step)]
        sizes = [OVERHEAD_BYTES + kind.size_bytes * len(group) for group in groups]
        return [Queued(int(apid), URGENCY[apid], tai_ns, g, n) for g, n in zip(groups, sizes, strict=True)]

    def _send(self, apid: int, tai_ns: int, records: Sequence[bytes]) -> bytes:
        packet = build(RECORDS[Apid(apid)], self.sent[apid], tai_ns, records)
        self.sent[apid] += 1
        return packet

    def _values(self, housekeeping: dict[str, Any], sent: dict[int, int]) -> dict[str, Any]:
        """A SET record's fields, with what the formatter knows of them."""
        about = {"icd_version": ICD_VERSION, "software_digest": self.software_digest}
        return housekeeping | about | {f"total_{kind.name.lower()}": sent[int(kind.apid)] for kind in RECORDS.values()}


def _marked(records: Mapping[int, Sequence[bytes]], number: int) -> dict[int, Sequence[bytes]]:
    """The records, those that may be released with the number of the marking under which they were made."""
    kinds = {apid: RECORDS[Apid(apid)] for apid in records}
    return {
        apid: [kinds[apid].stamped(r, RELEASE_ID, number) for r in some] if RELEASE_ID in kinds[apid].names else some
        for apid, some in records.items()
    }
