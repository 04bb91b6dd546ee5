"""The image processor: the onboard core behind ports. Frames are prepared as they come, sets searched when complete."""

from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from typing import Any

import simpy

from firmware_sim.components.frame_store import OpenSet
from firmware_sim.components.health import Health
from firmware_sim.components.processor import Processor
from firmware_sim.ports import BufferGet, SetOut
from sensorproc.config import Config
from sensorproc.onboard import report
from sensorproc.onboard.footprint import footprint
from sensorproc.onboard.pipeline import prepared, search_set
from sensorproc.onboard.products import Flattened, Frame, Processed, Rejection
from sensorproc.onboard.state import PayloadState, StarTable

FRAME_PRIORITY, SET_PRIORITY = 0, 1
Prepared = Flattened | Rejection


@dataclass
class ImageProcessor:
    """Ports: arrivals (from the frame store), memory, processor, health, sets out."""

    env: simpy.Environment
    arrivals: simpy.Store
    memory: BufferGet
    processor: Processor
    health: Health
    out: SetOut
    config: Config
    states: dict[int, PayloadState]  # by detector
    stars_for: Callable[[list[Frame]], StarTable | None]
    finished: list[Processed] = field(default_factory=list)

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

    def _prepare(self, opened: OpenSet, item: Frame | Rejection) -> Generator[simpy.Event, Any, Prepared]:
        if isinstance(item, Rejection):
            return item
        need = footprint(item.data_dn.shape, 1, True)
        opened.raw_bytes += need.raw_frame
        if not self.memory.get("prepared frames", need.prepared_frame):
            return Rejection(item.index, item.detector, item.t_mid_tai_ns, *_no_memory(need.prepared_frame))
        opened.prepared_bytes += need.prepared_frame
        meter = self.processor.meter(item.data_dn.size)
        result = prepared(item, self.states[item.detector], self.config, meter)
        yield from self.processor.spend(meter.charges, opened.set_id, "frames", FRAME_PRIORITY)
        return result

    def _search_sets(self) -> Generator[simpy.Event, Any, None]:
        while True:
            opened, items = yield self._complete.get()
            frames = [item for item in opened.items if isinstance(item, Frame)]
            processed = yield from self._search(opened, items, frames)
            self.finished.append(processed)
            last_ns = max(item.t_mid_tai_ns for item in opened.items)
            self.health.set_done(opened.set_id, processed.detector)
            records = report.set_records(processed, frames, self._n_tracklets, last_ns)
            self._n_tracklets += len(processed.tracklets)
            first = min(_index(item) for item in opened.items)
            housekeeping = report.set_housekeeping(processed, report.input_digest(frames), self.config.digest())
            housekeeping |= {"set_id": opened.set_id, "first_frame": first, "n_frames": opened.n_planned}
            self.out.put_set(opened.set_id, records, housekeeping, last_ns)

    def _search(self, opened: OpenSet, items: list[Prepared], frames: list[Frame]) -> Generator[simpy.Event, Any, Processed]:
        detector = items[0].detector
        state = self.states[detector]
        n_px = frames[0].data_dn.size if frames else 0
        work = footprint(frames[0].data_dn.shape, len(frames), state.dark_e_s is not None).set_work if frames else 0
        if self.memory.get("working memory", work):
            meter = self.processor.meter(float(len(frames) * n_px))
            stars = self.stars_for(frames)
            processed, self.states[detector] = search_set(items, state, stars, self.config, meter)
            yield from self.processor.spend(meter.charges, opened.set_id, "sets", SET_PRIORITY)
            self.memory.release("working memory", work)
        else:
            refused = (Rejection(_index(item), detector, item.t_mid_tai_ns, *_no_memory(work)) for item in items)
            processed = Processed.nothing(detector, tuple(refused), state.digest())
        self.memory.release("raw frames", opened.raw_bytes)
        self.memory.release("prepared frames", opened.prepared_bytes)
        return processed


def _no_memory(n_bytes: int) -> tuple[str, tuple[tuple[str, float], ...]]:
    return "NO_MEMORY", (("bytes", float(n_bytes)),)


def _index(item: Prepared | Frame) -> int:
    if isinstance(item, Rejection):
        return item.frame_index
    return item.index if isinstance(item, Frame) else item.calibrated.frame.index
