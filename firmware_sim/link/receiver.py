"""The payload's end of the frame link: takes connections of cameras, and hands on what comes whole.

It reads whatever the payload is busy with: a camera is never made to wait. What breaks the protocol, or stops in the middle of a
message, loses its connection, and is counted; other connections go on.
"""

import contextlib
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from zlib import crc32

import numpy as np

from firmware_sim.link.address import bound
from firmware_sim.link.frame_link import (
    HEAD,
    MOST_DATA_BYTES,
    RECEIPT,
    TIMES,
    TRAILER,
    WORK,
    Head,
    Kind,
    Leader,
    LinkError,
    Verdict,
    message,
)

STALL_S = 5.0  # in the middle of a message
LINGER_S = 1.0  # for receipts, after the last frame
MOST_CONNECTIONS = 16
SEND_S = 0.05  # an answer that a camera does not take in this time is not sent


@dataclass(frozen=True, eq=False)
class Arrival:
    """A frame as it came: pixels (ny, nx) uint16, or none and why."""

    connection: "Connection"
    detector: int
    block: int
    leader: Leader
    data: np.ndarray | None
    verdict: Verdict


Arrived = Callable[[Arrival], object]
Ticked = Callable[[int, int, int, int], object]  # detector, block, start and end of the exposure


@dataclass
class FrameServer:
    """Listens at an address. ``arrived`` and ``ticked`` are called in a connection's own thread."""

    address: tuple[str, int]
    shape: tuple[int, int] | None  # of frames that are wanted; pixels of others are read and thrown away
    arrived: Arrived
    ticked: Ticked
    counts: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        with bound("tcp", self.address):
            self._socket = socket.create_server(self.address, backlog=MOST_CONNECTIONS)
        self.address = self._socket.getsockname()[:2]
        self.connections: set[Connection] = set()
        threading.Thread(target=self._accept, daemon=True, name="frame link").start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):  # closed
            while True:
                one, _ = self._socket.accept()
                if len(self.connections) >= MOST_CONNECTIONS:
                    self.counts["refused connections"] += 1
                    one.close()
                    continue
                self.counts["connections"] += 1
                connection = Connection(self, one)
                self.connections.add(connection)
                threading.Thread(target=connection.run, daemon=True, name="camera").start()

    def tell(self, kind: Kind, detector: int, block: int, times_ns: tuple[int, int, int]) -> None:
        """When work on a frame or a set came, began and ended, to every camera that is there."""
        for connection in tuple(self.connections):
            connection.send(message(kind, detector, block, WORK.pack(*times_ns)))

    def close(self) -> None:
        """No more cameras."""
        self._socket.close()
        for connection in tuple(self.connections):
            connection.close()


