"""The only place that makes and connects components: the whole payload on one page.

ground -> command handler -> operating state, parameters, scan table
                                    |
            schedule -> camera -> frame store -> image processor -> downlink manager -> radio -> bytes
                           |          |            |    |    |          |      |
                        memory      arena     processor core tables   ledger health
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import simpy

from firmware_sim.board.arena import FrameArena
from firmware_sim.board.clock import VirtualClock
from firmware_sim.board.memory import BufferManager, demand, laid_out
from firmware_sim.board.overload import OverloadPolicy
from firmware_sim.board.prepared_memory import PreparedFrames
from firmware_sim.board.processor_profile import Profile
from firmware_sim.board.table_guard import TableGuard
from firmware_sim.commanding.executor import CommandExecutor
from firmware_sim.commanding.parameters import ParameterSet
from firmware_sim.commanding.pixels import PixelRequests
from firmware_sim.commanding.self_test import SelfTest
from firmware_sim.commanding.state import OperatingState
from firmware_sim.components.camera import Camera
from firmware_sim.components.command_handler import CYCLE_NS, PER_CYCLE, CommandHandler
from firmware_sim.components.downlink_manager import DownlinkManager, unlimited
from firmware_sim.components.flight_clock import FlightClock
from firmware_sim.components.frame_store import FrameStore
from firmware_sim.components.health import Counters, Health
from firmware_sim.components.image_processor import ImageProcessor
from firmware_sim.components.processor import Processor
from firmware_sim.components.radio import Radio
from firmware_sim.components.set_output import SetOutput
from firmware_sim.cost.model import CostModel, StageCost, load_stages
from firmware_sim.faults.injector import Board as Breakable
from firmware_sim.faults.injector import Injector
from firmware_sim.flight.core import RealCore, RememberingCore, ReusedCore
from firmware_sim.flight.plan import scan_entries, uplinked
from firmware_sim.flight.radio_ledger import BITS_PER_BYTE
from firmware_sim.flight.schedule import Scan, Step, Visit, recorded, remembered
from firmware_sim.flight.timeline import Timeline
from firmware_sim.flight.visits import visits_of
from firmware_sim.scan.dwell_ledger import DwellLedger
from firmware_sim.scan.table import ScanEntry, pack
from firmware_sim.scenarios.operations import Operations
from firmware_sim.scenarios.scenario import Board
from sensorproc.catalog.sky import Sky
from sensorproc.config import Config
from sensorproc.downlink.dictionary import Apid, Severity
from sensorproc.downlink.formatter import Formatter
from sensorproc.downlink.telecommands import Mode
from sensorproc.errors import InputError
from sensorproc.events import Event
from sensorproc.frame_sets import frame_sets, unopened
from sensorproc.frames import Rejection
from sensorproc.onboard.footprint import Footprint, footprint
from sensorproc.onboard.frame_set_processor import FrameSetProcessor, See, unseen
from sensorproc.onboard.products import Processed
from sensorproc.onboard.records import NOT_TAKEN, set_values
from sensorproc.onboard.state import PayloadState
from sensorproc.recording import Entry, Recording
from sensorproc.timescales import NS_PER_S

BEAT_NS = 60 * NS_PER_S
CORES: dict[str, Callable[[RealCore], Any]] = {"real": lambda real: real, "reuse": ReusedCore, "remember": RememberingCore}
MIN_RING = 2  # frames of a detector
GRACE_PERIODS = 20  # after the last exposure, for what still waits


@dataclass
class Payload:
    """A payload ready to fly, and the parts a report asks."""

    env: simpy.Environment
    clock: VirtualClock
    memory: BufferManager
    processor: Processor
    health: Health
    image_processor: ImageProcessor
    output: SetOutput
    camera: Camera
    radio: Radio
    commands: CommandHandler
    executor: CommandExecutor
    ledger: DwellLedger
    downlink: DownlinkManager
    tables: TableGuard
    arena: FrameArena | None
    injector: Injector
    timeline: Timeline
    shape: tuple[int, int]
    needs: dict[str, int]
    problems: list[str]
    period_ns: int
    is_finished: bool  # nothing more will be sent to the radio
    stream: list[bytes]  # what the radio sent, where it is not sent elsewhere

    def fly(self, after_step: Callable[[], None] = lambda: None) -> None:
        """Virtual time goes on until the last packet has gone."""
        while not (self.is_finished and self.radio.queued_bytes == 0):
            self.env.step()
            after_step()


def build(
    recording: Recording, config: Config, board: Board, profile: Profile, seed: int, marking: dict[str, Any],
    operations: Operations | None = None, stages: dict[str, StageCost] | None = None,
    send: Callable[[bytes], object] | None = None, timeline: Path | None = None, see: See = unseen,
) -> Payload:  # fmt: skip
    """A payload that will see a recording's frames at their own times, or take them again and again in a scan.

    Raises
    ------
    BudgetError
        If it does not fit the board's memory.
    InputError
        If a scan over a single frame would look like a camera that is stuck.
    """
    operations = operations or Operations()
    problems = [problem.reason for problem in recording.problems]
    sets = frame_sets(recording, config)
    sky = Sky(recording.stars, config.solve)
    entries = scan_entries(operations, config.frame_set.max_frames)
    layout = _Layout.of(recording, sets, entries, board)
    needs = demand(layout.need, len(layout.detectors), layout.n_sets, sky.n_bytes, board.queue_bytes)

    env = simpy.Environment()
    visits = visits_of(sets, recording, config, problems)
    clock = VirtualClock(env, min(visit.dwell.t_start_tai_ns for visit in visits))
    trace = Timeline(timeline, profile.cores)
    memory = laid_out(needs, board.memory_bytes)
    processor = Processor(env, clock, profile, trace)
    model = CostModel(profile, np.random.default_rng([seed, 10]), stages or load_stages())
    period_ns = min(visit.period_ns for visit in visits)
    end = env.event()

    def is_over() -> bool:
        return end.triggered

    stream: list[bytes] = []
    radio = Radio(
        env, clock, board.link_bit_s, board.queue_bytes, send or stream.append,
        lambda apid, start, stop: trace.span(Apid(apid).name, "radio", start, stop, {}),
    )  # fmt: skip
    ledger = DwellLedger()
    state = OperatingState(Mode[operations.starts], pack(entries), operations.starts == "OBSERVE")
    parameters = ParameterSet(config)
    states = {detector: PayloadState(recording.dark_e_s, recording.bad) for detector in layout.detectors}
    guards_pixels = bool(operations.faults) and operations.core != "reuse"
    arena = FrameArena(layout.n_slots, layout.frame_px, profile.edac) if guards_pixels else None

    counters = Counters(
        queue_bytes=lambda: radio.queued_bytes,
        n_frames_lost=lambda: camera.n_lost,
        mode=lambda: int(state.mode),
        n_corrected=lambda: arena.n_corrected if arena else 0,
        n_uncorrectable=lambda: arena.n_uncorrectable if arena else 0,
        n_reloaded=lambda: tables.n_reloaded,
        n_rejected_commands=lambda: commands.n_rejected,
        n_throttled=lambda: downlink.n_throttled,
        clock_sigma_s=lambda: flight_clock.sigma_s(),
    )
    boot_ns = round(profile.boot_s * NS_PER_S)
    health = Health(env, clock, memory, processor, counters, boot_ns, max(period_ns // 16, 1), is_over, trace)
    flight_clock = FlightClock(clock, health.event)

    def holds_frames() -> bool:
        return state.mode is Mode.CHECKOUT

    def state_changed(event: str) -> None:
        health.event(event, Severity.ACTIVITY_HI, float(state.mode))
        if not holds_frames():
            image_processor.let_go()

    state.changed = state_changed
    tables = TableGuard(state, states, health.event, lambda detector: image_processor.doubt(detector))
    sky = replace(sky, catalog=tables.catalog)
    store = FrameStore(health.event, arena, lambda opened, item: image_processor.take(opened, item), lambda: health.is_up)

    def set_sent(set_id: int, has_gone: bool) -> None:
        health.set_sent(set_id, has_gone)
        output.set_sent(set_id, has_gone)

    nothing = Processed.nothing(0, (), states[layout.detectors[0]].digest())
    downlink = DownlinkManager(
        clock, Formatter(config.downlink.max_packet_bytes), radio, ledger, health.record, health.told, marking,
        board.link_bit_s / BITS_PER_BYTE / len(layout.detectors),
        lambda: unlimited(parameters.config.downlink.budget_bytes_per_set), set_sent,
        (set_values(nothing, b"", config.digest(), NOT_TAKEN) | marking, clock.origin_tai_ns),
    )  # fmt: skip
    output = SetOutput(clock, ledger, downlink, health.set_done, see, trace)
    core = CORES[operations.core](RealCore(model, FrameSetProcessor(config, sky, states)))
    image_processor = ImageProcessor(
        env, clock, store, memory, processor, core, ledger, output,
        health.event, health.tell, holds_frames, lambda: parameters.config, tables.check, OverloadPolicy(),
        layout.detectors, board.waiting_sets, PreparedFrames(guards_pixels), 1 if profile.edac else 2,
    )  # fmt: skip
    health.watch(image_processor)
    cadence_ns = round((config.sensor.cadence_s or recording.cadence_s or 1.0) * NS_PER_S)
    schedule = _schedule(visits, operations, state, tables, clock, cadence_ns, guards_pixels)
    camera = Camera(
        env, clock, flight_clock, memory, store, ledger, schedule,
        lambda: state.n_scans if state.takes_frames else None, holds_frames, round(board.readout_s * NS_PER_S),
        max(cadence_ns // 2, 1), guards_pixels, trace, image_processor.abandon,
    )  # fmt: skip
    executor = CommandExecutor(
        state, parameters, PixelRequests(store, downlink.put_now), SelfTest(arena, tables, sky), layout.most_frames
    )
    commands = CommandHandler(env, clock, executor, downlink.put_now, lambda: health.is_up, is_over)
    for t_s, packets in uplinked(operations, clock.origin_tai_ns):
        env.process(_uplink(env, commands, round(t_s * NS_PER_S), packets))
    breakable = Breakable(
        camera, arena, image_processor, tables, memory, radio, commands, flight_clock, lambda: store.sets, layout.detectors,
        layout.need,
    )  # fmt: skip
    injector = Injector(env, breakable, operations.faults, np.random.default_rng([seed, 20]), trace, is_over)
    payload = Payload(
        env, clock, memory, processor, health, image_processor, output, camera, radio, commands, executor, ledger, downlink,
        tables, arena, injector, trace, layout.shape, needs, problems, period_ns, False, stream,
    )  # fmt: skip
    env.process(_beats(env, downlink, is_over))
    env.process(_end(payload, end))
    _tell_before_start(payload, unopened(recording, sets), sky, sets[0][0][0], layout.detectors[0])
    return payload


@dataclass(frozen=True)
class _Layout:
    """What memory is laid out for: the largest frame, the longest set, and as many sets as there can be at a time."""

    shape: tuple[int, int]
    most_frames: int
    detectors: list[int]
    n_sets: int  # of a detector
    need: Footprint

    @classmethod
    def of(
        cls, recording: Recording, sets: list[list[tuple[int, Entry]]], entries: tuple[ScanEntry, ...], board: Board
    ) -> "_Layout":
        shape = max((entry.shape for of_set in sets for _, entry in of_set), key=lambda shape: shape[0] * shape[1])
        most_frames = max(max(len(of_set) for of_set in sets), *(entry.n_frames for entry in entries))
        detectors = sorted({entry.detector for of_set in sets for _, entry in of_set})
        n_sets = 2 + board.waiting_sets  # one taken, one in work, and those that wait
        return cls(shape, most_frames, detectors, n_sets, footprint(shape, most_frames, recording.dark_e_s is not None))

    @property
    def n_slots(self) -> int:
        """Of raw frames."""
        return len(self.detectors) * self.n_sets * self.most_frames

    @property
    def frame_px(self) -> int:
        return self.shape[0] * self.shape[1]


def _schedule(
    visits: list[Visit], operations: Operations, state: OperatingState, tables: TableGuard, clock: VirtualClock, cadence_ns: int,
    checks_pixels: bool,
) -> Iterable[Step]:  # fmt: skip
    """A recording's own sets, or a scan over them again and again."""
    if not operations.duration_s:
        return recorded(visits)
    ring: dict[int, list[Visit]] = {}
    for visit in visits:
        ring.setdefault(visit.dwell.detector, []).append(remembered(visit))
    for detector, turns in ring.items():
        if checks_pixels and sum(len(visit.shots) for visit in turns) < MIN_RING:
            raise InputError(
                f"detector {detector}: a scan with faults over one recorded frame looks like a stuck camera; record at least two"
            )
    start = clock.origin_tai_ns
    return Scan(state, ring, tables.entries, cadence_ns, start, start + round(operations.duration_s * NS_PER_S), clock.tai_ns)


