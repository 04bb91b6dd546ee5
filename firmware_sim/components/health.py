"""Health: deadlines, memory, power and queue, events by urgency and in bounded number, and the watchdog.

The watchdog asks whether a stage at work is over its time: first it warns, then it resets the processor, which starts again from
its last checkpoint after the time it needs to boot.
"""

from collections import Counter, deque
from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from typing import Any

import simpy

from firmware_sim.flight.timeline import Timeline
from firmware_sim.ports import BufferGet, Clock, Compute, OpenSet, Watched, port
from sensorproc.downlink.dictionary import Severity
from sensorproc.downlink.records import EVENT, HEALTH, NO_SET
from sensorproc.downlink.telecommands import Mode
from sensorproc.events import Event
from sensorproc.onboard.records import event_values
from sensorproc.timescales import MINUTE_NS, NS_PER_S

EVENTS_A_MINUTE = 20  # of one kind
WARN_NS, FATAL_NS = 3 * NS_PER_S, 6 * NS_PER_S  # over the time a stage may take
MOST_SAMPLES = 100_000
DataPoint = dict[str, float]


@dataclass
class Counters:
    """What the parts count, asked when a report is due."""

    queue_bytes: Callable[[], int] = port()
    n_frames_lost: Callable[[], int] = port()
    mode: Callable[[], int] = port()
    n_corrected: Callable[[], int] = port()
    n_uncorrectable: Callable[[], int] = port()
    n_reloaded: Callable[[], int] = port()
    n_rejected_commands: Callable[[], int] = port()
    n_throttled: Callable[[], int] = port()
    clock_sigma_s: Callable[[], float] = port()


