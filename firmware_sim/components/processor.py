"""The processor: cores that tasks share. The most urgent task takes as many as it can use, what is left goes to the next.

A stage has a serial part, which keeps one core busy, and a part that threads divide (Amdahl's law); while one task is in a serial
part, the other cores work for less urgent ones. Shares change only when a task comes, goes, or enters another part.
"""

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, field
from typing import Any

import simpy

from firmware_sim.board.processor_profile import Profile
from firmware_sim.flight.timeline import Timeline, core_lane
from firmware_sim.ports import Charge, Clock, Job, Result
from sensorproc.timescales import NS_PER_S

MOST_SLICES = 20_000  # kept for a report; the timeline has them all


@dataclass(frozen=True)
class Slice:
    """A stage that had a core: which set, from when to when [ns since start]."""

    core: int
    stage: str
    set_id: int
    start_ns: int
    end_ns: int


@dataclass(eq=False)
class Task:
    """Stages of one frame or set, one after another."""

    charges: list[Charge]
    set_id: int
    rank: tuple[int, int]  # urgency, order of arrival
    done: simpy.Event
    flow: int | None  # of the frame on the timeline, until it is told
    serial_ns: int = 0  # left of the stage at work
    shared_ns: int = 0
    cores: list[int] = field(default_factory=list)
    overdue_since_ns: int | None = None  # of a stage that does not end

    @property
    def stage(self) -> str:
        return self.charges[0].stage

    def begin(self, now_ns: int) -> None:
        """Load the first of the stages that are left, skipping those that take no time."""
        while self.charges and not (self.charges[0].serial_ns or self.charges[0].shared_ns):
            self.charges.pop(0)
        if self.charges:
            self.serial_ns, self.shared_ns = self.charges[0].serial_ns, self.charges[0].shared_ns
            self.overdue_since_ns = now_ns if self.charges[0].is_hang else None

    def width(self, n_cores: int) -> int:
        """How many cores it can use now."""
        return 1 if self.serial_ns else n_cores

    def left_ns(self) -> int:
        """Until its part of a stage ends, with the cores it has."""
        return self.serial_ns or -(-self.shared_ns // len(self.cores))

    def work(self, elapsed_ns: int, now_ns: int) -> int:
        """Time passes; the core time it took."""
        given = elapsed_ns * len(self.cores)
        if self.serial_ns:
            self.serial_ns -= given
        else:
            given = min(given, self.shared_ns)
            self.shared_ns -= given
        if self.cores and not self.serial_ns and not self.shared_ns:
            self.charges.pop(0)
            self.begin(now_ns)
        return given


class Processor:
    """Cores of a profile. ``busy_ns``: core time spent since start."""

    def __init__(self, env: simpy.Environment, clock: Clock, profile: Profile, timeline: Timeline):
        self.env, self.clock, self.profile, self.timeline = env, clock, profile, timeline
        self.busy_ns = 0
        self.trace: list[Slice] = []
        self._tasks: list[Task] = []
        self._n_arrived = 0
        self._settled_ns = 0
        self._on: list[tuple[str, int, int] | None] = [None] * profile.cores  # stage, set, since when
        self._reported = (0, 0)  # busy time and clock at the last report [ns]
        self._changed = env.event()
        env.process(self._run())

    def spend(
        self, charges: Sequence[Charge], set_id: int, priority: int, flow: int | None = None
    ) -> Generator[simpy.Event, None, None]:
        """Take the time of stages, one after another.

        Raises
        ------
        simpy.Interrupt
            If the caller is: by a reset.
        """
        self._n_arrived += 1
        task = Task(list(charges), set_id, (priority, self._n_arrived), self.env.event(), flow)
        task.begin(self.clock.now_ns())
        if not task.charges:
            return
        self._settle()
        self._tasks.append(task)
        self._tasks.sort(key=lambda one: one.rank)
        self._change()
        try:
            yield task.done
        finally:
            self._settle()  # by which it may end
            if task in self._tasks:  # interrupted
                self._tasks.remove(task)
                self._change()

    def compute(self, work: Callable[[], Result], job: Job) -> Generator[simpy.Event, Any, Result]:
        """Work is done at once, in the simulator's own time; what it costs is spent apart."""
        return work()
        yield  # a generator, as where time is real

    @property
    def is_busy(self) -> bool:
        """Whether any task has not ended."""
        return bool(self._tasks)

    def overdue_ns(self) -> int:
        """By how much the stage that is furthest over its time is so."""
        over = [self.clock.now_ns() - t.overdue_since_ns for t in self._tasks if t.overdue_since_ns is not None and t.cores]
        return max(over, default=0)

    def since_last_report(self) -> tuple[float, float]:
        """Busy fraction of all cores, and energy [J], since this was last asked."""
        self._settle()
        now = self.clock.now_ns()
        before_busy, before = self._reported
        self._reported = self.busy_ns, now
        if now == before:
            return 0.0, 0.0
        fraction = (self.busy_ns - before_busy) / (now - before) / self.profile.cores
        watts = self.profile.idle_w + (self.profile.active_w - self.profile.idle_w) * fraction
        return fraction, watts * (now - before) / NS_PER_S

    def _change(self) -> None:
        if not self._changed.triggered:
            self._changed.succeed()

    def _run(self) -> Generator[simpy.Event, None, None]:
        while True:
            self._assign()
            self._changed = self.env.event()
            left = min((task.left_ns() for task in self._tasks if task.cores and not task.charges[0].is_hang), default=None)
            yield self._changed if left is None else self._changed | self.env.timeout(left)
            self._settle()

    def _settle(self) -> None:
        """Bring every task up to now; those that have ended leave."""
        now = self.clock.now_ns()
        elapsed, self._settled_ns = now - self._settled_ns, now
        for task in self._tasks if elapsed else ():
            self.busy_ns += task.work(elapsed, now)
            if not task.charges:
                task.cores = []
                task.done.succeed()
        self._tasks = [task for task in self._tasks if task.charges]

    def _assign(self) -> None:
        """Cores to tasks, the most urgent first; a task keeps those it has as far as it can."""
        free = n_cores = self.profile.cores
        kept: set[int] = set()
        wanted = []
        for task in self._tasks:
            n = min(task.width(n_cores), free)
            free -= n
            task.cores = task.cores[:n]
            kept |= set(task.cores)
            wanted.append(n)
        spare = [core for core in range(n_cores) if core not in kept]
        for task, n in zip(self._tasks, wanted, strict=True):
            while len(task.cores) < n:
                task.cores.append(spare.pop(0))
        self._draw()

    def _draw(self) -> None:
        """What each core does, where that has changed."""
        now = self.clock.now_ns()
        at_work = {core: task for task in self._tasks for core in task.cores}
        for core, before in enumerate(self._on):
            task = at_work.get(core)
            if (before and before[:2]) == (task and (task.stage, task.set_id)):
                continue
            if before is not None and now > before[2]:
                self._ran(Slice(core, *before, now))
            self._on[core] = None if task is None else (task.stage, task.set_id, now)
        for task in self._tasks:
            if task.flow is not None and task.cores:
                self.timeline.flow("t", task.flow, core_lane(task.cores[0]), now)
                task.flow = None

    def _ran(self, piece: Slice) -> None:
        if len(self.trace) < MOST_SLICES:
            self.trace.append(piece)
        self.timeline.span(piece.stage, core_lane(piece.core), piece.start_ns, piece.end_ns, {"set": piece.set_id})
