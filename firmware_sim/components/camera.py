"""The camera: exposes on schedule, reads out into the memory of its set, hands the frame on. It never waits for the rest."""

from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Any

import simpy

from firmware_sim.ports import BufferGet, Clock, FrameIn, Item
from sensorproc.onboard.products import Rejection


@dataclass(frozen=True)
class Shot:
    """One exposure of the schedule: its set, its place in the recording, when it ends, how to read it.

    ``set_bytes`` is what all frames of the set need, raw and prepared, until the set is done.
    """

    set_id: int
    index: int
    detector: int
    t_mid_tai_ns: int
    end_tai_ns: int
    set_bytes: int
    read: Callable[[], Item]


class Camera:
    """Ports: clock, memory, frames out. Memory is asked for a whole set, at its first frame: half a set is worth little."""

    def __init__(
        self, env: simpy.Environment, clock: Clock, memory: BufferGet, frames: FrameIn, shots: list[Shot], readout_ns: int
    ):
        self.env, self.clock, self.memory, self.frames = env, clock, memory, frames
        self.shots, self.readout_ns = shots, readout_ns
        self.n_lost = 0
        self._has_memory: dict[int, bool] = {}
        env.process(self._run())

    def _run(self) -> Generator[simpy.Event, Any, None]:
        for shot in self.shots:
            yield self.env.timeout(max(shot.end_tai_ns + self.readout_ns - self.clock.tai_ns(), 0))
            self.frames.put(shot.set_id, self._expose(shot))

    def _expose(self, shot: Shot) -> Item:
        if shot.set_id not in self._has_memory:
            self._has_memory[shot.set_id] = self.memory.get(f"frames of set {shot.set_id}", shot.set_bytes)
        if self._has_memory[shot.set_id]:
            return shot.read()
        self.n_lost += 1
        return Rejection(shot.index, shot.detector, shot.t_mid_tai_ns, "NO_MEMORY", (("bytes", float(shot.set_bytes)),))
