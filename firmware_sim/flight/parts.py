"""The parts of a payload, each made with what it is given once; ``topology`` connects them."""

from collections.abc import Callable
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import simpy

from firmware_sim.board.arena import FrameArena
from firmware_sim.board.clock import VirtualClock
from firmware_sim.board.memory import allocated, demand
from firmware_sim.board.overload import OverloadPolicy
from firmware_sim.board.prepared_memory import PreparedFrames
from firmware_sim.board.processor_profile import Profile
from firmware_sim.board.table_guard import TableGuard
from firmware_sim.commanding.authentication import Authentication
from firmware_sim.commanding.executor import CommandExecutor
from firmware_sim.commanding.parameters import ParameterSet
from firmware_sim.commanding.pixels import PixelRequests
from firmware_sim.commanding.self_test import SelfTest
from firmware_sim.commanding.state import OperatingState
from firmware_sim.components.camera import Camera
from firmware_sim.components.command_handler import CommandHandler
from firmware_sim.components.downlink_manager import DownlinkManager
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
from firmware_sim.flight.layout import Layout, schedule_of
from firmware_sim.flight.payload import Payload
from firmware_sim.flight.plan import KEY, flight_key, scan_entries, uplinked
from firmware_sim.flight.radio_ledger import BITS_PER_BYTE
from firmware_sim.flight.schedule import Visit
from firmware_sim.flight.timeline import Timeline
from firmware_sim.flight.uplink import uplink
from firmware_sim.flight.visits import visits_of
from firmware_sim.ports import Core
from firmware_sim.scan.dwell_ledger import DwellLedger
from firmware_sim.scan.table import pack
from firmware_sim.scenarios.operations import Operations
from firmware_sim.scenarios.scenario import Board
from sensorproc.catalog.sky import Sky
from sensorproc.config import Config
from sensorproc.downlink.dictionary import Apid
from sensorproc.downlink.formatter import Formatter
from sensorproc.downlink.telecommands import Mode
from sensorproc.frame_sets import FrameSets, calibrated, frame_sets
from sensorproc.onboard.frame_set_processor import FrameSetProcessor, OnSetDone, ignore_set
from sensorproc.onboard.products import Processed
from sensorproc.onboard.records import NOT_TAKEN, set_values
from sensorproc.onboard.state import PayloadState
from sensorproc.recording import Recording
from sensorproc.run_folder.software import software_digest
from sensorproc.timescales import NS_PER_S

CORES: dict[str, Callable[[RealCore], Any]] = {"real": lambda real: real, "reuse": ReusedCore, "remember": RememberingCore}


@dataclass(frozen=True)
class Order:
    """What is to be flown: the frames, what the payload believes and does, and the board it runs on."""

    recording: Recording
    config: Config
    board: Board
    profile: Profile
    seed: int
    marking: dict[str, Any]
    operations: Operations = field(default_factory=Operations)
    stages: dict[str, StageCost] | None = None  # costs; None: those that come with the package

    @property
    def guards_pixels(self) -> bool:
        """Whether pixels lie where faults can reach them, and are checked."""
        return bool(self.operations.faults) and self.operations.core != "reuse"


@dataclass(frozen=True)
class Outlets:
    """Where a flight shows: bytes for the ground (kept in memory if None), a timeline file, and who looks at sets."""

    send: Callable[[bytes], object] | None = None
    timeline: Path | None = None
    on_set_done: OnSetDone = ignore_set


def made(order: Order, outlets: Outlets) -> tuple[dict[str, Any], Payload, Sky, FrameSets]:
    """All parts by name, the payload they make, its sky, and the recording's sets.

    The order in which parts are made is that in which their processes take turns at one instant of virtual time.
    """
    recording, config, board, operations = order.recording, order.config, order.board, order.operations
    problems = [problem.reason for problem in recording.problems]
    sets = frame_sets(recording, config)
    sky = Sky(recording.stars, config.solve)
    entries = scan_entries(operations, config.frame_set.max_frames)
    layout = Layout.of(recording, sets, entries, board, config.sensor.binning)
    needs = demand(layout.need, len(layout.detectors), layout.n_sets, sky.n_bytes, board.queue_bytes)
    env = simpy.Environment()
    visits = visits_of(sets, recording, config, problems)
    clock = VirtualClock(env, min(visit.dwell.t_start_tai_ns for visit in visits))
    period_ns = min(visit.period_ns for visit in visits)
    trace = Timeline(outlets.timeline, order.profile.cores)
    common = Common(env, clock, trace, env.event(), layout, period_ns, board, order.profile, config)
    states = {detector: calibrated(PayloadState(), recording, config) for detector in layout.detectors}
    stream: list[bytes] = []

    parts: dict[str, Any] = {
        "memory": allocated(needs, board.memory_of(order.profile)),
        "ledger": DwellLedger(),
        "states": states,
    }
    parts["state"] = OperatingState(Mode[operations.starts], pack(entries), operations.starts == "OBSERVE")
    parts["parameters"] = ParameterSet(config)
    parts["processor"] = Processor(env, clock, order.profile, common.trace)
    parts["tables"] = TableGuard(parts["state"], states)
    parts |= watch_and_downlink(common, outlets.send or stream.append, states, order.marking)
    sky = replace(sky, catalog=parts["tables"].catalog)
    model = CostModel(order.profile, np.random.default_rng([order.seed, 10]), order.stages or load_stages())
    core = CORES[operations.core](RealCore(model, FrameSetProcessor(config, sky, states)))
    parts |= frames_to_sets(common, parts, core, order.guards_pixels, outlets.on_set_done)
    parts |= _camera_and_commands(order, common, parts, sky, visits)
    facts = {"env": env, "clock": clock, "timeline": common.trace, "layout": layout, "needs": needs, "problems": problems}
    facts |= {"period_ns": period_ns, "stream": stream, "end": common.end}
    known = parts | facts
    payload = Payload(**{f.name: known[f.name] for f in fields(Payload) if f.name in known})
    return parts, payload, sky, sets