class Connection:
    """One camera."""

    def __init__(self, server: FrameServer, one: socket.socket):
        self.server, self._socket = server, one
        self._sending = threading.Lock()
        self._n_owed = 0  # receipts
        one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def run(self) -> None:
        """Until the camera leaves, or breaks the protocol."""
        try:
            while (head := self._head()) is not None:
                self._message(head)
            self._linger()
        except LinkError as error:
            self.server.counts[f"closed: {error}"] += 1
        except TimeoutError:
            self.server.counts["closed: stopped in the middle of a message"] += 1
        except OSError:
            self.server.counts["closed: connection lost"] += 1
        finally:
            self.close()

    def _linger(self) -> None:
        """A camera that sends no more may still want its receipts."""
        until = time.monotonic() + LINGER_S
        while self._n_owed > 0 and time.monotonic() < until:
            time.sleep(LINGER_S / 50)

    def close(self) -> None:
        """Hang up."""
        self.server.connections.discard(self)
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()

    def receipt(self, detector: int, block: int, verdict: Verdict, at_tai_ns: int) -> None:
        """Tell the camera what has become of its frame."""
        self.server.counts[verdict.name] += 1
        self._n_owed -= 1
        self.send(message(Kind.RECEIPT, detector, block, RECEIPT.pack(verdict, at_tai_ns)))

    def send(self, parts: list[bytes | memoryview]) -> None:
        """An answer, as far as the camera takes it: one that does not read gets none."""
        with self._sending, contextlib.suppress(OSError):
            self._socket.send(b"".join(parts), socket.MSG_DONTWAIT)

    def _message(self, head: Head) -> None:
        if head.kind == Kind.TICK:
            start, end = TIMES.unpack(self._exactly(head, TIMES.size))
            if not 0 < start < end:
                raise LinkError("a tick with impossible times")
            self.server.ticked(head.detector, head.block, start, end)
            return
        if head.kind != Kind.LEADER:
            raise LinkError(f"a message of kind {head.kind} where a leader or a tick must come")
        if head.length > MOST_DATA_BYTES:
            raise LinkError("a leader of impossible length")
        content = self._read(head.length)
        leader = Leader.unpack(content)
        shape = leader.height, leader.width
        is_wanted = self.server.shape in (None, shape) and leader.n_bytes <= MOST_DATA_BYTES
        data, crc = self._pixels(head, leader, is_wanted, crc32(content))
        verdict = Verdict.TAKEN if crc is not None else Verdict.TORN
        if not is_wanted:
            verdict = Verdict.WRONG_SIZE
        self._n_owed += 1
        pixels = data if verdict is Verdict.TAKEN else None
        self.server.arrived(Arrival(self, head.detector, head.block, leader, pixels, verdict))

    def _pixels(self, of: Head, leader: Leader, is_wanted: bool, crc: int) -> tuple[np.ndarray | None, int | None]:
        """Pixels of a frame and their CRC, None if it is not the trailer's."""
        data = np.empty((leader.height, leader.width), "<u2") if is_wanted else None
        room = memoryview(data).cast("B") if data is not None else None  # type: ignore[arg-type]
        at = 0
        while (head := self._head(in_frame=True)) is not None and head.kind == Kind.DATA:
            if (head.detector, head.block) != (of.detector, of.block) or head.length > leader.n_bytes - at:
                raise LinkError("data of another frame, or more than the leader said")
            part = self._fill(room[at : at + head.length]) if room is not None else self._skip(head.length)
            crc, at = crc32(part, crc), at + head.length
        if head is None or head.kind != Kind.TRAILER:
            raise LinkError("a frame without a trailer")
        said, size = TRAILER.unpack(self._exactly(head, TRAILER.size))
        is_whole = (head.detector, head.block) == (of.detector, of.block) and said == crc and size == at == leader.n_bytes
        return data, (crc if is_whole else None)

    def _head(self, in_frame: bool = False) -> Head | None:
        """The next message; None where the camera has left between two frames."""
        self._socket.settimeout(STALL_S if in_frame else None)
        first = self._socket.recv(1)
        if not first and not in_frame:
            return None
        self._socket.settimeout(STALL_S)
        return Head.unpack(first + self._read(HEAD.size - len(first)))

    def _exactly(self, head: Head, n_bytes: int) -> bytes:
        if head.length != n_bytes:
            raise LinkError(f"a message of kind {head.kind} has {n_bytes} bytes, not {head.length}")
        return self._read(n_bytes)

    def _read(self, n_bytes: int) -> bytes:
        return bytes(self._fill(memoryview(bytearray(n_bytes))))

    def _fill(self, room: memoryview) -> memoryview:
        at = 0
        while at < len(room):
            n = self._socket.recv_into(room[at:])
            if n == 0:
                raise LinkError("the camera left in the middle of a message")
            at += n
        return room

    def _skip(self, n_bytes: int) -> bytes:
        """Read and forget."""
        scratch = memoryview(bytearray(min(n_bytes, 1 << 20)))
        while n_bytes:
            n_bytes -= len(self._fill(scratch[: min(n_bytes, len(scratch))]))
        return b""
