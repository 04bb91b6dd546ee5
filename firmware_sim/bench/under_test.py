"""A payload in a test: frames and commands go in, packets come out, and nothing is waited for twice.

Every ``await_`` looks only at packets after a *cursor*, taken before whatever should cause them: a packet that came before
is never taken for the answer. It has one deadline on the monotonic clock, and returns None when that is over; ``assert_`` raises.
"""

import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from firmware_sim.bench.ring import Ring
from firmware_sim.bench.target import LocalPayload, Telemetry, serve_options
from firmware_sim.link.camera_side import Answer, CameraSide
from firmware_sim.link.frame_link import Leader
from sensorproc.downlink.authentication import protect
from sensorproc.downlink.dictionary import Apid, reason_name
from sensorproc.downlink.packets import apid_of
from sensorproc.downlink.telecommands import Operation, Stage, Telecommand
from sensorproc.ground.reader import read

Row = dict[str, Any]
POLL_S = 0.01
READY_S = 10.0
TIMEOUT_S = 10.0


class PayloadUnderTest:
    """A running payload. ``key`` is the number and the bytes of the key that signs its commands, if it wants one."""

    def __init__(self, local: LocalPayload, telemetry: Telemetry, key: tuple[int, bytes] | None = None):
        self.local, self.telemetry, self.key = local, telemetry, key
        self.answers: list[Answer] = []
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._request = self._counter = 0
        self._camera: CameraSide | None = None

    @property
    def facts(self) -> dict[str, Any]:
        """What the payload said when it was ready."""
        return self.local.facts

    @property
    def cursor(self) -> int:
        """Packets so far: what comes after is new."""
        return len(self.telemetry.packets)

    @property
    def camera(self) -> CameraSide:
        """The connection on which frames are sent."""
        if self._camera is None:
            self._camera = CameraSide(self.local.frames, self.answers.append)
        return self._camera

    def send(self, number: int, leader: Leader, data: np.ndarray, detector: int = 0) -> None:
        """Send one frame: pixels (ny, nx) uint16."""
        self.camera.frame(detector, number, leader, data)

    def play(self, ring: Ring, n_frames: int, first: int = 0) -> None:
        """Send frames when they are due, from number ``first`` on."""
        turns = [ring.turn(d, k) for k in range(first, first + n_frames) for d in ring.frames]
        start_ns = time.monotonic_ns() - turns[0].due_ns
        for turn in turns:
            time.sleep(max(start_ns + turn.due_ns - time.monotonic_ns(), 0) * 1e-9)
            self.send(turn.number, turn.leader, turn.data, turn.detector)

    def command(self, operation: str, **arguments: float) -> int:
        """Send a telecommand; its request number."""
        self._request += 1
        packet = Telecommand(Operation[operation], self._request, arguments).pack(self._request)
        if self.key is not None:
            self._counter += 1
            packet = protect(packet, *self.key, self._counter)
        self._socket.sendto(packet, self.local.commands)
        return self._request

    def rows(self, kind: str, since: int = 0) -> list[Row]:
        """Records of a kind (``TRACKLET``, ``EVENT``, ...) in the packets since a cursor."""
        wanted = int(Apid[kind])
        raw = [raw for _, raw in self.telemetry.packets[since:] if len(raw) > 1 and apid_of(raw) == wanted]
        return [row for one in raw for row in read(one).records[kind]]

    def await_packet(
        self, kind: str, since: int, timeout_s: float = TIMEOUT_S, is_wanted: Callable[[Row], bool] = lambda row: True
    ) -> Row | None:
        """The first record of a kind after a cursor that is wanted; None if it has not come in time."""
        deadline = time.monotonic() + timeout_s
        while True:
            found = next((row for row in self.rows(kind, since) if is_wanted(row)), None)
            if found is not None or time.monotonic() > deadline:
                return found
            time.sleep(POLL_S)

    def await_event(self, reason: str, since: int, timeout_s: float = TIMEOUT_S) -> Row | None:
        """The first event of a reason after a cursor; None if it has not come in time."""
        return self.await_packet("EVENT", since, timeout_s, lambda row: reason_name(row["reason"]) == reason)

    def await_answer(self, request: int, since: int, timeout_s: float = TIMEOUT_S) -> Row | None:
        """The last word on a command: completed, rejected or failed; None if it has not come in time."""
        return self.await_packet(
            "ACK", since, timeout_s, lambda row: row["request"] == request and row["stage"] != Stage.ACCEPTED
        )

    def assert_packet(self, kind: str, since: int, timeout_s: float = TIMEOUT_S) -> Row:
        """:meth:`await_packet`, which must come."""
        return _demanded(self.await_packet(kind, since, timeout_s), f"no {kind} packet in {timeout_s:g} s")

    def assert_event(self, reason: str, since: int, timeout_s: float = TIMEOUT_S) -> Row:
        """:meth:`await_event`, which must come."""
        return _demanded(self.await_event(reason, since, timeout_s), f"no event {reason} in {timeout_s:g} s")

    def assert_answer(self, request: int, since: int, stage: str = "COMPLETED", timeout_s: float = TIMEOUT_S) -> Row:
        """:meth:`await_answer`, which must come and be this one."""
        row = _demanded(self.await_answer(request, since, timeout_s), f"no answer to command {request} in {timeout_s:g} s")
        assert Stage(row["stage"]).name == stage, f"command {request} is {Stage(row['stage']).name}, not {stage}: {row}"
        return row

    def demand_ready(self) -> None:
        """A command is answered: both directions work."""
        cursor = self.cursor
        self.assert_answer(self.command("PING"), cursor, timeout_s=READY_S)

    def kill(self) -> None:
        """End it as a power cut would."""
        self._hang_up()
        self.local.kill()

    def restart(self) -> None:
        """Start it again, where it was."""
        self.local.start()
        self.demand_ready()

    def stop(self) -> int:
        """End it as an operator would; its exit code."""
        self._hang_up()
        code = self.local.stop()
        self.telemetry.settle()
        return code

    def close(self) -> None:
        """End it, and listen no more."""
        self.stop()
        self._socket.close()
        self.telemetry.close()

    def _hang_up(self) -> None:
        if self._camera is not None:
            self._camera.close()
            self._camera = None


def _demanded(row: Row | None, told: str) -> Row:
    assert row is not None, told
    return row


@contextmanager
def payload_under_test(
    payload: Path | str, work: Path, *options: str, key: tuple[int, bytes] | None = None
) -> Iterator[PayloadUnderTest]:
    """A payload of a preset or TOML file on this machine, ready; ``options`` are more of ``firmware-sim serve``."""
    work.mkdir(parents=True, exist_ok=True)
    telemetry = Telemetry()
    local = LocalPayload(serve_options(Path(payload), work, telemetry.address, options), work / "payload.log")
    local.start()
    tested = PayloadUnderTest(local, telemetry, key)
    try:
        tested.demand_ready()
        yield tested
    finally:
        tested.close()
