"""What a recording holds: entries that know their time and shape without reading pixels, and the problems met."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from sensorproc.frames import Frame
from sensorproc.onboard.star_table import StarTable
from sensorproc.recording.header.mode import NOT_REAL, UNKNOWN_MODE
from sensorproc.timescales import NS_PER_S, tai_ns_from_utc

UNTIMED_TAI_NS = tai_ns_from_utc("1972-01-01T00:00:00")  # frames without a time count seconds from here, and say so
NO_TIME = "time of exposure (frames counted as one second apart)"
NO_POINTING = "pointing (no sky positions without a plate solution)"
NO_OBSERVER = "observer position (no sensor state in messages)"
NO_EXPOSURE = "exposure time (taken as 0 s)"


@dataclass(frozen=True)
class Entry:
    """One frame, not yet read: its time, where it comes from and how to read it.

    ``used`` says of each fact which card it is from, ``doubts`` what contradicts or was not understood, in sentences;
    ``calibration`` is what else than the sky it shows; ``instrument`` who took it, empty where it does not say.
    """

    source: str
    shape: tuple[int, int]
    t_mid_tai_ns: int
    exposure_s: float
    detector: int
    has_time: bool
    read: Callable[[], Frame]
    data_mode: str | None = None  # where the file says that its pixels are not, or not all, of the real sky
    instrument: str = ""
    calibration: str | None = None
    cadence_s: float | None = None
    used: dict[str, str] = field(default_factory=dict)
    doubts: tuple[str, ...] = ()

    def frame(self, index: int) -> Frame:
        """The frame with its index in the recording.

        Raises
        ------
        InputError
            If its pixels cannot be read.
        """
        read = self.read()
        lacking = read.missing + (() if self.has_time else (NO_TIME,))
        return replace(
            read, index=index, detector=self.detector, source=self.source, t_mid_tai_ns=self.t_mid_tai_ns,
            exposure_s=self.exposure_s, has_time=self.has_time, missing=lacking,
        )  # fmt: skip


def untimed_ns(order: int) -> int:
    """TAI [ns] that stands for the unknown time of the ``order``-th frame."""
    return UNTIMED_TAI_NS + order * NS_PER_S


@dataclass(frozen=True)
class Problem:
    """A file that could not become a frame, why, and its place among the frames."""

    source: str
    reason: str
    place: int = 0


@dataclass(frozen=True)
class Recording:
    """Entries in time order, what went wrong, what lay beside the frames, and what was doubtful about their headers."""

    path: Path
    entries: tuple[Entry, ...]
    problems: tuple[Problem, ...] = ()
    stars: StarTable | None = None
    dark_e_s: np.ndarray | None = None
    bad: np.ndarray | None = None
    notes: tuple[str, ...] = ()
    doubts: tuple[str, ...] = ()

    @property
    def data_mode(self) -> str | None:
        """What the frames say they are: SIMULATED, EXERCISE or TEST, or UNKNOWN where one says none of these; None if none says
        anything. The first in this order wins."""
        said = {entry.data_mode for entry in self.entries}
        return next((mode for mode in (*NOT_REAL, UNKNOWN_MODE) if mode in said), None)

    @property
    def cadence_s(self) -> float | None:
        """Median time between successive frames of one detector [s]; None with fewer than two."""
        times = [e.t_mid_tai_ns for e in self.entries if e.detector == self.entries[0].detector]
        steps = np.diff(np.array(times, dtype=np.int64))
        return float(np.median(steps)) * 1e-9 if len(steps) and np.median(steps) > 0 else None
