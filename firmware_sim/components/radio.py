"""The radio: one packet after another at the link's rate, a bounded queue, and a ledger of every byte."""

import math
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, field
from typing import Any

import simpy

from firmware_sim.flight.radio_ledger import BITS_PER_BYTE, RadioLedger
from firmware_sim.ports import Clock
from sensorproc.downlink.packets import apid_of
from sensorproc.timescales import NS_PER_S


@dataclass
class Radio:
    """Ports: packets in (from the downlink manager), bytes out (``send``, what the ground receives). A packet that finds no room
    is given back; its sequence count tells the ground."""

    env: simpy.Environment
    clock: Clock
    bit_s: float
    capacity_bytes: int
    send: Callable[[bytes], object]
    sent: Callable[[int, int, int], None] = lambda apid, start_ns, end_ns: None
    ledger: RadioLedger = field(default_factory=RadioLedger)
    queued_bytes: int = 0
    outage_until_ns: int = 0
    carry: Callable[[bytes], list[bytes]] = lambda packet: [packet]  # what arrives of a packet

    def __post_init__(self) -> None:
        self._queue = simpy.Store(self.env)
        self.env.process(self._run())

    def free_bytes(self) -> int:
        """Room in the queue."""
        return self.capacity_bytes - self.queued_bytes

    def put(self, packets: Sequence[bytes], sent: Callable[[], None] | None = None) -> list[bytes]:
        """Queue packets; those that found no room. ``sent`` is called when the last of the others has gone."""
        kept, dropped = [], []
        for packet in packets:
            if len(packet) <= self.free_bytes():
                self.queued_bytes += len(packet)
                kept.append(packet)
            else:
                dropped.append(packet)
        for packet in kept:
            self._queue.put((packet, sent if packet is kept[-1] else None))
        return dropped

    def _run(self) -> Generator[simpy.Event, Any, None]:
        while True:
            packet, told = yield self._queue.get()
            while self.clock.now_ns() < self.outage_until_ns:
                yield self.env.timeout(self.outage_until_ns - self.clock.now_ns())
            start = self.clock.now_ns()
            yield self.env.timeout(math.ceil(len(packet) * BITS_PER_BYTE * NS_PER_S / self.bit_s))
            apid = apid_of(packet)
            self.ledger.add(start, self.clock.now_ns(), apid, len(packet))
            self.sent(apid, start, self.clock.now_ns())
            if told is not None:
                told()
            self.queued_bytes -= len(packet)
            for arrived in self.carry(packet):
                self.send(arrived)
