"""A recording's frame sets as visits of the camera: when each frame was taken, and how to read it when it is."""

from dataclasses import dataclass

from firmware_sim.board.memory import set_bytes
from firmware_sim.flight.schedule import Shot, Visit
from firmware_sim.ports import Item
from firmware_sim.scan.dwell_ledger import Dwell
from sensorproc.config import Config
from sensorproc.frame_sets import SetShape, read_frame, set_shape
from sensorproc.frames import Frame
from sensorproc.onboard.footprint import footprint
from sensorproc.recording import Entry, Recording
from sensorproc.timescales import NS_PER_S


def visits_of(sets: list[list[tuple[int, Entry]]], recording: Recording, config: Config, problems: list[str]) -> list[Visit]:
    """One visit for every set; what cannot be read is added to ``problems`` when it is asked for."""
    visits = []
    for set_id, entries in enumerate(sets):
        shape = set_shape(entries, config)
        held = set_bytes(footprint(shape.read_out(config), len(entries), True))
        shots = tuple(sorted((_shot(index, entry, shape, recording, config, problems) for index, entry in entries),
                             key=lambda shot: (shot.end_tai_ns, shot.index)))  # fmt: skip
        start = shots[0].end_tai_ns - shots[0].exposure_ns
        dwell = Dwell(set_id, set_id, 0, entries[0][1].detector, start, len(entries))
        visits.append(Visit(dwell, shots, period_ns(entries, recording, config), held, set_id))
    return visits


def period_ns(entries: list[tuple[int, Entry]], recording: Recording, config: Config) -> int:
    """From one set to the next, if they follow one another."""
    cadence_s = config.sensor.cadence_s or recording.cadence_s or entries[0][1].exposure_s
    return max(round(len(entries) * cadence_s * NS_PER_S), NS_PER_S)


def _shot(index: int, entry: Entry, shape: SetShape, recording: Recording, config: Config, problems: list[str]) -> Shot:
    end = entry.t_mid_tai_ns + round(0.5 * entry.exposure_s * NS_PER_S)
    return Shot(index, entry.t_mid_tai_ns, end, _Reader(index, entry, shape, recording, config, problems))


@dataclass(frozen=True)
class _Reader:
    """Reads one frame of a recording when the camera asks; what cannot be read is told."""

    index: int
    entry: Entry
    shape: SetShape
    recording: Recording
    config: Config
    problems: list[str]

    def __call__(self) -> Item:
        read = read_frame(self.index, self.entry, self.shape, self.recording, self.config)
        if isinstance(read, Frame):
            return read
        rejection, text = read
        self.problems.append(text)
        return rejection