@dataclass(frozen=True, eq=False)
class Common:
    """What most parts are made with."""

    env: simpy.Environment
    clock: VirtualClock
    trace: Timeline
    end: simpy.Event
    layout: Layout
    period_ns: int
    board: Board
    profile: Profile
    config: Config

    def is_over(self) -> bool:
        """Whether the flight has ended."""
        return self.end.triggered


def watch_and_downlink(
    common: Common, send: Callable[[bytes], object], states: dict[int, PayloadState], marking: dict[str, Any]
) -> dict[str, Any]:
    """Radio, health and its counters, the payload's clock, and the downlink manager."""
    board, config, trace = common.board, common.config, common.trace
    radio = Radio(
        common.env, common.clock, board.link_bit_s, board.queue_bytes, send,
        lambda apid, start, stop: trace.span(Apid(apid).name, "radio", start, stop, {}),
    )  # fmt: skip
    counters = Counters()
    boot_ns, sample_ns = round(common.profile.boot_s * NS_PER_S), max(common.period_ns // 16, 1)
    health = Health(common.env, common.clock, counters, boot_ns, sample_ns, common.is_over, trace)
    nothing = Processed.nothing(0, (), states[common.layout.detectors[0]].digest())
    last = set_values(nothing, b"", config.digest(), NOT_TAKEN) | marking
    share_bytes_s = board.link_bit_s / BITS_PER_BYTE / len(common.layout.detectors)
    formatter = Formatter(config.downlink.max_packet_bytes, software_digest=software_digest())
    downlink = DownlinkManager(common.clock, formatter, marking, share_bytes_s, (last, common.clock.origin_tai_ns))
    return {
        "radio": radio,
        "counters": counters,
        "health": health,
        "flight_clock": FlightClock(common.clock),
        "downlink": downlink,
    }


def frames_to_sets(
    common: Common, parts: dict[str, Any], core: Core, guards_pixels: bool, on_set_done: OnSetDone
) -> dict[str, Any]:
    """Frame store, image processor with its core, and the way out for sets. The watchdog begins to look at them."""
    layout, profile = common.layout, common.profile
    arena = FrameArena(layout.n_slots, layout.frame_px, profile.edac) if guards_pixels else None
    image_processor = ImageProcessor(
        common.env, common.clock, OverloadPolicy(), layout.detectors, common.board.waiting_sets, PreparedFrames(guards_pixels),
        profile.n_searches,
    )  # fmt: skip
    parts["health"].watch()
    return {
        "arena": arena,
        "store": FrameStore(arena),
        "core": core,
        "output": SetOutput(common.clock, on_set_done, common.trace),
        "image_processor": image_processor,
    }


def _camera_and_commands(order: Order, common: Common, parts: dict[str, Any], sky: Sky, visits: list[Visit]) -> dict[str, Any]:
    """The camera with its schedule, the command handler with the ground's telecommands, and the faults that strike."""
    env, clock, layout, state, tables = common.env, common.clock, common.layout, parts["state"], parts["tables"]
    cadence_ns = round((order.config.sensor.cadence_s or order.recording.cadence_s or 1.0) * NS_PER_S)
    schedule = schedule_of(visits, order.operations, state, tables, clock, cadence_ns, order.guards_pixels)
    readout_ns = round(order.board.readout_s * NS_PER_S)
    camera = Camera(env, clock, schedule, readout_ns, max(cadence_ns // 2, 1), order.guards_pixels, common.trace)
    pixels = PixelRequests()
    self_test = SelfTest(parts["arena"], tables, sky)
    key = flight_key(order.seed)
    executor = CommandExecutor(state, parts["parameters"], pixels, self_test, layout.most_frames, Authentication({KEY: key}))
    commands = CommandHandler(env, clock, common.is_over)
    for t_s, packets in uplinked(order.operations, clock.origin_tai_ns, key):
        env.process(uplink(env, commands, round(t_s * NS_PER_S), packets))
    breakable = Breakable(
        camera, parts["arena"], parts["image_processor"], tables, parts["memory"], parts["radio"], commands,
        parts["flight_clock"], layout.detectors, layout.need,
    )  # fmt: skip
    rng = np.random.default_rng([order.seed, 20])
    injector = Injector(env, breakable, order.operations.faults, rng, common.trace, common.is_over)
    return {"camera": camera, "pixels": pixels, "executor": executor, "commands": commands, "injector": injector}
