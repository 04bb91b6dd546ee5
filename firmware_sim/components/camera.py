"""The camera: exposes on schedule, reads out, hands frames on. It never waits for the rest.

With every frame goes the CRC that the camera took of its pixels, and that of the frame before: what the link between them damages
is seen, and a frame that repeats another, whether that one arrived or not.
"""

from collections.abc import Callable, Generator, Iterable
from dataclasses import dataclass, field, replace
from typing import Any

import simpy

from firmware_sim.board.bits import crc_of
from firmware_sim.flight.schedule import Shot, Step, Visit
from firmware_sim.flight.timeline import Timeline, flow_number
from firmware_sim.ports import NEVER_NS, BufferGet, Clock, Disturb, FrameIn, Ledger, OpenSet, Readout, TimeOut, port, rejected
from sensorproc.frames import Frame, Rejection


@dataclass
class Camera:
    """Ports: clocks, memory, frames out, dwells to the ledger. Memory is asked for a whole set: half a set is worth little."""

    env: simpy.Environment
    clock: Clock
    schedule: Iterable[Step]
    readout_ns: int
    late_ns: int  # a frame that comes later than this is not waited for
    checks_pixels: bool
    timeline: Timeline
    time: TimeOut = port()
    memory: BufferGet = port()
    frames: FrameIn = port()
    ledger: Ledger = port()
    scan: Callable[[], int | None] = port()  # number of the one that goes on
    holds_frames: Callable[[], bool] = port()  # for the ground, instead of their search
    abandon: Callable[[int, str], None] = port()  # a set that will not be completed
    disturb: list[Disturb] = field(default_factory=list)
    n_exposed: int = 0
    n_lost: int = 0
    is_done: bool = False

    def __post_init__(self) -> None:
        self.down_until_ns = 0
        self._crcs: dict[int, int] = {}  # of the last pixels read out, by detector
        self.env.process(self._run())

    def reset(self, down_ns: int) -> None:
        """Nothing is read out for a while."""
        self.down_until_ns = max(self.down_until_ns, self.clock.now_ns() + down_ns)

    def _run(self) -> Generator[simpy.Event, Any, None]:
        going = []
        for step in self.schedule:
            yield self.env.timeout(max(step.start_tai_ns - self.clock.tai_ns(), 0))
            for visit in step.visits:
                going.append(self.env.process(self._visit(visit)))
            going = [process for process in going if process.is_alive]
            yield self.env.timeout(max(step.resume_tai_ns - self.clock.tai_ns(), 0))
        yield self.env.all_of(going)
        self.is_done = True

    def _visit(self, visit: Visit) -> Generator[simpy.Event, Any, None]:
        dwell = visit.dwell
        self.ledger.plan(dwell)
        planned = dwell.set_id, dwell.detector, dwell.n_planned, visit.ring_key, visit.period_ns, visit.end_tai_ns
        opened = OpenSet(*planned, is_held=self.holds_frames())
        has_memory = self.memory.get(opened.memory_owner, visit.set_bytes)
        scan = self.scan()
        self.frames.open(opened)
        for shot in visit.shots:
            yield self.env.timeout(max(shot.end_tai_ns + self.readout_ns - self.clock.tai_ns(), 0))
            if scan is None or self.scan() != scan:
                self.abandon(dwell.set_id, "SCAN_STOPPED")
                return
            self._drawn(visit, shot)
            self._expose(visit, shot, has_memory)

    def _drawn(self, visit: Visit, shot: Shot) -> None:
        """The exposure on the timeline, and where the frame's way begins."""
        end = self.clock.now_ns() - self.readout_ns
        facts = {"frame": shot.index, "set": visit.dwell.set_id, "detector": visit.dwell.detector}
        self.timeline.span("exposure", "camera", end - shot.exposure_ns, end, facts)
        self.timeline.flow("s", flow_number(visit.dwell.detector, shot.index), "camera", end)

    def _expose(self, visit: Visit, shot: Shot, has_memory: bool) -> None:
        self.n_exposed += 1
        t_mid, detector, sigma_s = self.time.stamp(shot.t_mid_tai_ns), visit.dwell.detector, self.time.sigma_s()
        if not has_memory:
            self.n_lost += 1
            reason, numbers = "NO_MEMORY", (("bytes", float(visit.set_bytes)),)
            lost = Readout(Rejection(shot.index, detector, t_mid, reason, numbers), sigma_time_s=sigma_s)
            self.frames.put(visit.dwell.set_id, lost)
            return
        if self.clock.now_ns() < self.down_until_ns:
            lost = Readout(Rejection(shot.index, detector, t_mid, "CAMERA_RESET"), sigma_time_s=sigma_s)
            self.frames.put(visit.dwell.set_id, lost)
            return
        item = shot.read()
        item = replace(item, t_mid_tai_ns=t_mid) if item.t_mid_tai_ns != t_mid else item
        crc = crc_of(item.data_dn) if self.checks_pixels and isinstance(item, Frame) else 0
        readout = Readout(item, crc, self._crcs.get(detector, 0), sigma_time_s=sigma_s)
        for disturb in self.disturb:
            readout = disturb(readout)
        self._crcs[detector] = readout.crc
        self.env.process(self._deliver(visit.dwell.set_id, readout))

    def _deliver(self, set_id: int, readout: Readout) -> Generator[simpy.Event, Any, None]:
        """Hand a frame on, or say that it did not come in time; one that comes after that is thrown away."""
        item = readout.item
        if readout.delay_ns > self.late_ns:
            yield self.env.timeout(self.late_ns)
            never = readout.delay_ns >= NEVER_NS
            item = rejected(item, "FRAME_LOST") if never else rejected(item, "FRAME_LATE", delay_s=readout.delay_ns * 1e-9)
        elif readout.delay_ns:
            yield self.env.timeout(readout.delay_ns)
        for _ in range(readout.n_copies):
            self.frames.put(set_id, replace(readout, item=item))
