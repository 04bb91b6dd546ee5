"""Health: deadlines, memory, power and queue, reported with every set; samples for the engineer's plots."""

from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from typing import Any

import simpy

from firmware_sim.ports import BufferGet, Clock, Compute
from sensorproc.downlink.dictionary import Severity
from sensorproc.downlink.records import HEALTH
from sensorproc.onboard.products import Rejection
from sensorproc.timescales import NS_PER_S

DataPoint = dict[str, float]


@dataclass
class Health:
    """Ports: clock, memory, processor, the queue's fill; events and records out through the downlink manager."""

    env: simpy.Environment
    clock: Clock
    memory: BufferGet
    processor: Compute
    queue_bytes: Callable[[], int]
    n_frames_lost: Callable[[], int]
    set_ends_tai_ns: dict[int, int]  # end of the last exposure, by set
    deadlines_ns: dict[int, int]  # allowed from there, by set
    sample_ns: int
    samples: list[DataPoint] = field(default_factory=list)
    latencies_ns: dict[int, int] = field(default_factory=dict)
    events: dict[int, list[tuple[Rejection, Severity]]] = field(default_factory=dict)
    n_slips: int = 0
    energy_j: float = 0.0  # since start

    def __post_init__(self) -> None:
        self.env.process(self._sample())

    def _sample(self) -> Generator[simpy.Event, Any, None]:
        while len(self.latencies_ns) < len(self.set_ends_tai_ns):
            point = {"t_s": self.clock.now_ns() / NS_PER_S, "memory_bytes": float(self.memory.used_bytes)}
            self.samples.append(point | {"queue_bytes": float(self.queue_bytes())})
            yield self.env.timeout(self.sample_ns)

    def event(self, set_id: int, rejection: Rejection, severity: Severity) -> None:
        """Something the ground must be told with the packets of a set."""
        self.events.setdefault(set_id, []).append((rejection, severity))

    def set_done(self, set_id: int, detector: int, first_frame: int) -> None:
        """The last stage of a set has ended: was it in time?"""
        latency = self.clock.tai_ns() - self.set_ends_tai_ns[set_id]
        self.latencies_ns[set_id] = latency
        if latency > self.deadlines_ns[set_id]:
            self.n_slips += 1
            numbers = (("latency_s", latency / NS_PER_S), ("deadline_s", self.deadlines_ns[set_id] / NS_PER_S))
            slip = Rejection(first_frame, detector, self.set_ends_tai_ns[set_id], "DEADLINE_MISSED", numbers)
            self.event(set_id, slip, Severity.WARNING_HI)

    def told(self, set_id: int) -> list[tuple[Rejection, Severity]]:
        """Events of a set; they are told once."""
        return self.events.pop(set_id, [])

    def record(self, set_id: int) -> bytes:
        """The HEALTH record after a set."""
        busy, energy = self.processor.since_last_report()
        self.energy_j += energy
        return HEALTH.pack(
            {
                "set_id": set_id,
                "t_tai_ns": self.clock.tai_ns(),
                "latency_s": self.latencies_ns[set_id] / NS_PER_S,
                "deadline_s": self.deadlines_ns[set_id] / NS_PER_S,
                "busy_fraction": busy,
                "energy_j": energy,
                "memory_used_bytes": self.memory.used_bytes,
                "memory_peak_bytes": self.memory.peak_bytes,
                "memory_budget_bytes": self.memory.budget_bytes,
                "queue_bytes": self.queue_bytes(),
                "n_slips": self.n_slips,
                "n_frames_lost": self.n_frames_lost(),
            }
        )
