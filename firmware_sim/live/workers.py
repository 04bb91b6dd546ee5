"""The processor in real time: two workers, one for frames, one for sets, each with its own queue.

The frame worker shares its work with nobody: it never waits for threads that search. The set worker and its threads are nicer, so
that on a machine with few cores a frame is prepared when it comes.
"""

import contextlib
import os
import queue
import threading
import time
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from typing import Any

import simpy

from firmware_sim.board.processor_profile import Profile
from firmware_sim.flight.timeline import Timeline, core_lane
from firmware_sim.live.environment import LiveEnvironment
from firmware_sim.ports import FRAME_PRIORITY, SET_PRIORITY, Charge, Job, Result
from sensorproc.onboard.threads import share_nothing
from sensorproc.timescales import NS_PER_S

NICER = 5
Told = Callable[[Job, tuple[int, int, int]], object]  # when work came, began and ended [ns since start]


@dataclass(eq=False)
class _Task:
    """Work that waits or is being done."""

    work: Callable[[], Any]
    job: Job
    came_ns: int
    done: simpy.Event
    begun_ns: int = 0


class Workers:
    """Ports as those of the simulated processor: work takes the time it takes."""

    def __init__(self, env: LiveEnvironment, profile: Profile, timeline: Timeline, told: Told, stall_s: Callable[[Job], float]):
        self.env, self.profile, self.timeline, self.told, self._stall_s = env, profile, timeline, told, stall_s
        self._queues: dict[int, queue.SimpleQueue[_Task]] = {p: queue.SimpleQueue() for p in (FRAME_PRIORITY, SET_PRIORITY)}
        self._at_work: dict[int, _Task] = {}
        self._reported = (0, 0)
        for priority in self._queues:
            threading.Thread(target=self._run, args=(priority,), daemon=True, name=f"worker {priority}").start()

    def compute(self, work: Callable[[], Result], job: Job) -> Generator[simpy.Event, Any, Result]:
        """Have work done by the job's worker, and wait for it."""
        done = self.env.event()
        done.defused = True  # whoever waits may have been interrupted meanwhile
        self._queues[job.priority].put(_Task(work, job, self.env.real_ns(), done))
        result: Result = yield done
        return result

    def spend(
        self, charges: Sequence[Charge], set_id: int, priority: int, flow: int | None = None
    ) -> Generator[simpy.Event, Any, None]:
        """Time has gone by already; but a stage that hangs never ends."""
        if any(charge.is_hang for charge in charges):
            yield self.env.event()

    def overdue_ns(self) -> int:
        """Nothing that the payload could end by itself: a thread that hangs ends with its process, by the system's watchdog."""
        return 0

    @property
    def busy_for_s(self) -> float:
        """How long the longest piece of work that has not ended takes by now."""
        now = self.env.real_ns()
        return max((now - task.begun_ns for task in tuple(self._at_work.values())), default=0) / NS_PER_S

    @property
    def busy_ns(self) -> int:
        """Processor time of this process."""
        return time.process_time_ns()

    def since_last_report(self) -> tuple[float, float]:
        """Busy fraction of all cores since this was last asked, and energy [J]: 0, for no counter tells it."""
        busy, now = time.process_time_ns(), self.env.real_ns()
        (before_busy, before), self._reported = self._reported, (busy, now)
        return min((busy - before_busy) / max(now - before, 1) / self.profile.cores, 1.0), 0.0

    def _run(self, priority: int) -> None:
        if priority == FRAME_PRIORITY:
            share_nothing()
        else:
            with contextlib.suppress(OSError):
                os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICER)
        while True:
            task = self._queues[priority].get()
            task.begun_ns = self.env.real_ns()
            self._at_work[priority] = task
            answer: Any = None
            error: Exception | None = None
            try:
                time.sleep(self._stall_s(task.job))
                answer = task.work()
            except Exception as raised:  # told where it is waited for
                error = raised
            ended_ns = self.env.real_ns()
            del self._at_work[priority]
            self.env.call(self._finish, task, answer, error, ended_ns)

    def _finish(self, task: _Task, answer: Any, error: Exception | None, ended_ns: int) -> None:
        job = task.job
        self.told(job, (task.came_ns, task.begun_ns, ended_ns))
        name = "frame" if job.priority == FRAME_PRIORITY else "set"
        self.timeline.span(name, core_lane(job.priority), task.begun_ns, ended_ns, {"set": job.set_id, "number": job.number})
        if error is not None:
            task.done.fail(error)
        else:
            task.done.succeed(answer)
