"""The image processor: the onboard core behind ports. Frames are prepared as they come, sets searched when complete.

Every detector has a chain of its own, whose sets follow one another; all chains share the cores. Of complete sets few wait; a set
that finds no room is given up whole. After a reset, sets whose raw frames are still in memory are prepared again; a set in whose
work the processor hung twice is given up.
"""

from collections import defaultdict
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import simpy

from firmware_sim.board.overload import LEVELS, OverloadPolicy, degraded, frame_step, useful_levels
from firmware_sim.board.prepared_memory import PreparedFrames
from firmware_sim.flight.timeline import flow_number
from firmware_sim.ports import (
    FRAME_PRIORITY,
    NEVER_NS,
    SET_PRIORITY,
    BufferGet,
    Charge,
    Clock,
    Compute,
    Core,
    EventOut,
    Item,
    Job,
    Ledger,
    OpenSet,
    SearchedOut,
    SetStore,
    frame_number,
    port,
    rejected,
)
from sensorproc.config import Config
from sensorproc.downlink.dictionary import Severity
from sensorproc.downlink.telecommands import Mode
from sensorproc.events import Event
from sensorproc.frames import Frame, Rejection
from sensorproc.onboard.frame_set_processor import in_order
from sensorproc.onboard.pixel_ownership import HandOver
from sensorproc.onboard.products import Prepared

MOST_HANGS = 2
HANG = Charge("hang", NEVER_NS)


@dataclass
class SetWork:
    """What the image processor notes of a set: when its last search began (0 before the first), whether memory was damaged beyond
    repair meanwhile, how often its search has hung, and how often it still will, by a fault."""

    begun_ns: int = 0
    is_doubtful: bool = False
    n_hung: int = 0
    n_hangs: int = 0


