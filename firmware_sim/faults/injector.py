"""Faults of a scenario: each kind at its times or at random, seeded, on the parts it can break. Every one is written down."""

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np
import simpy

from firmware_sim.board.arena import FrameArena
from firmware_sim.board.bits import crc_of, flipped
from firmware_sim.board.memory import BufferManager
from firmware_sim.board.table_guard import BAD, DARK, SCAN, STARS, TableGuard
from firmware_sim.faults.kinds import KINDS
from firmware_sim.flight.timeline import Timeline
from firmware_sim.ports import NEVER_NS, Readout
from firmware_sim.scenarios.operations import Fault
from sensorproc.downlink.telecommands import Operation, Telecommand
from sensorproc.frames import Frame
from sensorproc.onboard.footprint import Footprint
from sensorproc.timescales import NS_PER_S

PACKETS_AHEAD = 8  # among which one is hit
LINK_FAULTS = ("packet_loss", "packet_damage", "packet_twice")
SCRUB_NS = 10 * NS_PER_S


@dataclass(frozen=True)
class Injected:
    """One fault that struck: its kind, when [ns since start], and the set it touched, -1 if none."""

    kind: str
    at_ns: int
    size: float
    set_id: int


@dataclass
class Board:
    """The parts faults can break; camera, radio, command handler and clock are the components of these names."""

    camera: Any
    arena: FrameArena | None
    image_processor: Any
    tables: TableGuard
    memory: BufferManager
    radio: Any
    commands: Any
    clock: Any
    detectors: Sequence[int]
    need: Footprint  # bytes of a frame, raw and prepared, and of a search