@dataclass
class Health:
    """Ports: clock, memory, processor, counters of the others; events and records out through the downlink manager."""

    env: simpy.Environment
    clock: Clock
    counters: Counters
    boot_ns: int
    sample_ns: int
    is_over: Callable[[], bool]
    timeline: Timeline
    memory: BufferGet = port()
    processor: Compute = port()
    watched: Watched = port()  # by the watchdog: the image processor
    samples: list[DataPoint] = field(default_factory=list)
    latencies_ns: dict[int, int] = field(default_factory=dict)
    deadlines_ns: dict[int, int] = field(default_factory=dict)
    sent_ns: dict[int, int] = field(default_factory=dict)  # from the same time to a set's last packet
    resets_ns: list[tuple[int, int]] = field(default_factory=list)  # reset, running again
    n_slips: int = 0
    n_throttled: int = 0
    energy_j: float = 0.0  # since start
    is_up: bool = True

    def __post_init__(self) -> None:
        self._events: list[bytes] = []
        self._ends: dict[int, int] = {}
        self._recent: dict[str, deque[int]] = {}
        self.counts: Counter[str] = Counter()
        self.env.process(self._sample())

    def watch(self) -> None:
        """The watchdog looks after the image processor from now on."""
        self.env.process(self._watch())

    def _sample(self) -> Generator[simpy.Event, Any, None]:
        while not self.is_over() and len(self.samples) < MOST_SAMPLES:
            point = {"t_s": self.clock.now_ns() / NS_PER_S, "memory_bytes": float(self.memory.used_bytes)}
            point["queue_bytes"] = float(self.counters.queue_bytes())
            self.samples.append(point)
            self.timeline.count("memory", self.clock.now_ns(), {"MB": point["memory_bytes"] / 1e6})
            self.timeline.count("packets", self.clock.now_ns(), {"kB": point["queue_bytes"] / 1e3})
            yield self.env.timeout(self.sample_ns)

    def _watch(self) -> Generator[simpy.Event, Any, None]:
        is_warned = False
        while not self.is_over():
            yield self.env.timeout(NS_PER_S)
            over_ns = self.processor.overdue_ns()
            if over_ns > WARN_NS and not is_warned:
                self.event("PING_LATE", Severity.WARNING_HI, over_ns / NS_PER_S)
            is_warned = over_ns > WARN_NS
            if over_ns > FATAL_NS:
                yield from self.reset()

    def reset(self) -> Generator[simpy.Event, Any, None]:
        """Stop everything on the processor, boot, go on."""
        begun = self.clock.now_ns()
        self.is_up = False
        self.watched.stop()
        yield self.env.timeout(self.boot_ns)
        self.is_up = True
        if self.is_over():
            return
        self.watched.start()
        self.resets_ns.append((begun, self.clock.now_ns()))
        self.event("WATCHDOG_RESET", Severity.FATAL, float(len(self.resets_ns)), self.boot_ns / NS_PER_S)

    def event(self, reason: str, severity: Severity, *numbers: float) -> None:
        """Something the ground must be told; of one kind only so many a minute, the rest is counted."""
        self.counts[reason] += 1
        now = self.clock.now_ns()
        recent = self._recent.setdefault(reason, deque())
        while recent and recent[0] <= now - MINUTE_NS:
            recent.popleft()
        if len(recent) >= EVENTS_A_MINUTE:
            self.n_throttled += 1
            return
        recent.append(now)
        self.tell(Event(reason, severity, self.clock.tai_ns(), numbers))

    def tell(self, event: Event) -> None:
        """The ground shall know of it, however often it happens: what befell a frame or a set."""
        self._events.append(EVENT.pack(event_values(event)))

    def mode_changed(self, event: str, mode: Mode) -> None:
        """A telecommand has changed the mode, or the scan."""
        self.event(event, Severity.ACTIVITY_HI, float(mode))

    def set_done(self, opened: OpenSet, first_frame: int) -> None:
        """The last stage of a set has ended: was it in time?"""
        latency = self.clock.tai_ns() - opened.end_tai_ns
        self._ends[opened.set_id] = opened.end_tai_ns
        self.latencies_ns[opened.set_id], self.deadlines_ns[opened.set_id] = latency, opened.period_ns
        if latency > opened.period_ns:
            self.n_slips += 1
            numbers = latency / NS_PER_S, opened.period_ns / NS_PER_S  # latency, deadline [s]
            at = opened.end_tai_ns, numbers, first_frame, opened.detector
            self.tell(Event("DEADLINE_MISSED", Severity.WARNING_HI, *at))

    def set_sent(self, set_id: int, has_gone: bool) -> None:
        """The last packet of a set has gone, or none of them will."""
        end = self._ends.pop(set_id)
        if has_gone:
            self.sent_ns[set_id] = self.clock.tai_ns() - end

    def take_records(self) -> list[bytes]:
        """EVENT records since this was last asked."""
        records, self._events = self._events, []
        return records

    def record(self, set_id: int = NO_SET) -> bytes:
        """The HEALTH record after a set, or while none is taken."""
        busy, energy = self.processor.since_last_report()
        self.energy_j += energy
        counters = self.counters
        return HEALTH.pack(
            {
                "set_id": set_id,
                "t_tai_ns": self.clock.tai_ns(),
                "latency_s": self.latencies_ns.get(set_id, 0) / NS_PER_S,
                "deadline_s": self.deadlines_ns.get(set_id, 0) / NS_PER_S,
                "busy_fraction": busy,
                "energy_j": energy,
                "memory_used_bytes": self.memory.used_bytes,
                "memory_peak_bytes": self.memory.peak_bytes,
                "memory_budget_bytes": self.memory.budget_bytes,
                "queue_bytes": counters.queue_bytes(),
                "n_slips": self.n_slips,
                "n_frames_lost": counters.n_frames_lost(),
                "mode": int(counters.mode()),
                "n_resets": len(self.resets_ns),
                "n_corrected": counters.n_corrected(),
                "n_uncorrectable": counters.n_uncorrectable(),
                "n_reloaded": counters.n_reloaded(),
                "n_rejected_commands": counters.n_rejected_commands(),
                "n_throttled": counters.n_throttled() + self.n_throttled,
                "clock_sigma_s": counters.clock_sigma_s(),
            }
        )
