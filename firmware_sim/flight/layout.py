"""What a flight is laid out for: the memory it may need, and the schedule of its dwells."""

from collections.abc import Iterable
from dataclasses import dataclass

from firmware_sim.board.clock import VirtualClock
from firmware_sim.board.table_guard import TableGuard
from firmware_sim.commanding.state import OperatingState
from firmware_sim.flight.schedule import Scan, Step, Visit, recorded, remembered
from firmware_sim.scan.table import ScanEntry
from firmware_sim.scenarios.operations import Operations
from firmware_sim.scenarios.scenario import Board
from sensorproc.errors import InputError
from sensorproc.onboard.footprint import Footprint, footprint
from sensorproc.onboard.frame.binning import binned_shape
from sensorproc.recording import Entry, Recording
from sensorproc.timescales import NS_PER_S

MIN_RING = 2  # frames of a detector


@dataclass(frozen=True)
class Layout:
    """What memory is laid out for: the largest frame, the longest set, and as many sets as there can be at a time."""

    shape: tuple[int, int]
    most_frames: int
    detectors: list[int]
    n_sets: int  # of a detector
    need: Footprint

    @classmethod
    def of(
        cls, recording: Recording, sets: list[list[tuple[int, Entry]]], entries: tuple[ScanEntry, ...], board: Board, binning: int
    ) -> "Layout":
        largest = max((entry.shape for of_set in sets for _, entry in of_set), key=lambda shape: shape[0] * shape[1])
        shape = binned_shape(largest, binning)
        most_frames = max(max(len(of_set) for of_set in sets), *(entry.n_frames for entry in entries))
        detectors = sorted({entry.detector for of_set in sets for _, entry in of_set})
        return cls(shape, most_frames, detectors, board.n_sets, footprint(shape, most_frames, recording.dark_e_s is not None))

    @property
    def n_slots(self) -> int:
        """Of raw frames."""
        return len(self.detectors) * self.n_sets * self.most_frames

    @property
    def frame_px(self) -> int:
        return self.shape[0] * self.shape[1]


def schedule_of(
    visits: list[Visit], operations: Operations, state: OperatingState, tables: TableGuard, clock: VirtualClock, cadence_ns: int,
    checks_pixels: bool,
) -> Iterable[Step]:  # fmt: skip
    """A recording's own sets, or a scan over them again and again."""
    if not operations.duration_s:
        return recorded(visits)
    ring: dict[int, list[Visit]] = {}
    for visit in visits:
        ring.setdefault(visit.dwell.detector, []).append(remembered(visit))
    for detector, turns in ring.items():
        if checks_pixels and sum(len(visit.shots) for visit in turns) < MIN_RING:
            raise InputError(
                f"detector {detector}: a scan with faults over one recorded frame looks like a stuck camera; record at least two"
            )
    start = clock.origin_tai_ns
    return Scan(state, ring, tables.entries, cadence_ns, start, start + round(operations.duration_s * NS_PER_S), clock.tai_ns)
