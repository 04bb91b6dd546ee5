"""Telemetry out and telecommands in: one space packet a UDP datagram, as Yamcs, COSMOS and F' GDS take and send it."""

import contextlib
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from firmware_sim.link.address import bound

MOST_BYTES = 65_535
MOST_PENDING = 64  # telecommands that have come and were not looked at; more are counted and lost


@dataclass
class TelemetryOut:
    """Sends packets to an address. Nobody need be there."""

    address: tuple[str, int]
    n_sent: int = 0

    def __post_init__(self) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)

    def __call__(self, packet: bytes) -> None:
        with contextlib.suppress(OSError):  # nobody listens, or no route: a radio does not know either
            self._socket.sendto(packet, self.address)
            self.n_sent += 1

    def close(self) -> None:
        """No more packets."""
        self._socket.close()


@dataclass
class CommandsIn:
    """Takes telecommands at an address. ``came`` is called in a thread of its own, and calls back when it has looked at one."""

    address: tuple[str, int]
    came: Callable[[bytes, Callable[[], None]], object]
    n_lost: int = 0
    _pending: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(MOST_PENDING), repr=False)

    def __post_init__(self) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        with bound("udp", self.address):
            self._socket.bind(self.address)
        self.address = self._socket.getsockname()[:2]
        threading.Thread(target=self._run, daemon=True, name="telecommands").start()

    def _run(self) -> None:
        with contextlib.suppress(OSError):  # closed
            while True:
                raw = self._socket.recv(MOST_BYTES)
                if not raw:
                    return
                if self._pending.acquire(blocking=False):
                    self.came(raw, self._pending.release)
                else:
                    self.n_lost += 1

    def close(self) -> None:
        """No more commands."""
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
