"""What a payload must know after its process has died: written before it matters, in one step, and read when it starts again.

``checkpoint.json`` holds the counts of packets, sets that are open, and the counters of telecommands; ``states.fits`` what the
payload has learnt, as of the last set that was done, or of the one before.
"""

import contextlib
import json
import os
import threading
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from firmware_sim.scan.dwell_ledger import Dwell
from sensorproc.errors import InputError
from sensorproc.onboard.state import PayloadState
from sensorproc.state_file import read_states, write_states

CHECKPOINT_VERSION = 1
NAME, STATES = "checkpoint.json", "states.fits"


@dataclass
class Memory:
    """The numbers that go on where they stopped."""

    sent: dict[int, int] = field(default_factory=dict)  # packets by APID
    next_set: int = 0
    n_tracklets: int = 0
    origin: dict[int, int] = field(default_factory=dict)  # number of the first frame, by detector
    heard: dict[int, int] = field(default_factory=dict)  # counters of telecommands, by key
    open: list[Dwell] = field(default_factory=list)
    unsent: list[str] = field(default_factory=list)  # records of dwells, in hexadecimal digits
    n_starts: int = 0


@dataclass
class Checkpoint:
    """Writes when something has changed; called from the payload's own loop, which no disk may hold up: the file takes its name
    at once, so that the death of the process loses nothing, and a thread sees that it reaches the disk."""

    folder: Path
    remembered: Callable[[], Memory]
    _last: str = ""

    def __post_init__(self) -> None:
        self._changed = threading.Event()
        threading.Thread(target=self._run, daemon=True, name="checkpoint").start()

    def _run(self) -> None:
        while True:
            self._changed.wait()
            self._changed.clear()
            with contextlib.suppress(OSError), (self.folder / NAME).open("rb") as file:
                os.fsync(file.fileno())

    def save(self) -> None:
        """Write what is remembered now, if it is not what was written."""
        text = json.dumps({"version": CHECKPOINT_VERSION, **asdict(self.remembered())})
        if text == self._last:
            return
        temporary = self.folder / (NAME + ".tmp")
        temporary.write_text(text, "utf-8")
        temporary.replace(self.folder / NAME)
        self._last = text
        self._changed.set()


def load_memory(folder: Path) -> Memory:
    """What the process before remembered; nothing if there was none.

    Raises
    ------
    InputError
        If the file is damaged, or of another version.
    """
    path = folder / NAME
    if not path.is_file():
        return Memory()
    try:
        values: dict[str, Any] = json.loads(path.read_text("utf-8"))
        if (version := values.pop("version")) != CHECKPOINT_VERSION:
            raise InputError(f"{path}: a checkpoint of version {version}, want {CHECKPOINT_VERSION}; move it away to begin anew")
        numbered = {name: {int(k): int(v) for k, v in values[name].items()} for name in ("sent", "origin", "heard")}
        return Memory(**values | numbered | {"open": [Dwell(**dwell) for dwell in values["open"]]})
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{path}: the checkpoint is damaged ({error}); move it away to begin anew") from None


@dataclass
class StateWriter:
    """Writes the payload's states in a thread of its own, the newest only."""

    path: Path
    states: Mapping[int, PayloadState]
    binning: int

    def __post_init__(self) -> None:
        self._wanted = threading.Event()
        threading.Thread(target=self._run, daemon=True, name="states").start()

    def want(self) -> None:
        """A set is done: its states are to be written."""
        self._wanted.set()

    def _run(self) -> None:
        while True:
            self._wanted.wait()
            self._wanted.clear()
            write_states(self.path, dict(self.states), self.binning)


def load_states(folder: Path, binning: int) -> dict[int, PayloadState]:
    """States that the process before has written."""
    path = folder / STATES
    return read_states(path, binning) if path.is_file() else {}
