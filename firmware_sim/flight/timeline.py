"""What ran when, for the engineer: Chrome trace events (opens in Perfetto), written as the simulation goes."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TextIO


def core_lane(core: int) -> str:
    """Lane of one of the processor's cores."""
    return f"core {core}"


@dataclass
class Timeline:
    """Spans by lane, counters, marks, and one flow for every frame from its exposure to the packets of its set. After
    ``most_events`` nothing more is written and ``n_left_out`` counts."""

    path: Path | None
    n_cores: int = 1
    most_events: int = 1_000_000
    n_events: int = 0
    n_left_out: int = 0
    _file: TextIO | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        self._lanes = ["camera", *map(core_lane, range(self.n_cores)), "radio", "faults"]
        if self.path is not None:
            self._file = self.path.open("w", encoding="utf-8")
            self._file.write('{"traceEvents": [\n')
            for lane in self._lanes:
                self._write("thread_name", "M", lane, 0, {"args": {"name": lane}})

    def span(self, name: str, lane: str, start_ns: int, end_ns: int, facts: dict[str, Any]) -> None:
        """Something that took time."""
        self._write(name, "X", lane, start_ns, {"dur": (end_ns - start_ns) / 1000, "args": facts})

    def mark(self, name: str, lane: str, at_ns: int, facts: dict[str, Any]) -> None:
        """Something that happened."""
        self._write(name, "i", lane, at_ns, {"s": "t", "args": facts})

    def count(self, name: str, at_ns: int, values: dict[str, float]) -> None:
        """How much of something there is."""
        self._write(name, "C", "", at_ns, {"args": values})

    def flow(self, phase: str, number: int, lane: str, at_ns: int) -> None:
        """A point on a frame's way: phase s where it begins, t on the way, f where it ends."""
        self._write("frame", phase, lane, at_ns, {"id": number, "cat": "frame", "bp": "e"})

    def close(self) -> None:
        """Finish the file."""
        if self._file is not None:
            self._file.write(json.dumps({"name": "events left out", "ph": "M", "pid": 1, "args": {"n": self.n_left_out}}))
            self._file.write("\n]}\n")
            self._file.close()
            self._file = None

    def _write(self, name: str, phase: str, lane: str, at_ns: int, more: dict[str, Any]) -> None:
        if self._file is None:
            return
        if self.n_events >= self.most_events:
            self.n_left_out += 1
            return
        self.n_events += 1
        thread = {"tid": self._lanes.index(lane) + 1} if lane else {}
        event = {"name": name, "ph": phase, "pid": 1, **thread, "ts": at_ns / 1000, **more}
        self._file.write(json.dumps(event) + ",\n")


def flow_number(detector: int, frame: int) -> int:
    """Number of a frame's flow: its own."""
    return frame * 64 + detector
