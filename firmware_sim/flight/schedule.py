"""What the camera shall take and when: a recording's own frame sets, or a scan that goes on over a ring of recorded frames."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cache

from firmware_sim.commanding.state import OperatingState
from firmware_sim.ports import Item
from firmware_sim.scan.dwell_ledger import Dwell
from firmware_sim.scan.table import ScanEntry
from sensorproc.frames import Frame, Rejection
from sensorproc.timescales import NS_PER_S

POLL_NS = NS_PER_S  # how often a payload that does not scan looks whether it shall


@dataclass(frozen=True)
class Shot:
    """One exposure: its number, mid-exposure and end [ns TAI], and how to read it."""

    index: int
    t_mid_tai_ns: int
    end_tai_ns: int
    read: Callable[[], Item]

    @property
    def exposure_ns(self) -> int:
        return 2 * (self.end_tai_ns - self.t_mid_tai_ns)


@dataclass(frozen=True)
class Visit:
    """A dwell with its exposures; from its start to the next one's is ``period_ns``. ``set_bytes`` is what its frames need, raw
    and prepared, until it is done; ``ring_key`` is the same for visits that show the same frames."""

    dwell: Dwell
    shots: tuple[Shot, ...]
    period_ns: int
    set_bytes: int
    ring_key: int

    @property
    def end_tai_ns(self) -> int:
        return max(shot.end_tai_ns for shot in self.shots)


@dataclass(frozen=True)
class Step:
    """Visits that begin at one time, and when to ask for the next; no visits: nothing to do until then."""

    start_tai_ns: int
    visits: tuple[Visit, ...]
    resume_tai_ns: int


def recorded(visits: list[Visit]) -> Iterator[Step]:
    """A recording's sets at their own times."""
    for visit in sorted(visits, key=lambda v: (v.dwell.t_start_tai_ns, v.dwell.set_id)):
        yield Step(visit.dwell.t_start_tai_ns, (visit,), visit.dwell.t_start_tai_ns)


@dataclass
class Scan:
    """Visits cell after cell while the payload observes. ``ring``: for every detector, sets of recorded visits in turn."""

    state: OperatingState
    ring: dict[int, list[Visit]]
    entries: Callable[[], tuple[ScanEntry, ...]]
    cadence_ns: int
    start_tai_ns: int
    end_tai_ns: int
    now_tai_ns: Callable[[], int]

    def __iter__(self) -> Iterator[Step]:
        number = set_id = place = index = 0
        scan = None
        while (now := max(self.now_tai_ns(), self.start_tai_ns)) < self.end_tai_ns:
            if not self.state.is_scanning:
                scan = None
                yield Step(now, (), now + POLL_NS)
                continue
            place = place + 1 if self.state.n_scans == scan else 0
            scan = self.state.n_scans
            entries = self.entries()
            entry = entries[place % len(entries)]
            start = now + round(entry.settle_s * NS_PER_S)
            period = start - now + entry.n_frames * self.cadence_ns
            if start + entry.n_frames * self.cadence_ns > self.end_tai_ns:
                return
            visits = []
            for detector, turns in sorted(self.ring.items()):
                base = turns[number % len(turns)]
                visits.append(_again(base, Dwell(number, set_id, entry.cell, detector, start, entry.n_frames),
                                     index, self.cadence_ns, period))  # fmt: skip
                set_id += 1
            yield Step(start, tuple(visits), start + entry.n_frames * self.cadence_ns)
            number, index = number + 1, index + entry.n_frames


def _again(base: Visit, dwell: Dwell, first_index: int, cadence_ns: int, period_ns: int) -> Visit:
    """A recorded visit taken anew: other numbers, other times."""
    shots = []
    for k in range(dwell.n_planned):
        shot = base.shots[k % len(base.shots)]
        end = dwell.t_start_tai_ns + k * cadence_ns + shot.exposure_ns
        mid = end - shot.exposure_ns // 2
        shots.append(Shot(first_index + k, mid, end, _Renumbered(shot.read, first_index + k, mid)))
    held = base.set_bytes * dwell.n_planned // len(base.shots)
    return replace(base, dwell=dwell, shots=tuple(shots), period_ns=period_ns, set_bytes=held)


def remembered(visit: Visit) -> Visit:
    """The same visit, whose frames are read once and then kept in the simulator's own memory."""
    return replace(visit, shots=tuple(replace(shot, read=cache(shot.read)) for shot in visit.shots))


@dataclass(frozen=True)
class _Renumbered:
    read: Callable[[], Item]
    index: int
    t_mid_tai_ns: int

    def __call__(self) -> Item:
        item = self.read()
        if isinstance(item, Rejection):
            return replace(item, frame_index=self.index, t_mid_tai_ns=self.t_mid_tai_ns)
        assert isinstance(item, Frame)
        return replace(item, index=self.index, t_mid_tai_ns=self.t_mid_tai_ns)
