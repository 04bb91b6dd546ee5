"""The camera: exposes on schedule, reads out into a buffer, hands the frame on. It never waits for the rest."""

from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Any

import simpy

from firmware_sim.ports import BufferGet, Clock, FrameIn, Item
from sensorproc.onboard.products import Frame, Rejection


@dataclass(frozen=True)
class Shot:
    """One exposure of the schedule: its set, its place in the recording, when it ends, how to read it."""

    set_id: int
    index: int
    detector: int
    t_mid_tai_ns: int
    end_tai_ns: int
    raw_bytes: int
    read: Callable[[], Item]


class Camera:
    """Ports: clock, memory, frames out."""

    def __init__(
        self, env: simpy.Environment, clock: Clock, memory: BufferGet, frames: FrameIn, shots: list[Shot], readout_ns: int
    ):
        self.env, self.clock, self.memory, self.frames = env, clock, memory, frames
        self.shots, self.readout_ns = shots, readout_ns
        self.n_lost = 0
        env.process(self.run())

    def run(self) -> Generator[simpy.Event, Any, None]:
        """The whole schedule."""
        for shot in self.shots:
            yield self.env.timeout(max(shot.end_tai_ns + self.readout_ns - self.clock.tai_ns(), 0))
            self.frames.put(shot.set_id, self._expose(shot))

    def _expose(self, shot: Shot) -> Item:
        if not self.memory.get("raw frames", shot.raw_bytes):
            self.n_lost += 1
            return Rejection(shot.index, shot.detector, shot.t_mid_tai_ns, "NO_MEMORY", (("bytes", float(shot.raw_bytes)),))
        item = shot.read()
        if not isinstance(item, Frame):
            self.memory.release("raw frames", shot.raw_bytes)
        return item
