"""The radio: one packet after another at the link's rate, and a ledger of every byte."""

from collections.abc import Generator, Sequence
from dataclasses import dataclass, field
from typing import Any

import simpy

from firmware_sim.clock import NS_PER_S
from firmware_sim.ports import Clock

BITS_PER_BYTE = 8
APID_MASK = 0x7FF


@dataclass(frozen=True)
class Sent:
    """One packet on the air [ns since start]."""

    start_ns: int
    end_ns: int
    apid: int
    n_bytes: int


@dataclass
class Radio:
    """Ports: packets in (from the downlink manager), bytes out (``stream``, what the ground receives)."""

    env: simpy.Environment
    clock: Clock
    bit_s: float
    capacity_bytes: int
    ledger: list[Sent] = field(default_factory=list)
    stream: list[bytes] = field(default_factory=list)
    queued_bytes: int = 0

    def __post_init__(self) -> None:
        self._queue = simpy.Store(self.env)
        self.env.process(self._send())

    def free_bytes(self) -> int:
        """Room in the queue."""
        return self.capacity_bytes - self.queued_bytes

    def put(self, packets: Sequence[bytes]) -> None:
        """Queue packets; the caller has asked for room."""
        for packet in packets:
            self.queued_bytes += len(packet)
            self._queue.put(packet)

    def _send(self) -> Generator[simpy.Event, Any, None]:
        while True:
            packet = yield self._queue.get()
            start = self.clock.now_ns()
            yield self.env.timeout(-(-len(packet) * BITS_PER_BYTE * NS_PER_S // int(self.bit_s)))
            apid = int.from_bytes(packet[:2], "big") & APID_MASK
            self.ledger.append(Sent(start, self.clock.now_ns(), apid, len(packet)))
            self.stream.append(packet)
            self.queued_bytes -= len(packet)


def busiest_window(ledger: Sequence[Sent], window_ns: int) -> int:
    """Most bits on the air in any window of this length: packets count in the part that lies inside it.

    The sum changes at constant rates, so its maximum begins with a packet or ends with one.
    """
    starts = {s.start_ns for s in ledger} | {s.end_ns - window_ns for s in ledger}
    return max((round(_bits_in(ledger, start, start + window_ns)) for start in starts), default=0)


def _bits_in(ledger: Sequence[Sent], begin_ns: int, stop_ns: int) -> float:
    touched = (s for s in ledger if s.end_ns > begin_ns and s.start_ns < stop_ns)
    shares = ((min(s.end_ns, stop_ns) - max(s.start_ns, begin_ns)) / (s.end_ns - s.start_ns) * s.n_bytes for s in touched)
    return BITS_PER_BYTE * sum(shares)
