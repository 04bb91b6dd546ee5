"""What ran when, for the engineer: Chrome trace events (opens in Perfetto), written as the simulation goes."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TextIO

LANES = ("camera", "frames", "sets", "radio", "faults")


@dataclass
class Timeline:
    """Spans by lane, counters, marks, and one flow for every frame from its exposure to the packets of its set. After
    ``most_events`` nothing more is written and ``n_left_out`` counts."""

    path: Path | None
    most_events: int = 400_000
    n_events: int = 0
    n_left_out: int = 0
    _file: TextIO | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        if self.path is not None:
            self._file = self.path.open("w", encoding="utf-8")
            self._file.write('{"traceEvents": [\n')
            for number, lane in enumerate(LANES, 1):
                self._write({"name": "thread_name", "ph": "M", "pid": 1, "tid": number, "args": {"name": lane}})

    def span(self, name: str, lane: str, start_ns: int, end_ns: int, facts: dict[str, Any]) -> None:
        """Something that took time."""
        self._write(_event(name, "X", lane, start_ns) | {"dur": (end_ns - start_ns) / 1000, "args": facts})

    def mark(self, name: str, lane: str, at_ns: int, facts: dict[str, Any]) -> None:
        """Something that happened."""
        self._write(_event(name, "i", lane, at_ns) | {"s": "t", "args": facts})

    def count(self, name: str, at_ns: int, values: dict[str, float]) -> None:
        """How much of something there is."""
        self._write({"name": name, "ph": "C", "pid": 1, "ts": at_ns / 1000, "args": values})

    def flow(self, phase: str, number: int, lane: str, at_ns: int) -> None:
        """A point on a frame's way: phase s where it begins, t on the way, f where it ends."""
        self._write(_event("frame", phase, lane, at_ns) | {"id": number, "cat": "frame", "bp": "e"})

    def close(self) -> None:
        """Finish the file."""
        if self._file is not None:
            self._file.write(json.dumps({"name": "events left out", "ph": "M", "pid": 1, "args": {"n": self.n_left_out}}))
            self._file.write("\n]}\n")
            self._file.close()
            self._file = None

    def _write(self, event: dict[str, Any]) -> None:
        if self._file is None:
            return
        if self.n_events >= self.most_events:
            self.n_left_out += 1
            return
        self.n_events += 1
        self._file.write(json.dumps(event) + ",\n")


def flow_number(detector: int, frame: int) -> int:
    """Number of a frame's flow: its own."""
    return frame * 64 + detector


def _event(name: str, phase: str, lane: str, at_ns: int) -> dict[str, Any]:
    return {"name": name, "ph": phase, "pid": 1, "tid": LANES.index(lane) + 1, "ts": at_ns / 1000}
