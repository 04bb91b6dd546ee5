"""The image processor: the onboard core behind ports. Frames are prepared as they come, sets searched when complete.

Of complete sets few wait; a set that finds no room is given up whole. After a reset, sets whose raw frames are still in memory
are prepared again; a set in whose work the processor hung twice is given up.
"""

from collections import Counter
from collections.abc import Callable, Generator
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import simpy

from firmware_sim.bits import crc_of, flipped
from firmware_sim.overload import LEVELS, OverloadPolicy, degraded, frame_step
from firmware_sim.ports import BufferGet, Charge, Clock, Compute, EventOut, Item, OpenSet, SetOut, frame_number, rejected
from firmware_sim.restamp import SetResult, numbered
from firmware_sim.scan.ledger import DwellLedger
from firmware_sim.timeline import Timeline, flow_number
from sensorproc.config import Config
from sensorproc.downlink.dictionary import Severity
from sensorproc.onboard.products import Flattened, Frame, Processed, Rejection
from sensorproc.onboard.state import PayloadState

FRAME_PRIORITY, SET_PRIORITY = 0, 1
MOST_TRIES = 2


class Core(Protocol):
    """What computes: see ``firmware_sim.core``."""

    def prepare(self, frame: Frame, config: Config) -> tuple[Any, list[Charge]]: ...

    def search(self, items: list[Any], frames: list[Frame], config: Config, ring_key: int) -> tuple[SetResult, list[Charge]]: ...

    def commit(self, detector: int, state: PayloadState) -> None: ...


class SetStore(Protocol):
    """Sets that are not done, and their frames as they come: the frame store."""

    arrivals: Any
    sets: dict[int, OpenSet]

    def read(self, opened: OpenSet, frame: Frame) -> Item: ...

    def discard(self, set_id: int) -> None: ...


