"""The camera of a bench: a process of its own that sends preloaded frames when they are due, whatever the payload does.

The schedule is fixed before the start (open loop), and a frame that is late because the link was busy is late: nothing is
measured from when it was sent.
"""

import gc
import multiprocessing
import time
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from typing import Any

import numpy as np

from firmware_sim.bench.faults import LinkFaults
from firmware_sim.bench.ring import Ring, Turn
from firmware_sim.link.address import bound
from firmware_sim.link.camera_side import Answer, CameraSide
from firmware_sim.link.frame_link import Kind, frame_messages
from sensorproc.errors import InputError

LEAD_NS = 500_000_000  # from the word to begin to the start
READY = "ready"


@dataclass
class Played:
    """What the camera knows in the end: when it began [ns, monotonic], when every frame was sent, what befell it, all answers."""

    start_ns: int = 0
    sent_ns: dict[tuple[int, int], int] = field(default_factory=dict)
    faults: dict[tuple[int, int], frozenset[str]] = field(default_factory=dict)
    answers: list[Answer] = field(default_factory=list)
    error: str = ""


class Sender:
    """The process. ``start`` lets it begin; ``finish`` waits for its last frame, and a while for answers. Raises
    :class:`~sensorproc.errors.InputError` if the payload does not answer the call."""

    def __init__(self, address: tuple[str, int], ring: Ring, n_frames: int, faults: LinkFaults):
        context = multiprocessing.get_context("fork")  # the ring is there already
        self._ours, theirs = context.Pipe()
        self._process = context.Process(target=_play, args=(address, ring, n_frames, faults, theirs), daemon=True)
        self._process.start()
        theirs.close()
        said = self._ours.recv()
        if said != READY:
            raise InputError(said)

    def start(self) -> int:
        """Begin; when the first exposure starts [ns, monotonic]."""
        start_ns = time.monotonic_ns() + LEAD_NS
        self._ours.send(start_ns)
        return start_ns

    def finish(self) -> Played:
        """Hang up; what the camera knows."""
        self._ours.send("end")
        played: Played = self._ours.recv()
        self._process.join(10.0)
        return played


def _play(address: tuple[str, int], ring: Ring, n_frames: int, faults: LinkFaults, pipe: Connection) -> None:
    played = Played()
    turns = _with_faults(ring.turns(n_frames), ring, faults, played)
    try:
        with bound("tcp", address):
            camera = CameraSide(address, played.answers.append)
    except InputError as error:
        pipe.send(str(error))
        return
    gc.collect()
    gc.freeze()
    gc.disable()
    pipe.send(READY)
    played.start_ns = pipe.recv()
    try:
        for due_ns, turn in turns:
            time.sleep(max(played.start_ns + due_ns - time.monotonic_ns(), 0) * 1e-9)
            played.sent_ns.setdefault((turn.detector, turn.number), time.monotonic_ns())
            camera.raw(_messages(turn, played.faults.get((turn.detector, turn.number), frozenset())))
    except OSError as error:
        played.error = f"the payload hung up: {error}"
    pipe.recv()
    camera.close()
    pipe.send(played)


def _with_faults(turns: list[Turn], ring: Ring, faults: LinkFaults, played: Played) -> list[tuple[int, Turn]]:
    """Frames and when they are sent, with what befalls them."""
    planned: list[tuple[int, Turn]] = []
    for turn in turns:
        befalls = faults.of(turn.number * len(ring.frames) + turn.detector) if faults.are_any else frozenset()
        if befalls:
            played.faults[turn.detector, turn.number] = befalls
        if "drop" in befalls:
            continue
        late_ns = round(faults.late_cadences * ring.cadence_ns) if "late" in befalls else 0
        planned += [(turn.due_ns + late_ns, turn)] * (2 if "duplicate" in befalls else 1)
    return sorted(planned, key=lambda one: (one[0], one[1].detector, one[1].number))


def _messages(turn: Turn, befalls: frozenset[str]) -> list[Any]:
    parts = frame_messages(turn.detector, turn.number, turn.leader, turn.data)
    if "corrupt" in befalls:
        pixels = np.array(turn.data)
        pixels.flat[turn.number % pixels.size] ^= 1
        parts[3] = memoryview(pixels).cast("B")  # type: ignore[arg-type]
    return parts


def of_kind(played: Played, kind: Kind) -> list[Answer]:
    """Answers of one kind."""
    return [answer for answer in played.answers if answer.kind is kind]
