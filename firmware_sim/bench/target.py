"""The payload under test: a process that the bench starts on this machine, or one that runs elsewhere."""

import json
import os
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from firmware_sim.link.address import bound, parse_address, written
from firmware_sim.link.datagrams import MOST_BYTES
from sensorproc.errors import InputError

READY_S = 120.0  # kernels may have to be compiled
STOP_S = 20.0
QUIET_S = 0.1
START = "from sensorproc.verbs.start import firmware_sim; raise SystemExit(firmware_sim())"
RECEIVE_BYTES = 1 << 22


@dataclass
class Telemetry:
    """Takes packets, each with the time it came [ns, monotonic]."""

    address: tuple[str, int] = ("127.0.0.1", 0)
    packets: list[tuple[int, bytes]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BYTES)
        with bound("udp", self.address):
            self._socket.bind(self.address)
        self.address = self._socket.getsockname()[:2]
        self._is_over = False
        self._thread = threading.Thread(target=self._run, daemon=True, name="telemetry")
        self._thread.start()

    def _run(self) -> None:
        while True:
            ready, _, _ = select.select([self._socket], [], [], QUIET_S)
            if ready:
                raw = self._socket.recv(MOST_BYTES)
                self.packets.append((time.monotonic_ns(), raw))
            elif self._is_over:
                return

    def settle(self) -> None:
        """Wait until what was sent has been taken: nothing has come for a while."""
        n = -1
        while n < (n := len(self.packets)):
            time.sleep(2 * QUIET_S)

    def close(self) -> None:
        """No more packets, once those that were sent are taken."""
        self._is_over = True
        self._thread.join()
        self._socket.close()


@dataclass
class LocalPayload:
    """A ``serve`` process on this machine. Started again with the same folder it goes on where it was."""

    options: Sequence[str]
    log: Path
    facts: dict[str, Any] = field(default_factory=dict)
    cold_start_s: float = 0.0

    def start(self) -> None:
        """Start it, and wait until it is ready.

        Raises
        ------
        InputError
            If it does not become ready, with what it said.
        """
        begun = time.monotonic()
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-c", START, "serve", *self.options], stdout=subprocess.PIPE, stderr=log, start_new_session=True
            )
        out = self._process.stdout
        assert out is not None
        ready, _, _ = select.select([out], [], [], READY_S)
        line = out.readline() if ready else b""
        try:
            self.facts = json.loads(line)
        except ValueError:
            self.kill()
            said = self.log.read_text("utf-8", "replace").strip().splitlines()[-3:]
            raise InputError(f"the payload did not become ready: {' / '.join(said) or 'it said nothing'}") from None
        self.cold_start_s = time.monotonic() - begun

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def frames(self) -> tuple[str, int]:
        """Where cameras connect."""
        return parse_address(self.facts["frames"], "tcp")

    @property
    def commands(self) -> tuple[str, int]:
        """Where telecommands come in."""
        return parse_address(self.facts["tc"], "udp")

    @property
    def is_running(self) -> bool:
        return self._process.poll() is None

    def stop(self) -> int:
        """End it as an operator would; its exit code."""
        if self.is_running:
            self._process.terminate()
        try:
            code = self._process.wait(STOP_S)
        except subprocess.TimeoutExpired:  # its log will tell where it stood
            self._process.send_signal(signal.SIGUSR1)
            time.sleep(1.0)
            self.kill()
            return -signal.SIGKILL
        self._let_go()
        return code

    def kill(self) -> None:
        """End it as a power cut would."""
        if self.is_running:
            os.kill(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._let_go()

    def _let_go(self) -> None:
        if self._process.stdout is not None:
            self._process.stdout.close()


def serve_options(payload: Path, work: Path, telemetry: tuple[str, int], more: Sequence[str] = ()) -> list[str]:
    """Options of a local payload that takes frames and commands at free ports of this machine."""
    given = {
        "payload": payload,
        "work": work,
        "tm": written("udp", telemetry),
        "frames": "tcp://127.0.0.1:0",
        "tc": "udp://127.0.0.1:0",
    }
    return [*(f"--{name}={value}" for name, value in given.items()), *more]