@dataclass
class Injector:
    """Strikes as planned; ``injected`` is the truth the campaign is judged by."""

    env: simpy.Environment
    board: Board
    plan: Sequence[Fault]
    rng: np.random.Generator
    timeline: Timeline
    is_over: Callable[[], bool]
    injected: list[Injected] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._pending: dict[str, int] = {}  # frames of a kind still to disturb
        self._before: dict[int, np.ndarray] = {}
        self._packets: dict[str, list[int]] = {}  # by kind, how many packets from now one is hit
        self._request = 1 << 30
        for fault in self.plan:
            self.env.process(self._strikes(fault))
        if self.plan:
            self.board.camera.disturb.append(self._disturbed)
            self.board.radio.carry = self._carried
        if self.board.arena is not None and self.board.arena.has_edac:
            self.env.process(self._scrub())

    def _scrub(self) -> Generator[simpy.Event, Any, None]:
        while not self.is_over():
            yield self.env.timeout(SCRUB_NS)
            assert self.board.arena is not None
            self.board.arena.scrub()

    def _strikes(self, fault: Fault) -> Generator[simpy.Event, Any, None]:
        size = fault.size if fault.size is not None else KINDS[fault.kind][0]
        for at_s in sorted(fault.at_s):
            yield self.env.timeout(max(round(at_s * NS_PER_S) - self.env.now, 0))
            self._strike(fault.kind, size)
        while fault.per_hour and not self.is_over():
            yield self.env.timeout(round(self.rng.exponential(3600.0 / fault.per_hour) * NS_PER_S))
            if not self.is_over():
                self._strike(fault.kind, size)

    def _strike(self, kind: str, size: float) -> None:
        later = self._next_packets if kind in LINK_FAULTS else self._next_frames
        self._note(kind, size, getattr(self, f"_{kind}", partial(later, kind))(size))

    def _note(self, kind: str, size: float, set_id: int) -> None:
        self.injected.append(Injected(kind, int(self.env.now), size, set_id))
        self.timeline.mark(kind, "faults", int(self.env.now), {"size": size, "set": set_id})

    # memory

    def _seu(self, size: float) -> int:
        return self._flip([1] * max(int(size), 1))

    def _mbu(self, size: float) -> int:
        return self._flip([max(int(size), 1)])

    def _flip(self, runs: list[int]) -> int:
        """Where there is most memory in use, most is hit."""
        arena, images, need = self.board.arena, self.board.image_processor, self.board.need
        if arena is None:
            return -1
        held: list[tuple[Callable[[FrameArena, int], int], int]] = [
            (self._flip_raw, arena.n_held * need.raw_frame),
            (self._flip_prepared, images.prepared.n_held * need.prepared_frame),
            (self._flip_work, images.n_at_work * need.set_work),
        ]
        total = sum(n_bytes for _, n_bytes in held)
        if not total:
            return -1  # free memory holds nothing
        flip = held[int(self.rng.choice(len(held), p=[n_bytes / total for _, n_bytes in held]))][0]
        return max(flip(arena, n) for n in runs)

    def _flip_raw(self, arena: FrameArena, n_adjacent: int) -> int:
        row = int(self.rng.choice([k for k, slot in enumerate(arena.slots) if slot.owner >= 0]))
        a_slot = arena.n_bits // len(arena.slots)
        return arena.flip(row * a_slot + int(self.rng.integers(a_slot)), n_adjacent)

    def _flip_prepared(self, arena: FrameArena, n_adjacent: int) -> int:
        if arena.mends(n_adjacent):
            return -1
        return self.board.image_processor.prepared.flip_bit(*(int(v) for v in self.rng.integers(1 << 40, size=2)))

    def _flip_work(self, arena: FrameArena, n_adjacent: int) -> int:
        return -1 if arena.mends(n_adjacent) else self.board.image_processor.flip_bit(int(self.rng.integers(1 << 40)))

    def _table(self, size: float) -> int:
        for _ in range(int(size)):
            name = (SCAN, DARK, BAD, STARS)[int(self.rng.integers(4))]
            detector = self.board.detectors[int(self.rng.integers(len(self.board.detectors)))]
            self.board.tables.flip(name, int(self.rng.integers(1 << 40)), detector)
        return -1

    def _squeeze(self, size: float) -> int:
        self.env.process(self._squeezed(round(size * NS_PER_S)))
        return -1

    def _squeezed(self, duration_ns: int) -> Generator[simpy.Event, Any, None]:
        free = max(self.board.memory.budget_bytes - self.board.memory.used_bytes, 0)
        gone = free + 1  # so that what a set gives back is not enough for the next
        self.board.memory.budget_bytes -= gone
        yield self.env.timeout(duration_ns)
        self.board.memory.budget_bytes += gone

    # camera and its link

    def _next_frames(self, kind: str, size: float) -> int:
        """Frames to come are disturbed: as many, or the next one by so much."""
        self._pending[kind] = self._pending.get(kind, 0) + (1 if kind == "late" else int(size))
        self._late_ns = round(size * NS_PER_S) if kind == "late" else getattr(self, "_late_ns", 0)
        return -1

    def _camera_reset(self, size: float) -> int:
        self.board.camera.reset(round(size * NS_PER_S))
        return -1

    def _disturbed(self, readout: Readout) -> Readout:
        item = readout.item
        if not isinstance(item, Frame):
            return readout
        kind = next((k for k in ("lost", "torn", "stuck", "late", "duplicated") if self._pending.get(k)), None)
        before = self._before.get(item.detector)
        self._before[item.detector] = item.data_dn
        if kind is None or (kind in ("torn", "stuck") and (before is None or before.shape != item.data_dn.shape)):
            return readout
        self._pending[kind] -= 1
        if kind == "lost":
            return replace(readout, delay_ns=NEVER_NS)
        if kind == "late":
            return replace(readout, delay_ns=self._late_ns)
        if kind == "duplicated":
            return replace(readout, n_copies=2)
        assert before is not None
        if kind == "stuck":
            self._before[item.detector] = before
            return replace(readout, item=replace(item, data_dn=before), crc=crc_of(before))
        torn = item.data_dn.copy()
        row = int(self.rng.integers(1, len(torn)))
        torn[row:] = before[row:]
        return replace(readout, item=replace(item, data_dn=torn))

    # processor and clock

    def _hang(self, size: float) -> int:
        return int(self.board.image_processor.hang(int(size)))

    def _clock_drift(self, size: float) -> int:
        self.env.process(self._held_over(round(size * NS_PER_S)))
        return -1

    def _held_over(self, duration_ns: int) -> Generator[simpy.Event, Any, None]:
        clock = self.board.clock
        if not clock.is_locked:
            return
        clock.drift = float(self.rng.normal(0.0, 5e-7))
        clock.lose()
        yield self.env.timeout(duration_ns)
        clock.lock()

    def _clock_jump(self, size: float) -> int:
        self.board.clock.jump(size * (1 if self.rng.integers(2) else -1))
        return -1

    # links

    def _outage(self, size: float) -> int:
        radio = self.board.radio
        radio.outage_until_ns = max(radio.outage_until_ns, int(self.env.now) + round(size * NS_PER_S))
        return -1

    def _next_packets(self, kind: str, size: float) -> int:
        self._packets.setdefault(kind, []).extend(int(v) for v in self.rng.integers(1, PACKETS_AHEAD, size=int(size)))
        return -1

    def _carried(self, packet: bytes) -> list[bytes]:
        """What arrives of a packet."""
        self._packets = {kind: [n - 1 for n in ahead if n > 0] for kind, ahead in self._packets.items()}
        hit = {kind for kind, ahead in self._packets.items() if 0 in ahead}
        if "packet_loss" in hit:
            return []
        if "packet_damage" in hit:
            packet = flipped(np.frombuffer(packet, np.uint8), int(self.rng.integers(8 * len(packet)))).tobytes()
        return [packet] * (2 if "packet_twice" in hit else 1)

    def _flood(self, size: float) -> int:
        for _ in range(int(size)):
            self._request += 1
            self.board.commands.uplink(Telecommand(Operation.PING, self._request, {}).pack())
        return -1

    def _malformed(self, size: float) -> int:
        for _ in range(int(size)):
            self._request += 1
            raw = bytearray(Telecommand(Operation.SET_MODE, self._request, {"mode": 0}).pack())
            raw[int(self.rng.integers(len(raw)))] ^= 1 << int(self.rng.integers(8))
            self.board.commands.uplink(bytes(raw))
        return -1