@dataclass
class ImageProcessor:
    """Ports: arrivals (from the frame store), clock, memory, processor, core, ledger, events, sets out."""

    env: simpy.Environment
    clock: Clock
    store: SetStore
    memory: BufferGet
    processor: Compute
    core: Core
    ledger: DwellLedger
    out: SetOut
    event: EventOut
    config: Callable[[], Config]  # in force for the next set
    check_tables: Callable[[int], bool]  # of a detector, before a set is searched: whether any was damaged
    done: Callable[[OpenSet, int], None]  # told of every set searched, and its first frame
    policy: OverloadPolicy
    most_waiting: int
    keep: bool  # results, for the report
    guards_memory: bool  # frames are checked before they are searched
    timeline: Timeline
    frames_of: dict[int, list[int]] = field(default_factory=dict)  # flows of sets whose packets have not gone
    finished: dict[int, Processed] = field(default_factory=dict)  # by set, in order of completion
    expected_end_ns: float | None = None  # of the stage at work: what the watchdog looks at
    n_retried: int = 0
    n_degraded: int = 0
    n_remade: int = 0  # prepared frames found damaged

    def __post_init__(self) -> None:
        self._n_tracklets = 0
        self._begin()

    def _begin(self) -> None:
        self._complete = simpy.Store(self.env)
        self._prepared: dict[int, list[Any]] = {}
        self._configs: dict[int, tuple[int, Config]] = {}
        self._doubtful: set[int] = set()  # sets some of whose frames may have been prepared with a damaged table
        self.expected_end_ns = None
        self._processes = [self.env.process(self._prepare_frames()), self.env.process(self._search_sets())]

    def stop(self) -> None:
        """A reset: whatever is at work ends now; its working memory is lost."""
        for process in self._processes:
            if process.is_alive:
                process.interrupt("reset")
        self.expected_end_ns = None

    def finish(self, reason: str) -> None:
        """The flight is over: what is not done is given up."""
        self.stop()
        for opened in list(self.store.sets.values()):
            self._give_up(opened, reason)

    def start(self) -> None:
        """After a reset: work begins anew with the raw frames that memory still holds."""
        self.store.arrivals = simpy.Store(self.env)  # the old one may still owe an item to whoever was stopped
        self._begin()
        for opened in list(self.store.sets.values()):
            if opened.n_hangs >= opened.n_tries >= MOST_TRIES:
                self._give_up(opened, "STAGE_HANG")
                continue
            self.n_retried += bool(opened.items)
            for item in opened.items:
                self.store.arrivals.put((opened, item))

    def _prepare_frames(self) -> Generator[simpy.Event, Any, None]:
        try:
            while True:
                opened, item = yield self.store.arrivals.get()
                if opened.set_id not in self.store.sets:
                    continue  # given up meanwhile
                if opened.set_id not in self._configs:  # one configuration for a whole set
                    level = self.policy.level
                    self._configs[opened.set_id] = level, degraded(self.config(), level)
                level, config = self._configs[opened.set_id]
                done = self._prepared.setdefault(opened.set_id, [])
                made = yield from self._prepare(opened, item, len(done) % frame_step(level) != 0, config)
                if opened.set_id not in self.store.sets:
                    continue
                done.append(made)
                if self.guards_memory and isinstance(made, Flattened):
                    opened.crcs[made.calibrated.frame.index] = crc_of(made.image_e)
                if len(done) == opened.n_planned:
                    self._admit(opened, self._prepared.pop(opened.set_id))
        except simpy.Interrupt:
            return

    def _prepare(self, opened: OpenSet, item: Item, is_skipped: bool, config: Config) -> Generator[simpy.Event, Any, Any]:
        if isinstance(item, Rejection):
            return item
        if is_skipped:
            return rejected(item, "OVERLOAD")
        checked = self.store.read(opened, item)
        if isinstance(checked, Rejection):
            return checked
        result, charges = self.core.prepare(checked, config)
        self.timeline.flow("t", flow_number(item.detector, item.index), "frames", self.clock.now_ns())
        yield from self.processor.spend(charges, opened.set_id, "frames", FRAME_PRIORITY, lambda duration_ns: None)
        return result

    def _admit(self, opened: OpenSet, items: list[Any]) -> None:
        """A complete set waits for its search, if there is room."""
        if len(self._complete.items) >= self.most_waiting:
            self._judge(2 * opened.period_ns, 0, opened.period_ns)
            self._give_up(opened, "OVERLOAD")
            return
        self._complete.put((opened, items))

    def _judge(self, late_ns: int, work_ns: int, period_ns: int) -> None:
        """How the next sets shall be searched, after one that was so late and took so long."""
        before = self.policy.level
        if self.policy.finished(late_ns, work_ns, period_ns) != before:
            self.event("DEGRADED", Severity.WARNING_LO, float(self.policy.level), float(len(LEVELS) - 1))

    def abandon(self, set_id: int, reason: str) -> None:
        """A set will not be completed: what it holds is free, and its dwell is closed."""
        self._give_up(self.store.sets[set_id], reason)

    def _give_up(self, opened: OpenSet, reason: str) -> None:
        self._free(opened)
        self.ledger.close(opened.set_id, reason=reason)
        self.event(reason, Severity.WARNING_HI, float(opened.set_id))

    def _free(self, opened: OpenSet) -> None:
        self._configs.pop(opened.set_id, None)
        self._prepared.pop(opened.set_id, None)
        self._doubtful.discard(opened.set_id)
        owner = f"frames of set {opened.set_id}"
        self.memory.release(owner, self.memory.held(owner))
        self.store.discard(opened.set_id)

    def _search_sets(self) -> Generator[simpy.Event, Any, None]:
        try:
            while True:
                opened, items = yield self._complete.get()
                opened.n_tries += 1
                begun = self.clock.now_ns()
                yield from self._search(opened, items)
                self.expected_end_ns = None
                self._judge(self.clock.tai_ns() - opened.end_tai_ns, self.clock.now_ns() - begun, opened.period_ns)
        except simpy.Interrupt:
            return

    def _search(self, opened: OpenSet, items: list[Any]) -> Generator[simpy.Event, Any, None]:
        level, config = self._configs[opened.set_id]
        if self.check_tables(opened.detector):  # what was prepared with a damaged table is made anew
            self._doubtful |= {k for k, other in self.store.sets.items() if other.detector == opened.detector}
        items = sorted(self._sound(opened, items, config), key=lambda item: item.t_mid_tai_ns)
        gone = {item.frame_index for item in items if isinstance(item, Rejection) and item.reason == "MEMORY_ERROR"}
        frames = [item for item in opened.items if isinstance(item, Frame) and item.index not in gone]
        frames.sort(key=lambda frame: frame.t_mid_tai_ns)
        first, last_ns = min(map(frame_number, opened.items)), max(item.t_mid_tai_ns for item in opened.items)
        result, charges = self.core.search(items, frames, config, opened.ring_key)
        yield from self.processor.spend(charges, opened.set_id, "sets", SET_PRIORITY, self._watched)
        if opened.n_tries <= opened.n_hangs:
            self._watched(0)
            yield self.env.event()  # that never comes
        self.core.commit(opened.detector, result.state)
        if self.keep and result.processed is not None:
            self.finished[opened.set_id] = result.processed
        self.done(opened, first)
        self._free(opened)
        used = result.n_processed
        self.n_degraded += level > 0
        self.ledger.close(opened.set_id, used, "" if used else _why(items), level)
        self.frames_of[opened.set_id] = [flow_number(item.detector, frame_number(item)) for item in opened.items]
        records = numbered(result.records, self._n_tracklets)
        self._n_tracklets += result.n_tracklets
        housekeeping = result.housekeeping | {"set_id": opened.set_id, "first_frame": first, "n_frames": opened.n_planned}
        housekeeping |= {"degraded": level, "sigma_time_s": opened.sigma_time_s}
        self.out.put_set(opened.set_id, records, housekeeping, last_ns, opened.period_ns)

    def _sound(self, opened: OpenSet, items: list[Any], config: Config) -> list[Any]:
        """Items whose memory is as it was written: a damaged prepared frame is made anew, one whose pixels are gone is lost."""
        if not self.guards_memory:
            return items
        sound = []
        for item in items:
            if isinstance(item, Flattened):
                frame = item.calibrated.frame
                checked = self.store.read(opened, frame)
                if isinstance(checked, Rejection):
                    item = checked
                elif opened.set_id in self._doubtful or crc_of(item.image_e) != opened.crcs[frame.index]:
                    self.n_remade += 1
                    item, _ = self.core.prepare(frame, config)
            sound.append(item)
        self._doubtful.discard(opened.set_id)
        return sound

    def upset(self, pick: int, bit: int) -> int:
        """A particle flips a bit of a prepared frame's pixels; the set it belongs to, -1 if there is none."""
        waiting = [(opened.set_id, items) for opened, items in self._complete.items]
        held = [(k, items, i) for k, items in [*self._prepared.items(), *waiting] for i, item in enumerate(items)
                if isinstance(item, Flattened)]  # fmt: skip
        if not held:
            return -1
        set_id, items, i = held[pick % len(held)]
        items[i] = replace(items[i], image_e=flipped(items[i].image_e, bit))
        return set_id

    def set_sent(self, set_id: int, has_gone: bool) -> None:
        """The last packet of a set has gone: so far its frames have come. Or none of them will."""
        numbers = self.frames_of.pop(set_id, [])
        for number in numbers if has_gone else ():
            self.timeline.flow("f", number, "radio", self.clock.now_ns())

    def _watched(self, duration_ns: int | None) -> None:
        self.expected_end_ns = None if duration_ns is None else self.clock.now_ns() + duration_ns

    @property
    def n_waiting(self) -> int:
        """Complete sets that wait."""
        return len(self._complete.items)


def _why(items: list[Any]) -> str:
    """Why no frame of a set could be used: what befell most of them."""
    reasons = Counter(item.reason for item in items if isinstance(item, Rejection))
    return reasons.most_common(1)[0][0] if reasons else "NO_FRAMES"
