"""The parts of a payload in real time: those of a flight, but for camera, processor and core, and how they are connected."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from firmware_sim.board.memory import allocated, demand, set_bytes
from firmware_sim.board.processor_profile import Profile
from firmware_sim.board.table_guard import TableGuard
from firmware_sim.commanding.authentication import Authentication
from firmware_sim.commanding.executor import CommandExecutor
from firmware_sim.commanding.parameters import ParameterSet
from firmware_sim.commanding.pixels import PixelRequests
from firmware_sim.commanding.self_test import SelfTest
from firmware_sim.commanding.state import OperatingState
from firmware_sim.components.command_handler import CommandHandler
from firmware_sim.flight.connect import connect
from firmware_sim.flight.layout import Layout
from firmware_sim.flight.parts import Common, frames_to_sets, watch_and_downlink
from firmware_sim.flight.plan import scan_entries
from firmware_sim.flight.timeline import Timeline
from firmware_sim.flight.topology import BOARD, COMMANDS, DWELLS, EVENTS, FAULT_PROTECTION, FRAMES, TELEMETRY
from firmware_sim.live.camera import LinkCamera
from firmware_sim.live.checkpoint import STATES, Checkpoint, Memory, StateWriter, load_memory, load_states
from firmware_sim.live.core import LiveCore
from firmware_sim.live.environment import LiveClock, LiveEnvironment
from firmware_sim.live.workers import Told, Workers
from firmware_sim.ports import Job
from firmware_sim.scan.dwell_ledger import DwellLedger
from firmware_sim.scan.table import pack
from firmware_sim.scenarios.operations import Operations
from firmware_sim.scenarios.scenario import Board
from sensorproc.catalog.sky import Sky
from sensorproc.config import Config
from sensorproc.downlink.dictionary import Severity
from sensorproc.downlink.telecommands import Mode
from sensorproc.errors import ConfigError
from sensorproc.onboard.footprint import footprint
from sensorproc.onboard.frame.binning import binned_shape
from sensorproc.onboard.frame_set_processor import FrameSetProcessor
from sensorproc.onboard.state import PayloadState
from sensorproc.timescales import NS_PER_S

LIVE = """
    camera.event                  -> health.event
    camera.opened                 -> checkpoint.save
