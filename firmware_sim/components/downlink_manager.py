"""The downlink manager: records to packets under what the link can carry until the next set, urgent ones first."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from firmware_sim.ports import Clock, Ledger, PacketSink, port, ports
from sensorproc.downlink.dictionary import Apid
from sensorproc.downlink.formatter import Formatter
from sensorproc.downlink.packets import apid_of, n_records
from sensorproc.downlink.records import ACK
from sensorproc.downlink.telecommands import NOBODYS, Code
from sensorproc.timescales import MINUTE_NS, NS_PER_S

ANSWERS_A_MINUTE = 60
TO_NOBODY_A_MINUTE = 20  # of them, to what nobody who may command has sent
MOST_SILENT_NS = 5 * MINUTE_NS


@dataclass
class DownlinkManager:
    """Ports: clock, sets and answers in, health and events, the ledger, packets out (to the radio)."""

    clock: Clock
    formatter: Formatter
    marking: dict[str, Any]
    share_bytes_s: float  # of the link, for one detector
    last: tuple[dict[str, Any], int]  # fields of the SET record of the last set, and its time; before the first, of no set
    radio: PacketSink = port()
    ledger: Ledger = port()
    health_record: Callable[..., bytes] = port()  # after a set, or of no set
    events: Callable[[], list[bytes]] = port()
    most_bytes: Callable[[], float] = port()  # a set, as configured
    set_sent: list[Callable[[int, bool], None]] = ports()  # told when the last packet of a set has gone, or that none will
    n_throttled: int = 0
    _answers: list[tuple[int, bool]] = field(default_factory=list)  # when, and whether to nobody
    _told_ns: int = 0  # when health last went down

    def put_set(
        self, set_id: int, records: dict[int, list[bytes]], housekeeping: dict[str, Any], last_ns: int, period_ns: int
    ) -> None:
        """Queue the packets of a set. What does not fit is left out by urgency, counted, and said in the SET record."""
        records = records | {
            int(Apid.EVENT): records[int(Apid.EVENT)] + self.events(),
            int(Apid.HEALTH): [self.health_record(set_id)],
            int(Apid.DWELL): (dwells := self.ledger.take_records()),
        }
        link = min(self.share_bytes_s * period_ns / NS_PER_S, self.most_bytes())
        budget = max(int(min(link, self.radio.free_bytes())), 1)  # 0 would mean unlimited
        self.last = housekeeping | self.marking, last_ns
        packets = self.formatter.format_set(records, self.last[0], last_ns, False, budget)
        dropped = self.radio.put(packets, lambda: self._tell_sent(set_id, True))
        self._told_ns = self.clock.now_ns()
        gone = [packet for packet in packets if apid_of(packet) == Apid.DWELL and packet not in dropped]
        self.ledger.put_back(dwells[sum(n_records(packet) for packet in gone) :])  # no room: with the next set
        if len(dropped) == len(packets):
            self._tell_sent(set_id, False)

    def _tell_sent(self, set_id: int, has_gone: bool) -> None:
        for told in self.set_sent:
            told(set_id, has_gone)

    def put_now(self, apid: int, records: list[bytes]) -> None:
        """Answers go at once, so many a minute; more are counted and not sent: a flood shall not take the link."""
        kept = self._allowed(records) if apid == Apid.ACK else records
        self.n_throttled += len(records) - len(kept)
        if kept:
            self.radio.put(self.formatter.format_now(apid, kept, self.clock.tai_ns()))

    def _allowed(self, answers: list[bytes]) -> list[bytes]:
        """Those that may go now: garbage does not use up the answers to commands."""
        now, kept = self.clock.now_ns(), []
        self._answers = [(t, is_nobodys) for t, is_nobodys in self._answers if t > now - MINUTE_NS]
        for answer in answers:
            is_nobodys = Code(ACK.unpack(answer)[0]["code"]) in NOBODYS
            n_alike = sum(one == is_nobodys for _, one in self._answers)
            if len(self._answers) < ANSWERS_A_MINUTE and not (is_nobodys and n_alike >= TO_NOBODY_A_MINUTE):
                kept.append(answer)
                self._answers.append((now, is_nobodys))
        return kept

    def beat(self) -> None:
        """Once a minute, while no dwell is open or none has been done for long: health, and what would else wait for the next."""
        if self.ledger.open and self.clock.now_ns() - self._told_ns < MOST_SILENT_NS:
            return
        self._told_ns = self.clock.now_ns()
        for apid, records in ((Apid.EVENT, self.events()), (Apid.HEALTH, [self.health_record()])):
            self.put_now(int(apid), records)
        self.tell_dwells()

    def tell_dwells(self) -> bool:
        """Closed dwells of which the ground has not heard, as far as there is room; whether some are left that will find it."""
        packets, left = self.formatter.format_fitting(
            int(Apid.DWELL), self.ledger.take_records(), self.clock.tai_ns(), int(self.radio.free_bytes())
        )
        self.radio.put(packets)
        self.ledger.put_back(left)
        return bool(left and packets)

    def finish(self) -> None:
        """The last of everything: events, and how many packets there were in all."""
        self.put_now(int(Apid.EVENT), self.events())
        self.radio.put(self.formatter.close(*self.last))
