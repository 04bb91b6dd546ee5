"""The camera's end of the frame link: sends frames and ticks, and hears what the payload answers."""

import contextlib
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from firmware_sim.link.frame_link import HEAD, RECEIPT, TIMES, WORK, Head, Kind, Leader, LinkError, frame_messages, message


@dataclass(frozen=True)
class Answer:
    """What the payload says: the numbers of a receipt (verdict, TAI of the payload) or of work (came, began, ended, in the
    payload's own nanoseconds), and when it was heard [ns, monotonic]."""

    kind: Kind
    detector: int
    block: int
    numbers: tuple[int, ...]
    heard_ns: int


NUMBERS = {Kind.RECEIPT: RECEIPT, Kind.PREPARED: WORK, Kind.SEARCHED: WORK}


class CameraSide:
    """A connection to a payload. ``heard`` is called for every answer, in a thread of its own."""

    def __init__(
        self, address: tuple[str, int], heard: Callable[[Answer], object] = lambda answer: None, timeout_s: float = 10.0
    ):
        self._socket = socket.create_connection(address, timeout_s)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._heard = heard
        threading.Thread(target=self._listen, daemon=True, name="answers").start()

    def frame(self, detector: int, block: int, leader: Leader, data: np.ndarray) -> None:
        """Send a frame: pixels (ny, nx) uint16.

        Raises
        ------
        OSError
            If the payload has hung up.
        """
        self.raw(frame_messages(detector, block, leader, data))

    def tick(self, detector: int, block: int, t_start_tai_ns: int, t_end_tai_ns: int) -> None:
        """Tell of an exposure without its pixels."""
        self.raw(message(Kind.TICK, detector, block, TIMES.pack(t_start_tai_ns, t_end_tai_ns)))

    def raw(self, parts: list[bytes | memoryview]) -> None:
        """Send messages as they are, right or not."""
        for part in parts:
            self._socket.sendall(part)

    def close(self) -> None:
        """Hang up."""
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()

    def _listen(self) -> None:
        self._socket.settimeout(None)
        with contextlib.suppress(OSError, LinkError), self._socket.makefile("rb") as stream:
            while len(raw := stream.read(HEAD.size)) == HEAD.size:
                now, head = time.monotonic_ns(), Head.unpack(raw)
                content = stream.read(head.length)
                kind = Kind(head.kind)
                self._heard(Answer(kind, head.detector, head.block, NUMBERS[kind].unpack(content), now))
