"""Real time for simpy: its events happen when the machine's clock says so, and other threads may call in between."""

import queue
import time
from collections.abc import Callable
from typing import Any

import simpy

from firmware_sim.board.clock import VirtualClock
from sensorproc.timescales import NS_PER_S


class LiveEnvironment(simpy.Environment):
    """An environment whose time is nanoseconds of the machine's monotonic clock since it was made."""

    def __init__(self) -> None:
        super().__init__(0)
        self._start_ns = time.monotonic_ns()
        self._calls: queue.SimpleQueue[tuple[Callable[..., object], tuple[Any, ...]]] = queue.SimpleQueue()

    def real_ns(self) -> int:
        """Nanoseconds since the start."""
        return time.monotonic_ns() - self._start_ns

    def call(self, what: Callable[..., object], *arguments: Any) -> None:
        """Have something called between two events, from any thread."""
        self._calls.put((what, arguments))

    def turn(self, most_s: float) -> None:
        """The next thing: an event that is due, else a call, waited for until the next event or ``most_s``."""
        due = self.peek()
        ahead_s = (due - self.real_ns()) / NS_PER_S
        if ahead_s <= 0:
            self.step()
            return
        try:
            what, arguments = self._calls.get(timeout=min(ahead_s, most_s))
        except queue.Empty:
            return
        self._now = max(self._now, min(self.real_ns(), due))
        what(*arguments)


class LiveClock(VirtualClock):
    """The clock port in real time. TAI is the camera's, whose ticks and frames say what it is: a payload has the host's time."""

    def __init__(self, env: LiveEnvironment, origin_tai_ns: int):
        super().__init__(env, origin_tai_ns)
        self._live = env

    def now_ns(self) -> int:
        """Since the start, as the machine's clock goes on."""
        return self._live.real_ns()

    def set_tai(self, tai_ns: int) -> int:
        """It is this time now; by how much [ns] the clock has stepped."""
        step = tai_ns - self.tai_ns()
        self.origin_tai_ns += step
        return step
