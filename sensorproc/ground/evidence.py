"""What permits a release: SET records that arrived, and say exactly the marking and the data mode that are asked for.

Only SET records carry them. All that arrived count, whatever set they are of; one that says something else forbids everything.
A frame whose SET is lost is released under nothing: absence of evidence permits nothing. Packets that were made without a marking
may get one on the ground, but never as REAL.
"""

import itertools
from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass

from sensorproc.downlink.dictionary import DATA_MODES
from sensorproc.downlink.records import NO_SET
from sensorproc.downlink.release_id import release_id
from sensorproc.errors import ReleaseError
from sensorproc.ground.reader import Downlink, Record
from sensorproc.ground.release import Marking, carried
from sensorproc.timescales import NS_PER_S

SAME_TIME_NS = NS_PER_S  # A SET's packets are timed by its last frame; a set from elsewhere in the stream has other times.
LONGEST_SET_NS = 86400 * NS_PER_S
UNSET, UNKNOWN = "UNSET", "UNKNOWN"


@dataclass(frozen=True)
class Cover:
    """The frames that one SET record speaks for, when the last of them was, and what ties their records to its marking."""

    first: int
    last: int
    t_last_tai_ns: int
    release_id: int

    def holds(self, record: Record) -> bool:
        """Whether a record is of one of these frames, and was made under the SET's marking."""
        before = self.t_last_tai_ns - record["t_mid_tai_ns"]
        is_its = self.first <= record["frame"] <= self.last and -SAME_TIME_NS <= before <= LONGEST_SET_NS
        return is_its and record["release_id"] == self.release_id


@dataclass(frozen=True)
class Stated:
    """The marking and data mode that stand on every product of a downlink."""

    marking: str
    data_mode: str

    def __str__(self) -> str:
        return f"marking {self.marking}, data mode {self.data_mode}"


Covers = Callable[[Record], Cover | None]


def said_marking(record: Record) -> tuple[str, str]:
    """Marking, as it is carried, and data mode of a SET record."""
    mode = record["data_mode"]
    return record["marking"].rstrip(b"\0").decode("ascii", "replace"), DATA_MODES[mode] if mode < len(DATA_MODES) else UNKNOWN


def stated(downlink: Downlink, mark: Marking | None) -> Stated:
    """What all SET records that arrived say together: where they say nothing, what the ground gives; UNKNOWN where none came."""
    said = {said_marking(record) for record in downlink.records["SET"]}
    if mark is not None:
        given = carried(mark.marking), mark.data_mode
        said = {tuple(g if s == UNSET else s for s, g in zip(one, given, strict=True)) for one in said}  # type: ignore[misc]
        said = {(mark.marking if marking == given[0] else marking, mode) for marking, mode in said}
    markings, modes = (sorted({one[k] for one in said}) or [UNKNOWN] for k in (0, 1))
    return Stated(" | ".join(markings), " | ".join(modes))


def demand_evidence(downlink: Downlink, mark: Marking) -> Covers:
    """Which SET record permits to release a frame or what was found in it (a record with detector, frame and time), if one does.

    Raises
    ------
    ReleaseError
        If no SET record arrived, or one of them says anything but this marking and mode.
    """
    sets = downlink.records["SET"]
    if not sets:
        raise ReleaseError("no SET record arrived: nothing says how these packets are marked, and nothing is released")
    for record in sets:
        said = said_marking(record)
        asked = carried(mark.marking), mark.data_mode
        unsaid = () if mark.data_mode == "REAL" else (UNSET,)
        if any(a != b and a not in unsaid for a, b in zip(said, asked, strict=True)):
            raise ReleaseError(_contradiction(said, mark))
    covers = _covers(downlink)
    reached = {detector: list(itertools.accumulate((c.last for c in some), max)) for detector, some in covers.items()}

    def of(record: Record) -> Cover | None:
        some, frame = covers.get(record["detector"], []), record["frame"]
        # back from the last one that begins before the frame, as long as one of those before reaches it: a day has thousands
        for k in range(bisect_right(some, frame, key=lambda cover: cover.first) - 1, -1, -1):
            if reached[record["detector"]][k] < frame:
                return None
            if some[k].holds(record):
                return some[k]
        return None

    return of


def _contradiction(said: tuple[str, str], mark: Marking) -> str:
    marking, mode = said
    asked = f"they cannot be released as {mark.marking} {mark.data_mode}"
    if UNSET in said:
        return f"the packets carry no marking or no data mode ({marking} {mode}): {asked}; process the frames again with both"
    return f"the packets are marked {marking} {mode}: {asked}"


def _covers(downlink: Downlink) -> dict[int, list[Cover]]:
    """Covers by detector, in order of their first frames. One whose last frame arrived with another time than the SET's is of
    another recording."""
    times = {(r["detector"], r["frame"]): r["t_mid_tai_ns"] for r in downlink.records["FRAME"]}
    found: dict[int, dict[Cover, None]] = {}
    for record in downlink.records["SET"]:
        if record["set_id"] == NO_SET or not record["n_frames"]:
            continue
        first, t_set = record["first_frame"], record["t_packet_tai_ns"]
        last = first + record["n_frames"] - 1
        t_last = times.get((record["detector"], last), t_set)
        if abs(t_last - t_set) <= SAME_TIME_NS:
            cover = Cover(first, last, t_set, release_id(record["marking"], record["data_mode"]))
            found.setdefault(record["detector"], {})[cover] = None
    return {detector: sorted(covers, key=lambda cover: cover.first) for detector, covers in found.items()}