@dataclass
class ImageProcessor:
    """Ports: frames in (from the frame store), clock, memory, processor, core, ledger, searched sets out, events of the board
    and of frames, mode, configuration."""

    env: simpy.Environment
    clock: Clock
    policy: OverloadPolicy
    detectors: Sequence[int]
    most_waiting: int  # complete sets of a detector
    prepared: PreparedFrames
    n_searches: int  # of every set: where memory has no error correction two, which are compared
    store: SetStore = port()
    memory: BufferGet = port()
    processor: Compute = port()
    core: Core = port()
    ledger: Ledger = port()
    out: SearchedOut = port()
    event: EventOut = port()
    tell: Callable[[Event], None] = port()  # what befell a frame
    holds_frames: Callable[[], bool] = port()  # for the ground, instead of their search
    config: Callable[[], Config] = port()  # in force for the next set
    check_tables: Callable[[int], None] = port()  # of a detector, before and after a set is searched; see doubt
    n_retried: int = 0

    def __post_init__(self) -> None:
        self._held: dict[int, OpenSet] = {}
        self._work: dict[int, SetWork] = defaultdict(SetWork)  # by set
        self._at_work: dict[int, OpenSet] = {}  # searched now
        self._begin()

    def _begin(self) -> None:
        self._arrivals = {detector: simpy.Store(self.env) for detector in self.detectors}  # (set, item), as they came
        self._complete = {detector: simpy.Store(self.env) for detector in self.detectors}  # sets
        self._configs: dict[int, tuple[int, Config]] = {}
        self._at_work.clear()
        self.prepared.clear()
        chains = (run(detector) for detector in self.detectors for run in (self._prepare_frames, self._search_sets))
        self._processes = [self.env.process(chain) for chain in chains]

    def take(self, opened: OpenSet, item: Item) -> None:
        """A frame of an open set, or why there is none."""
        if not opened.is_held:
            self._arrivals[opened.detector].put((opened, item))
        elif opened.is_complete:
            self._hold(opened)

    def stop(self) -> None:
        """A reset: whatever is at work ends now; its working memory is lost."""
        for process in self._processes:
            if process.is_alive:
                process.interrupt("reset")

    def finish(self, reason: str) -> None:
        """The flight is over: what is not done is given up."""
        self.stop()
        self.let_go()
        for opened in list(self.store.sets.values()):
            self._give_up(opened, reason)

    def start(self) -> None:
        """After a reset: work begins anew with the raw frames that memory still holds."""
        self._begin()
        for opened in list(self.store.sets.values()):
            if self._work[opened.set_id].n_hung >= MOST_HANGS:
                self._give_up(opened, "STAGE_HANG")
            elif not opened.is_held:
                self._again(opened)

    def _again(self, opened: OpenSet) -> None:
        """A set is prepared and searched anew from its raw frames."""
        self.n_retried += bool(opened.items)
        self._work[opened.set_id].is_doubtful = False
        for item in opened.items:
            self.take(opened, item)

    def _hold(self, opened: OpenSet) -> None:
        """A set that is not to be searched: its dwell is closed. Its frames stay in memory until the next one's have come, if the
        ground may still ask for them."""
        self.ledger.close(opened.set_id, reason="CHECKOUT")
        lost = [item for item in opened.items if isinstance(item, Rejection)]
        for rejection in lost:
            self.tell(Event.of(rejection))
        if len(lost) == opened.n_planned or not self.holds_frames():
            self._free(opened)
            return
        self.let_go(opened.detector)
        self._held[opened.detector] = opened

    def mode_changed(self, event: str, mode: Mode) -> None:
        """Frames are held for the ground in one mode only."""
        if not self.holds_frames():
            self.let_go()

    def let_go(self, *detectors: int) -> None:
        """Free sets that are held for the ground; of all detectors if none is given."""
        for detector in detectors or tuple(self._held):
            if detector in self._held:
                self._free(self._held.pop(detector))

    def _prepare_frames(self, detector: int) -> Generator[simpy.Event, Any, None]:
        arrivals = self._arrivals[detector]
        try:
            while True:
                opened, item = yield arrivals.get()
                if opened.set_id not in self.store.sets:
                    continue  # given up meanwhile
                if opened.set_id not in self._configs:  # one configuration for a whole set
                    level = self.policy.level
                    self._configs[opened.set_id] = level, degraded(self.config(), level)
                level, config = self._configs[opened.set_id]
                n_done = self.prepared.count(opened.set_id)
                made = yield from self._prepare(opened, item, n_done % frame_step(level) != 0, config)
                if opened.set_id not in self.store.sets:
                    continue
                self.prepared.put(opened.set_id, made)
                if n_done + 1 == opened.n_planned:
                    self._admit(opened)
        except simpy.Interrupt:
            return

    def _prepare(self, opened: OpenSet, item: Item, is_skipped: bool, config: Config) -> Generator[simpy.Event, Any, Any]:
        number = frame_number(item)
        job = Job(FRAME_PRIORITY, opened.set_id, item.detector, number)
        made, charges = yield from self.processor.compute(partial(self._made, opened, item, is_skipped, config), job)
        yield from self.processor.spend(charges, opened.set_id, FRAME_PRIORITY, flow_number(item.detector, number))
        return made

    def _made(self, opened: OpenSet, item: Item, is_skipped: bool, config: Config) -> tuple[Prepared, list[Charge]]:
        """A prepared frame and its cost, or why there is none."""
        if isinstance(item, Rejection):
            return item, []
        if is_skipped:
            return rejected(item, "OVERLOAD"), []
        checked = self.store.read(opened, item)
        return (checked, []) if isinstance(checked, Rejection) else self.core.prepare(checked, config)

    def _admit(self, opened: OpenSet) -> None:
        """A complete set waits for its search, if there is room."""
        waiting = self._complete[opened.detector]
        if len(waiting.items) >= self.most_waiting:
            self._judge(2 * opened.period_ns, 0, opened.period_ns)
            self._give_up(opened, "OVERLOAD")
            return
        waiting.put(opened)

    def _judge(self, late_ns: int, work_ns: int, period_ns: int) -> None:
        """How the next sets shall be searched, after one that was so late and took so long."""
        before = self.policy.level
        if self.policy.finished(late_ns, work_ns, period_ns, useful_levels(self.config())) != before:
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
        self.prepared.drop(opened.set_id)
        self._work.pop(opened.set_id, None)
        self.memory.release(opened.memory_owner, self.memory.held(opened.memory_owner))
        self.store.discard(opened.set_id)

    def _search_sets(self, detector: int) -> Generator[simpy.Event, Any, None]:
        complete = self._complete[detector]
        try:
            while True:
                opened = yield complete.get()
                self._at_work[detector] = opened
                begun_ns = yield from self._search(opened)
                self._at_work.pop(detector)
                self._judge(self.clock.tai_ns() - opened.end_tai_ns, self.clock.now_ns() - begun_ns, opened.period_ns)
        except simpy.Interrupt:
            return

    def _search(self, opened: OpenSet) -> Generator[simpy.Event, Any, int]:
        """Search a set; once more, from its raw frames, if what was used was damaged meanwhile. When the last search began."""
        level, config = self._configs[opened.set_id]
        work = self._work[opened.set_id]
        items, charges = self._sound(opened, config)
        job = Job(SET_PRIORITY, opened.set_id, opened.detector, opened.set_id)
        for is_last in (False, True):
            rejections = [item for item in items if isinstance(item, Rejection)]
            search = partial(self.core.search, items, _searched(opened, rejections), config, opened.ring_key)
            work.begun_ns = self.clock.now_ns()
            result, searched = yield from self.processor.compute(search, job)
            charges = [*charges, *searched * self.n_searches]
            yield from self.processor.spend(charges, opened.set_id, SET_PRIORITY)
            if work.n_hangs:
                work.n_hangs, work.n_hung = work.n_hangs - 1, work.n_hung + 1
                yield from self.processor.spend([HANG], opened.set_id, SET_PRIORITY)
            self.check_tables(opened.detector)
            if not work.is_doubtful:
                self.core.commit(result)
                self._free(opened)
                self.out(opened, rejections, result, level)
                return work.begun_ns
            if not is_last:
                self.event("SEARCHED_AGAIN", Severity.WARNING_HI, float(opened.set_id))
                self.n_retried += 1
                work.is_doubtful = False
                items, charges = self._anew(opened, config, frame_step(level))
        self._give_up(opened, "MEMORY_ERROR")
        return work.begun_ns

    def _sound(self, opened: OpenSet, config: Config) -> tuple[HandOver[Prepared], list[Charge]]:
        """A complete set in order of time, and the cost of what was damaged, or made with a damaged table, and is made anew."""
        self.check_tables(opened.detector)
        self._work[opened.set_id].is_doubtful = False
        charges: list[Charge] = []

        def remake(frame: Frame) -> Prepared:
            item, spent = self.core.prepare(frame, config)
            charges.extend(spent)
            return item

        items = self.prepared.verified(opened.set_id, partial(self.store.read_again, opened), remake)
        return in_order(items), charges

    def _anew(self, opened: OpenSet, config: Config, step: int) -> tuple[HandOver[Prepared], list[Charge]]:
        """A set prepared once more from its raw frames, and the cost."""
        made = [self._made(opened, item, k % step != 0, config) for k, item in enumerate(opened.items)]
        return in_order([item for item, _ in made]), [charge for _, charges in made for charge in charges]

    def mark_suspect(self, detector: int | None) -> None:
        """A table was found damaged: of one detector, or one that all use. What was made with it may be wrong."""
        self.prepared.mark_suspect(k for k, opened in self.store.sets.items() if opened.detector == detector)
        for opened in self._at_work.values():
            self._work[opened.set_id].is_doubtful |= detector in (None, opened.detector)

    def flip_bit(self, pick: int) -> int:
        """Bits of a search's working memory flip beyond repair; its set, -1 if none is searched. With error correction the damage
        is seen when it is read; without, a second search that gives something else tells."""
        at_work = list(self._at_work.values())
        if not at_work:
            return -1
        opened = at_work[pick % len(at_work)]
        self._work[opened.set_id].is_doubtful = True
        return opened.set_id

    def hang(self, n_times: int) -> int:
        """The search of the next set that is not yet begun will not return, so many times; that set, -1 if there is none."""
        waiting = sorted(k for k in self.store.sets if not self._work[k].n_hangs and not self._work[k].begun_ns)
        if not waiting:
            return -1
        self._work[waiting[0]].n_hangs = n_times
        return waiting[0]

    @property
    def n_at_work(self) -> int:
        """Sets that are searched now."""
        return len(self._at_work)

    @property
    def n_held(self) -> int:
        """Sets that are held for the ground."""
        return len(self._held)

    @property
    def n_waiting(self) -> int:
        """Complete sets that wait."""
        return sum(len(waiting.items) for waiting in self._complete.values())


def _searched(opened: OpenSet, rejections: list[Rejection]) -> list[Frame]:
    """Raw frames of a set in order of time, less those whose memory is lost."""
    gone = {rejection.frame_index for rejection in rejections if rejection.reason == "MEMORY_ERROR"}
    frames = [item for item in opened.items if isinstance(item, Frame) and item.index not in gone]
    return sorted(frames, key=lambda frame: frame.t_mid_tai_ns)