"""


@dataclass(frozen=True)
class LiveOrder:
    """What is to be run: what the payload believes, the board it runs on, its marking, who may command it, where it keeps what it
    must know after a restart, and how long a job is made to stall."""

    config: Config
    board: Board
    profile: Profile
    marking: dict[str, Any]
    folder: Path
    states: dict[int, PayloadState] = field(default_factory=dict)  # to begin with
    keys: dict[int, bytes] = field(default_factory=dict)  # none: commands are not authenticated
    timeline: Path | None = None
    stall_s: Callable[[Job], float] = lambda job: 0.0


@dataclass
class LivePayload:
    """A payload in real time, and the parts that its process asks."""

    env: LiveEnvironment
    clock: LiveClock
    parts: dict[str, Any]
    layout: Layout
    trace: Timeline
    end: Any
    needs: dict[str, int]  # bytes of memory at the most, by what they are for

    def __getattr__(self, name: str) -> Any:
        try:
            return self.__dict__["parts"][name]
        except KeyError:
            raise AttributeError(name) from None


def built(order: LiveOrder, send: Callable[[bytes], object], told: Told) -> LivePayload:
    """A payload whose packets go to ``send``; ``told`` hears when work on a frame or a set has ended.

    Raises
    ------
    ConfigError
        If the configuration does not say how large and how often frames are.
    BudgetError
        If it does not fit the board's memory.
    """
    config, board, sensor = order.config, order.board, order.config.sensor
    lacking = [name for name in ("shape_px", "cadence_s") if getattr(sensor, name) is None]
    if sensor.shape_px is None or sensor.cadence_s is None:
        raise ConfigError([f"$.sensor.{name}: a payload behind a link must know it" for name in lacking])
    memory = load_memory(order.folder)
    detectors = list(range(sensor.n_detectors))
    states = {k: PayloadState() for k in detectors} | order.states | load_states(order.folder, sensor.binning)
    shape, n_frames, cadence_ns = (
        binned_shape(sensor.shape_px, sensor.binning),
        config.frame_set.max_frames,
        round(sensor.cadence_s * NS_PER_S),
    )
    need = footprint(shape, n_frames, any(state.dark_e_s is not None for state in states.values()))
    layout, sky = Layout(shape, n_frames, detectors, board.n_sets, need), Sky(None, config.solve)
    needs = demand(need, len(detectors), board.n_sets, sky.n_bytes, board.queue_bytes)
    env = LiveEnvironment()
    clock, trace = LiveClock(env, _system_tai_ns()), Timeline(order.timeline, max(order.profile.cores, 2))
    common = Common(env, clock, trace, env.event(), layout, n_frames * cadence_ns, board, order.profile, config)
    ledger = DwellLedger(unsent=[bytes.fromhex(record) for record in memory.unsent])
    parts: dict[str, Any] = {"memory": allocated(needs, board.memory_of(order.profile)), "ledger": ledger, "states": states}
    parts["state"] = OperatingState(Mode.OBSERVE, pack(scan_entries(Operations(), n_frames)), is_scanning=True)
    parts |= {"parameters": ParameterSet(config), "processor": Workers(env, order.profile, trace, told, order.stall_s)}
    parts["tables"] = TableGuard(parts["state"], states)
    parts |= watch_and_downlink(common, send, states, order.marking)
    parts["downlink"].formatter.sent.update(memory.sent)
    writer = StateWriter(order.folder / STATES, states, sensor.binning)
    core = LiveCore(FrameSetProcessor(config, sky, states))
    parts |= frames_to_sets(common, parts, core, False, lambda set_id, processed: writer.want())  # type: ignore[arg-type]
    parts["output"].n_tracklets = memory.n_tracklets
    parts["camera"] = LinkCamera(
        env,
        clock,
        clock.set_tai,
        n_frames,
        cadence_ns,
        set_bytes(need),
        max(cadence_ns // 2, 1),
        memory.next_set,
        dict(memory.origin),
    )
    parts |= _commanded(order, common, parts, memory, sky)
    parts["checkpoint"] = Checkpoint(order.folder, lambda: remembered(parts, memory.n_starts + 1))
    connect(parts, FRAMES + DWELLS + BOARD + EVENTS + FAULT_PROTECTION + COMMANDS + TELEMETRY + LIVE)
    _tell_restart(parts, memory)
    return LivePayload(env, clock, parts, layout, trace, common.end, needs)


def _commanded(order: LiveOrder, common: Common, parts: dict[str, Any], memory: Memory, sky: Sky) -> dict[str, Any]:
    """What the ground commands."""
    pixels, self_test = PixelRequests(), SelfTest(parts["arena"], parts["tables"], sky)
    authentication = Authentication(order.keys, dict(memory.heard)) if order.keys else None
    state, parameters, most = parts["state"], parts["parameters"], common.layout.most_frames
    executor = CommandExecutor(state, parameters, pixels, self_test, most, authentication)
    return {"pixels": pixels, "executor": executor, "commands": CommandHandler(common.env, common.clock, common.is_over)}


def remembered(parts: dict[str, Any], n_starts: int) -> Memory:
    """What the next process must know."""
    authentication, ledger = parts["executor"].authentication, parts["ledger"]
    return Memory(
        {int(k): n for k, n in parts["downlink"].formatter.sent.items()}, parts["camera"].next_set, parts["output"].n_tracklets,
        dict(parts["camera"].origin), dict(authentication.heard) if authentication else {}, list(ledger.open.values()),
        [record.hex() for record in ledger.unsent], n_starts,
    )  # fmt: skip


def _tell_restart(parts: dict[str, Any], memory: Memory) -> None:
    """Sets that were open when the process before died are closed, and the ground is told."""
    for dwell in memory.open:
        parts["ledger"].plan(dwell)
        parts["ledger"].close(dwell.set_id, reason="RESTARTED")
    if memory.n_starts:
        parts["health"].event("RESTARTED", Severity.WARNING_HI, float(memory.n_starts), float(len(memory.open)))


def _system_tai_ns() -> int:
    """TAI by the machine's clock, until a camera tells the host's."""
    from datetime import UTC, datetime

    from sensorproc.timescales import tai_ns_from_utc

    return tai_ns_from_utc(datetime.now(UTC).replace(tzinfo=None).isoformat())
