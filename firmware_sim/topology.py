"""The only place that makes and connects components: the whole payload on one page.

camera -> frame store -> image processor -> downlink manager -> radio -> bytes
                             |  |  |            |
                        memory  |  processor    health
                                star table
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import simpy

from firmware_sim.clock import VirtualClock
from firmware_sim.components.camera import Camera, Shot
from firmware_sim.components.downlink_manager import DownlinkManager
from firmware_sim.components.frame_store import FrameStore
from firmware_sim.components.health import Health
from firmware_sim.components.image_processor import ImageProcessor
from firmware_sim.components.processor import Processor
from firmware_sim.components.radio import Radio
from firmware_sim.ledger import BITS_PER_BYTE
from firmware_sim.memory import BufferManager, demand, demand_fits, set_bytes
from firmware_sim.ports import Item
from firmware_sim.processor_profile import Profile
from firmware_sim.scenario import Board
from sensorproc.config import Config
from sensorproc.downlink.dictionary import Severity
from sensorproc.downlink.formatter import Formatter
from sensorproc.onboard.footprint import footprint
from sensorproc.onboard.products import Frame, Rejection
from sensorproc.onboard.state import PayloadState
from sensorproc.recording import Entry, Recording
from sensorproc.replay import SetShape, frame_sets, read_frame, set_shape, unopened
from sensorproc.sky import Sky
from sensorproc.timescales import NS_PER_S


@dataclass
class Payload:
    """A payload ready to fly, and the parts a report asks."""

    env: simpy.Environment
    memory: BufferManager
    processor: Processor
    health: Health
    image_processor: ImageProcessor
    camera: Camera
    radio: Radio
    shape: tuple[int, int]
    needs: dict[str, int]
    problems: list[str]


def build(recording: Recording, config: Config, board: Board, profile: Profile, seed: int, marking: dict[str, Any]) -> Payload:
    """A payload that will see a recording's frames at their own times.

    Raises
    ------
    BudgetError
        If it does not fit the board's memory.
    """
    problems = [problem.reason for problem in recording.problems]
    sets = frame_sets(recording, config)
    period_ns = {k: _period_ns(entries, recording, config) for k, entries in enumerate(sets)}
    sky = Sky(recording.stars, config.solve)
    largest = max((entry.shape for entries in sets for _, entry in entries), key=lambda shape: shape[0] * shape[1])
    need = footprint(largest, max(len(entries) for entries in sets), recording.dark_e_s is not None)
    detectors = sorted({entry.detector for entries in sets for _, entry in entries})
    needs = demand(need, len(detectors), sky.n_bytes, board.queue_bytes)
    demand_fits(needs, board.memory_bytes)

    env = simpy.Environment()
    shots = _shots(sets, recording, config, problems)
    clock = VirtualClock(env, min(shot.end_tai_ns - round(entry.exposure_s * NS_PER_S) for shot, entry in shots))
    memory = BufferManager(board.memory_bytes)
    memory.get("star table", sky.n_bytes)
    memory.get("packet queue", board.queue_bytes)
    memory.get("working memory of a set", need.set_work)
    processor = Processor(env, clock, profile, np.random.default_rng([seed, 10]))
    radio = Radio(env, clock, board.link_bit_s, board.queue_bytes)
    store = FrameStore(env, {k: len(entries) for k, entries in enumerate(sets)})
    camera = Camera(env, clock, memory, store, [shot for shot, _ in shots], round(board.readout_s * NS_PER_S))
    ends = {k: max(shot.end_tai_ns for shot, _ in shots if shot.set_id == k) for k in range(len(sets))}
    health = Health(
        env, clock, memory, processor, lambda: radio.queued_bytes, lambda: camera.n_lost, ends, period_ns,
        min(period_ns.values()) // 16,
    )  # fmt: skip
    share = board.link_bit_s / BITS_PER_BYTE / len(detectors)
    configured = config.downlink.budget_bytes_per_set or math.inf
    budgets = {k: int(min(share * ns / NS_PER_S, configured)) for k, ns in period_ns.items()}
    downlink = DownlinkManager(Formatter(config.downlink.max_packet_bytes), health, radio, marking, budgets, len(sets))
    states = {detector: PayloadState(recording.dark_e_s, recording.bad) for detector in detectors}

    image_processor = ImageProcessor(env, store.arrivals, memory, processor, health, downlink, config, states, sky.stars)
    for unreadable in unopened(recording, sets):
        health.event(0, unreadable, Severity.WARNING_LO)
    damaged, said = sky.damage()
    if damaged:
        problems.append(said)
        numbers = (("n_cells", float(len(damaged))), ("first", float(damaged[0])))
        told = Rejection(sets[0][0][0], detectors[0], clock.origin_tai_ns, "TABLE_DAMAGED", numbers)
        health.event(0, told, Severity.WARNING_HI)
    return Payload(env, memory, processor, health, image_processor, camera, radio, largest, needs, problems)


def _period_ns(entries: list[tuple[int, Entry]], recording: Recording, config: Config) -> int:
    """From one set to the next, if they follow one another."""
    cadence_s = config.sensor.cadence_s or recording.cadence_s or entries[0][1].exposure_s
    return max(round(len(entries) * cadence_s * NS_PER_S), NS_PER_S)


def _shots(
    sets: list[list[tuple[int, Entry]]], recording: Recording, config: Config, problems: list[str]
) -> list[tuple[Shot, Entry]]:
    """The schedule in order of time."""
    shots = []
    for set_id, entries in enumerate(sets):
        shape = set_shape(entries, config)
        held = set_bytes(footprint(shape.full, len(entries), True))
        for index, entry in entries:
            end = entry.t_mid_tai_ns + round(0.5 * entry.exposure_s * NS_PER_S)
            reader = _Reader(index, entry, shape, recording, config, problems)
            shots.append((Shot(set_id, index, entry.detector, entry.t_mid_tai_ns, end, held, reader), entry))
    return sorted(shots, key=lambda pair: (pair[0].end_tai_ns, pair[0].detector, pair[0].index))


@dataclass(frozen=True)
class _Reader:
    """Reads one frame of a recording when the camera asks; what cannot be read is told."""

    index: int
    entry: Entry
    shape: SetShape
    recording: Recording
    config: Config
    problems: list[str]

    def __call__(self) -> Item:
        read = read_frame(self.index, self.entry, self.shape, self.recording, self.config)
        if isinstance(read, Frame):
            return read
        rejection, text = read
        self.problems.append(text)
        return rejection
