"""The frames that a bench plays again and again, as they go over the link: every one has the time of its turn."""

from dataclasses import dataclass, replace

import numpy as np

from firmware_sim.link.frame_link import Leader
from sensorproc.errors import InputError
from sensorproc.frames import Frame
from sensorproc.geometry import quaternion
from sensorproc.recording import Recording
from sensorproc.timescales import NS_PER_S

WHITE_DN = 65_535


@dataclass(frozen=True, eq=False)
class Turn:
    """One frame to be sent: its detector and number, its leader, its pixels (ny, nx) uint16, and when [ns after the start]."""

    detector: int
    number: int
    leader: Leader
    data: np.ndarray
    due_ns: int


@dataclass(frozen=True, eq=False)
class Ring:
    """Frames by detector, and the times at which they are played."""

    frames: dict[int, list[tuple[Leader, np.ndarray]]]
    start_tai_ns: int
    cadence_ns: int
    exposure_ns: int
    readout_ns: int = 0

    @property
    def n_frames(self) -> int:
        """Different ones, of all detectors."""
        return sum(map(len, self.frames.values()))

    def turn(self, detector: int, number: int) -> Turn:
        """The frame that a detector takes as its ``number``-th."""
        frames = self.frames[detector]
        leader, data = frames[number % len(frames)]
        start = self.start_tai_ns + number * self.cadence_ns
        leader = replace(leader, t_start_tai_ns=start, t_end_tai_ns=start + self.exposure_ns)
        due = number * self.cadence_ns + self.exposure_ns + self.readout_ns
        return Turn(detector, number, leader, data, due)

    def turns(self, n_frames: int) -> list[Turn]:
        """Those of so many frames of every detector, in the order in which they are due."""
        every = [self.turn(detector, number) for number in range(n_frames) for detector in self.frames]
        return sorted(every, key=lambda turn: (turn.due_ns, turn.detector))


def ring_of(recording: Recording, cadence_s: float, exposure_s: float, readout_s: float, most: int | None) -> Ring:
    """A ring of a recording's frames, read into memory; ``most`` of every detector.

    Raises
    ------
    InputError
        If a frame cannot be read, or has pixels that the link does not carry.
    """
    frames: dict[int, list[tuple[Leader, np.ndarray]]] = {}
    for entry in recording.entries:
        mine = frames.setdefault(entry.detector, [])
        if most is None or len(mine) < most:
            mine.append(_as_sent(entry.frame(len(mine))))
    start = min(entry.t_mid_tai_ns for entry in recording.entries)
    times = (round(seconds * NS_PER_S) for seconds in (cadence_s, min(exposure_s, cadence_s), readout_s))
    return Ring(frames, start, *times)


def _as_sent(frame: Frame) -> tuple[Leader, np.ndarray]:
    data = frame.data_dn
    if data.dtype != np.uint16:
        whole = np.rint(data)
        if not np.isfinite(data).all() or not ((whole >= 0) & (whole <= WHITE_DN)).all():
            raise InputError(f"{frame.source}: the frame link carries pixels of 0 to {WHITE_DN}")
        data = whole.astype(np.uint16)
    ny, nx = data.shape
    attitude = None if frame.camera is None else tuple(float(q) for q in quaternion(frame.camera.dcm))
    known = {"attitude": attitude, "observer": frame.observer, "slew_arcsec_s": frame.slew_arcsec_s}
    return Leader(1, 2, nx, ny, **known), np.ascontiguousarray(data)  # type: ignore[arg-type]
