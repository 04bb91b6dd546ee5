"""The camera as the payload sees it over a link: frames come when they come, and belong to sets by their numbers.

A set of n frames begins with a number that n divides, counted from the first frame of all. Its end is known from its first frame
or tick and the cadence: what has not come when the lateness that is allowed is over has been lost, and comes too late after that.
"""

from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from typing import Any

import simpy

from firmware_sim.link.frame_link import Verdict
from firmware_sim.ports import BufferGet, Clock, EventOut, FrameIn, Item, Ledger, OpenSet, Readout, TimeOut, frame_number, port
from firmware_sim.scan.dwell_ledger import Dwell
from sensorproc.downlink.dictionary import Severity
from sensorproc.frames import Rejection

STEP_NS = 1_000_000_000  # of the host's time code: by more than this it has jumped


@dataclass
class Taking:
    """A set that is being taken: number of its first frame, and the numbers that have come."""

    opened: OpenSet
    first: int
    has_memory: bool
    came: set[int] = field(default_factory=set)


@dataclass
class LinkCamera:
    """Ports: clocks, memory, frames out, dwells to the ledger; see :class:`~firmware_sim.components.camera.Camera`."""

    env: simpy.Environment
    clock: Clock
    set_time: Callable[[int], int]  # it is this TAI now; by how much the clock steps
    n_frames: int  # of a set
    cadence_ns: int
    set_bytes: int
    late_ns: int
    next_set: int = 0
    origin: dict[int, int] = field(default_factory=dict)  # number of the first frame of all, by detector
    time: TimeOut = port()
    memory: BufferGet = port()
    frames: FrameIn = port()
    ledger: Ledger = port()
    scan: Callable[[], int | None] = port()
    holds_frames: Callable[[], bool] = port()
    abandon: Callable[[int, str], None] = port()
    event: EventOut = port()
    opened: Callable[[], object] = port()  # told when a set begins
    n_exposed: int = 0
    n_lost: int = 0
    n_late: int = 0

    def __post_init__(self) -> None:
        self._taking: dict[int, Taking] = {}
        self._closed: dict[int, int] = {}  # the first number that is not over, by detector
        self._newest: dict[int, int] = {}  # number of a frame, by detector
        self._latest_tai_ns: dict[int, int] = {}  # end of an exposure, by detector
        self._has_time = False

    def ticked(self, detector: int, block: int, start_tai_ns: int, end_tai_ns: int) -> None:
        """An exposure has ended, whose pixels may come or not."""
        self._begin_anew_if_restarted(detector, block, end_tai_ns)
        self._synchronise(detector, block, end_tai_ns)
        if self.scan() is not None and block >= self._closed.get(detector, block):
            self._set_of(detector, block, end_tai_ns)

    def arrived(self, item: Item, end_tai_ns: int, verdict: Verdict) -> Verdict:
        """A frame, or why it is none; what becomes of it."""
        detector, number = item.detector, frame_number(item)
        self._begin_anew_if_restarted(detector, number, end_tai_ns)
        self._synchronise(detector, number, end_tai_ns)
        self.n_exposed += 1
        if self.scan() is None:
            return Verdict.NOT_WANTED
        if number < self._closed.get(detector, number):
            self.n_late += 1
            self.event("FRAME_LATE", Severity.WARNING_LO, float(number))
            return Verdict.LATE
        taking = self._set_of(detector, number, end_tai_ns)
        if number in taking.came:
            self.event("FRAME_DUPLICATED", Severity.WARNING_LO, float(number))
            return Verdict.DUPLICATED
        if not taking.has_memory:
            self.n_lost += 1
            item, verdict = _lost(item, "NO_MEMORY"), Verdict.NO_MEMORY
        self._put(taking, item)
        return verdict

    def _put(self, taking: Taking, item: Item) -> None:
        taking.came.add(frame_number(item))
        self.frames.put(taking.opened.set_id, Readout(item, sigma_time_s=self.time.sigma_s()))
        if len(taking.came) == taking.opened.n_planned:
            self._over(taking)

    def _over(self, taking: Taking) -> None:
        detector = taking.opened.detector
        self._closed[detector] = taking.first + taking.opened.n_planned
        if self._taking.get(detector) is taking:
            del self._taking[detector]

    def _begin_anew_if_restarted(self, detector: int, number: int, end_tai_ns: int) -> None:
        """A camera that counts anew: a number that is over already, of an exposure that is later than all before."""
        latest = self._latest_tai_ns.get(detector, end_tai_ns)
        self._latest_tai_ns[detector] = max(latest, end_tai_ns)
        if number >= self._closed.get(detector, number) or end_tai_ns <= latest + self.cadence_ns // 2:
            return
        if (taking := self._taking.get(detector)) is not None:
            self._close(taking)
        for known in (self.origin, self._closed, self._newest):
            known.pop(detector, None)
        self.event("CAMERA_RESET", Severity.WARNING_HI, float(number))

    def _synchronise(self, detector: int, number: int, tai_ns: int) -> None:
        """The time code of the host goes with every frame that is newer than all before; a jump is told, but for the first."""
        if number <= self._newest.get(detector, -1):
            return
        self._newest[detector] = number
        step_ns = tai_ns - self.clock.tai_ns()
        if not self._has_time or abs(step_ns) > STEP_NS:
            self.set_time(tai_ns)
            if self._has_time and abs(step_ns) > self.late_ns + STEP_NS:
                self.event("CLOCK_JUMP", Severity.WARNING_HI, step_ns * 1e-9)
            self._has_time = True

    def _set_of(self, detector: int, number: int, end_tai_ns: int) -> Taking:
        """The set a frame belongs to, which may begin with it; one that should have ended before is closed."""
        taking = self._taking.get(detector)
        if taking is not None and number >= taking.first + taking.opened.n_planned:
            self._close(taking)
            taking = None
        if taking is not None:
            return taking
        origin = self.origin.setdefault(detector, number)
        first = number - (number - origin) % self.n_frames
        start = end_tai_ns - (number - first) * self.cadence_ns
        set_id, self.next_set = self.next_set, self.next_set + 1
        period_ns, end = self.n_frames * self.cadence_ns, start + (self.n_frames - 1) * self.cadence_ns
        self.ledger.plan(Dwell(set_id, set_id, 0, detector, start, self.n_frames))
        opened = OpenSet(set_id, detector, self.n_frames, set_id, period_ns, end, is_held=self.holds_frames())
        taking = Taking(opened, first, self.memory.get(opened.memory_owner, self.set_bytes))
        self._taking[detector] = taking
        self.frames.open(opened)
        self.opened()
        self.env.process(self._expire(taking))
        return taking

    def _expire(self, taking: Taking) -> Generator[simpy.Event, Any, None]:
        """When no frame of a set may come any more."""
        yield self.env.timeout(max(taking.opened.end_tai_ns + self.late_ns - self.clock.tai_ns(), 0))
        if len(taking.came) < taking.opened.n_planned and self._taking.get(taking.opened.detector) is taking:
            self._close(taking)

    def _close(self, taking: Taking) -> None:
        """What has not come of a set is lost."""
        opened = taking.opened
        if self.scan() is None:
            self._over(taking)
            self.abandon(opened.set_id, "SCAN_STOPPED")
            return
        for k in range(opened.n_planned):
            if taking.first + k not in taking.came:
                self.n_lost += 1
                mid = opened.end_tai_ns - (opened.n_planned - 1 - k) * self.cadence_ns
                self._put(taking, Rejection(taking.first + k, opened.detector, mid, "FRAME_LOST"))


def _lost(item: Item, reason: str) -> Rejection:
    return Rejection(frame_number(item), item.detector, item.t_mid_tai_ns, reason)
