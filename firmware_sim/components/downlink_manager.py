"""The downlink manager: records to packets under what the link can carry until the next set, urgent ones first."""

from dataclasses import dataclass
from typing import Any

from firmware_sim.ports import HealthIn, PacketSink
from sensorproc.downlink.dictionary import Apid
from sensorproc.downlink.formatter import Formatter
from sensorproc.onboard.report import event_record


@dataclass
class DownlinkManager:
    """Ports: sets in (from the image processor), health, packets out (to the radio)."""

    formatter: Formatter
    health: HealthIn
    radio: PacketSink
    marking: dict[str, Any]
    budget_bytes: dict[int, int]  # by set: what the link carries in the set's period
    n_sets: int
    n_done: int = 0

    def put_set(self, set_id: int, records: dict[int, list[bytes]], housekeeping: dict[str, Any], last_ns: int) -> None:
        """Queue the packets of a set. What does not fit is left out by urgency, counted, and said in the SET record."""
        told = [event_record(rejection, severity) for rejection, severity in self.health.told(set_id)]
        records = records | {
            int(Apid.EVENT): records[int(Apid.EVENT)] + told,
            int(Apid.HEALTH): [self.health.record(set_id)],
        }
        budget = max(min(self.budget_bytes[set_id], self.radio.free_bytes()), 1)  # 0 would mean unlimited
        self.n_done += 1
        is_last = self.n_done == self.n_sets
        packets = self.formatter.format_set(records, housekeeping | self.marking, last_ns, is_last, budget)
        self.radio.put(packets)
