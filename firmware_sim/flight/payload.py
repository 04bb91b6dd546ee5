"""A payload ready to fly, and how a flight begins, goes on and ends."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import simpy

from firmware_sim.board.arena import FrameArena
from firmware_sim.board.clock import VirtualClock
from firmware_sim.board.memory import BufferManager
from firmware_sim.board.table_guard import TableGuard
from firmware_sim.commanding.executor import CommandExecutor
from firmware_sim.components.camera import Camera
from firmware_sim.components.command_handler import CommandHandler
from firmware_sim.components.downlink_manager import DownlinkManager
from firmware_sim.components.health import Health
from firmware_sim.components.image_processor import ImageProcessor
from firmware_sim.components.processor import Processor
from firmware_sim.components.radio import Radio
from firmware_sim.components.set_output import SetOutput
from firmware_sim.faults.injector import Injector
from firmware_sim.flight.layout import Layout
from firmware_sim.flight.timeline import Timeline
from firmware_sim.scan.dwell_ledger import DwellLedger
from sensorproc.catalog.sky import Sky
from sensorproc.downlink.dictionary import Severity
from sensorproc.events import Event
from sensorproc.frames import Rejection
from sensorproc.timescales import NS_PER_S

BEAT_NS = 60 * NS_PER_S
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
    layout: Layout
    needs: dict[str, int]
    problems: list[str]
    period_ns: int
    stream: list[bytes]  # what the radio sent, where it is not sent elsewhere
    end: simpy.Event
    is_finished: bool = False  # nothing more will be sent to the radio

    @property
    def shape(self) -> tuple[int, int]:
        """Of the largest frame (ny, nx)."""
        return self.layout.shape

    def begin(self, unreadable: list[Rejection], sky: Sky, first_frame: int) -> None:
        """Watch the clock, and tell what is wrong before anything runs."""
        self.env.process(_beats(self))
        self.env.process(_end(self))
        _tell_before_start(self, unreadable, sky, first_frame)

    def fly(self, after_step: Callable[[], None] = lambda: None) -> None:
        """Virtual time goes on until the last packet has gone."""
        while not (self.is_finished and self.radio.queued_bytes == 0):
            self.env.step()
            after_step()


def _tell_before_start(payload: Payload, unreadable: list[Rejection], sky: Sky, first_frame: int) -> None:
    """What is wrong before anything runs: files that are no frames, damage of the star table."""
    for rejection in unreadable:
        payload.health.tell(Event.of(rejection))
    damaged, said = sky.damage()
    if damaged:
        payload.problems.append(said)
        numbers = float(len(damaged)), float(damaged[0])  # cells, and the first of them
        at = payload.clock.origin_tai_ns, numbers, first_frame, payload.layout.detectors[0]
        payload.health.tell(Event("TABLE_DAMAGED", Severity.WARNING_HI, *at))


def _beats(payload: Payload) -> Any:
    while not payload.end.triggered:
        yield payload.env.timeout(BEAT_NS)
        if not payload.end.triggered:
            payload.downlink.beat()


def _end(payload: Payload) -> Any:
    """When every dwell is closed, or nothing more comes of those that are open: the last packets."""
    env, ledger = payload.env, payload.ledger
    step = max(payload.period_ns // 16, NS_PER_S // 10)
    while not payload.camera.is_done:
        yield env.timeout(step)
    limit = env.now + GRACE_PERIODS * payload.period_ns
    while ledger.open and (env.now < limit or payload.processor.is_busy):
        yield env.timeout(step)
    payload.end.succeed()
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
