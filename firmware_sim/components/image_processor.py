"""The image processor: the onboard core behind ports. Frames are prepared as they come, sets searched when complete."""

from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from typing import Any

import simpy

from firmware_sim.ports import BufferGet, Compute, HealthIn, Item, OpenSet, SetOut
from sensorproc.config import Config
from sensorproc.onboard import report
from sensorproc.onboard.pipeline import prepared, search_set
from sensorproc.onboard.products import Frame, Prepared, Processed, Rejection
from sensorproc.onboard.state import PayloadState, StarTable

FRAME_PRIORITY, SET_PRIORITY = 0, 1


@dataclass
class ImageProcessor:
    """Ports: arrivals (from the frame store), memory, processor, health, sets out."""

    env: simpy.Environment
    arrivals: simpy.Store
    memory: BufferGet
    processor: Compute
    health: HealthIn
    out: SetOut
    config: Config
    states: dict[int, PayloadState]  # by detector
    stars_for: Callable[[list[Frame]], StarTable | None]
    finished: dict[int, Processed] = field(default_factory=dict)  # by set, in order of completion

    def __post_init__(self) -> None:
        self._complete = simpy.Store(self.env)
        self._prepared: dict[int, list[Prepared]] = {}
        self._n_tracklets = 0
        self.env.process(self._prepare_frames())
        self.env.process(self._search_sets())

    def _prepare_frames(self) -> Generator[simpy.Event, Any, None]:
        while True:
            opened, item = yield self.arrivals.get()
            done = self._prepared.setdefault(opened.set_id, [])
            done.append((yield from self._prepare(opened, item)))
            if len(done) == opened.n_planned:
                self._complete.put((opened, self._prepared.pop(opened.set_id)))

    def _prepare(self, opened: OpenSet, item: Item) -> Generator[simpy.Event, Any, Prepared]:
        if isinstance(item, Rejection):
            return item
        meter = self.processor.meter(item.data_dn.size)
        result = prepared(item, self.states[item.detector], self.config, meter)
        yield from self.processor.spend(meter.charges, opened.set_id, "frames", FRAME_PRIORITY)
        return result

    def _search_sets(self) -> Generator[simpy.Event, Any, None]:
        while True:
            opened, items = yield self._complete.get()
            frames = [item for item in opened.items if isinstance(item, Frame)]
            processed = yield from self._search(opened, items, frames)
            self.finished[opened.set_id] = processed
            last_ns = max(item.t_mid_tai_ns for item in opened.items)
            first = min(_index(item) for item in opened.items)
            self.health.set_done(opened.set_id, processed.detector, first)
            records = report.set_records(processed, frames, self._n_tracklets, last_ns)
            self._n_tracklets += len(processed.tracklets)
            housekeeping = report.set_housekeeping(processed, report.input_digest(frames), self.config.digest())
            housekeeping |= {"set_id": opened.set_id, "first_frame": first, "n_frames": opened.n_planned}
            self.out.put_set(opened.set_id, records, housekeeping, last_ns)

    def _search(self, opened: OpenSet, items: list[Prepared], frames: list[Frame]) -> Generator[simpy.Event, Any, Processed]:
        detector = items[0].detector
        meter = self.processor.meter(float(sum(frame.data_dn.size for frame in frames)))
        stars = self.stars_for(frames)
        processed, self.states[detector] = search_set(items, self.states[detector], stars, self.config, meter)
        yield from self.processor.spend(meter.charges, opened.set_id, "sets", SET_PRIORITY)
        owner = f"frames of set {opened.set_id}"
        self.memory.release(owner, self.memory.held(owner))
        return processed


def _index(item: Item) -> int:
    return item.frame_index if isinstance(item, Rejection) else item.index
