"""Latencies of a bench from what both ends have heard, on one clock: the bench's own."""

from collections import Counter
from dataclasses import dataclass

from firmware_sim.bench.judgement.latency import Latencies
from firmware_sim.bench.judgement.validity import Key
from firmware_sim.bench.ring import Ring
from firmware_sim.bench.sender import Played, of_kind
from firmware_sim.link.frame_link import Kind, Verdict
from sensorproc.downlink.dictionary import Apid
from sensorproc.downlink.packets import apid_of
from sensorproc.downlink.records import NO_SET
from sensorproc.ground.reader import read

IN_TIME = frozenset(("drop", "corrupt", "late"))  # what befalls frames that the payload need not take


@dataclass(frozen=True, eq=False)
class Measured:
    """All latencies of a run: of frames from when they were due, of sets from the end of their last exposure to the last stage
    and to the last packet; of the workers from when work came to them, with the time it took."""

    frames: Latencies
    last_stage: Latencies
    last_packet: Latencies
    frame_worker: list[tuple[int, int]]  # latency and service [ns], in order
    set_worker: list[tuple[int, int]]
    taken: frozenset[Key]
    lost: frozenset[Key]  # sent whole and in time, and not taken
    unanswered: frozenset[Key]
    verdicts: dict[str, int]


def measured(played: Played, ring: Ring, n_set: int, n_frames: int, packets: list[tuple[int, bytes]]) -> Measured:
    """Everything that may be measured of a run of ``n_frames`` of every detector in sets of ``n_set``."""
    receipts = {(a.detector, a.block): a for a in of_kind(played, Kind.RECEIPT) if a.numbers[0] == Verdict.TAKEN}
    prepared = {(a.detector, a.block): a for a in of_kind(played, Kind.PREPARED)}
    searched = {a.block: a for a in of_kind(played, Kind.SEARCHED)}
    every = {(d, k) for k in range(n_frames) for d in ring.frames}
    due = {key: played.start_ns + ring.turn(*key).due_ns for key in every}
    sent = {key for key in every if not played.faults.get(key, frozenset()) & IN_TIME}
    frame_ns = {_number(key, ring): prepared[key].heard_ns - due[key] for key in sorted(sent & set(prepared) & set(receipts))}
    closed = closing_packets(packets)
    members = {s: _members(one.detector, one.first_frame, n_set) for s, one in closed.items()}
    ends = {s: due[keys[-1]] - ring.readout_ns for s, keys in members.items() if keys[-1] in due}
    complete = {s: max((prepared[k].heard_ns for k in members[s] if k in prepared), default=0) for s in ends}
    both = sorted(set(prepared) & set(receipts), key=lambda k: prepared[k].numbers[1])
    answered = {(a.detector, a.block) for a in of_kind(played, Kind.RECEIPT)}
    period_ns = n_set * ring.cadence_ns
    done = [s for s in sorted(ends) if s in searched and complete[s]]
    return Measured(
        Latencies("frame: due to prepared", frame_ns, ring.cadence_ns),
        Latencies("set: last exposure to last stage", {s: searched[s].heard_ns - ends[s] for s in done}, period_ns),
        Latencies("set: last exposure to last packet", {s: closed[s].at_ns - ends[s] for s in ends}, period_ns),
        [(prepared[k].heard_ns - receipts[k].heard_ns, _service(prepared[k].numbers)) for k in both],
        [(searched[s].heard_ns - complete[s], _service(searched[s].numbers)) for s in done],
        frozenset(receipts), frozenset(sent - set(receipts)), frozenset(sent - answered),
        dict(Counter(Verdict(a.numbers[0]).name for a in of_kind(played, Kind.RECEIPT))),
    )  # fmt: skip


@dataclass(frozen=True)
class ClosedSet:
    """When the packet that closes a set first came [ns, monotonic], and which set it is."""

    at_ns: int
    detector: int
    first_frame: int


def closing_packets(packets: list[tuple[int, bytes]]) -> dict[int, ClosedSet]:
    """Sets that were told to be done, by their numbers."""
    found: dict[int, ClosedSet] = {}
    for at_ns, raw in packets:
        if len(raw) > 1 and apid_of(raw) == Apid.SET:
            for row in read(raw).records["SET"]:
                if row["phase"] and row["set_id"] != NO_SET:
                    found.setdefault(row["set_id"], ClosedSet(at_ns, row["detector"], row["first_frame"]))
    return found


def _number(key: Key, ring: Ring) -> int:
    """One number for a detector's frame."""
    return key[1] * len(ring.frames) + sorted(ring.frames).index(key[0])


def _members(detector: int, first_frame: int, n_set: int) -> list[Key]:
    """Frames of a set, of which the first that was told may not have been the first."""
    first = first_frame // n_set * n_set
    return [(detector, number) for number in range(first, first + n_set)]


def _service(numbers: tuple[int, ...]) -> int:
    _, begun, ended = numbers
    return ended - begun