def _tell_before_start(payload: Payload, unreadable: list[Rejection], sky: Sky, first_frame: int, detector: int) -> None:
    """What is wrong before anything runs: files that are no frames, damage of the star table."""
    for rejection in unreadable:
        payload.health.tell(Event.of(rejection))
    damaged, said = sky.damage()
    if damaged:
        payload.problems.append(said)
        numbers = float(len(damaged)), float(damaged[0])  # cells, and the first of them
        at = payload.clock.origin_tai_ns, numbers, first_frame, detector
        payload.health.tell(Event("TABLE_DAMAGED", Severity.WARNING_HI, *at))


def _beats(env: simpy.Environment, downlink: DownlinkManager, is_over: Callable[[], bool]) -> Any:
    while not is_over():
        yield env.timeout(BEAT_NS)
        if not is_over():
            downlink.beat()


def _uplink(env: simpy.Environment, commands: CommandHandler, t_ns: int, packets: list[bytes]) -> Any:
    yield env.timeout(t_ns)
    for k, raw in enumerate(packets):
        if k and k % PER_CYCLE == 0:
            yield env.timeout(CYCLE_NS)
        commands.uplink(raw)


def _end(payload: Payload, over: simpy.Event) -> Any:
    """When every dwell is closed, or nothing more comes of those that are open: the last packets."""
    env, ledger = payload.env, payload.ledger
    step = max(payload.period_ns // 16, NS_PER_S // 10)
    while not payload.camera.is_done:
        yield env.timeout(step)
    limit = env.now + GRACE_PERIODS * payload.period_ns
    while ledger.open and (env.now < limit or payload.processor.is_busy):
        yield env.timeout(step)
    over.succeed()
    payload.image_processor.finish("END_OF_RUN")
    yield env.timeout(NS_PER_S)
    more = True
    while more:
        while payload.radio.queued_bytes > 0:  # the last packets must find room
            yield env.timeout(step)
        more = payload.downlink.tell_dwells()
    while payload.radio.queued_bytes > 0:
        yield env.timeout(step)
    payload.downlink.finish()
    payload.is_finished = True
