"""The fault campaign: every kind of fault many times over, and each dwell's products judged against the same flight without them.

A dwell's products are *right* (the same bytes), *flagged* (they differ, and their own records say why: fewer frames, a coarser
search, a clock whose sigma covers the error), *absent* (the dwell is missed with a reason, or packets are known to be missing),
or *wrong*: they differ and nothing says so. Nothing may be wrong.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from firmware_sim.board.processor_profile import load_profile
from firmware_sim.flight import topology
from firmware_sim.flight.parts import Order
from firmware_sim.flight.payload import Payload
from firmware_sim.scenarios.operations import FAULTS, Fault, Operations
from firmware_sim.scenarios.scenario import Scenario
from sensorproc.downlink.dictionary import reason_name
from sensorproc.downlink.records import NO_SET
from sensorproc.ground.reader import Downlink, read
from sensorproc.recording import Recording
from sensorproc.timescales import NS_PER_S

SETS_A_FAULT = 1.0  # mean number of dwells between two faults of a kind
CLOCK_SIGMAS = 5.0
MARKING = {"marking": "U", "data_mode": 3}
Progress = Callable[[str, int, int], None]
Row = dict[str, Any]


@dataclass
class Judged:
    """One kind of fault: what was injected, and what became of it."""

    kind: str
    processor: str
    n_injected: int = 0
    n_corrected: int = 0  # words mended, frames made anew, tables loaded anew, sets searched again
    n_detected: int = 0  # events and rejections that name it
    n_right: int = 0  # dwells
    n_flagged: int = 0
    absent: Counter[str] = field(default_factory=Counter)  # dwells missed, by reason, and packets known to be missing
    n_wrong: int = 0
    longest_restart_s: float = 0.0


def campaign(
    recording: Recording, scenario: Scenario, n_each: int, seed: int, progress: Progress = lambda stage, done, total: None
) -> list[Judged]:
    """Fly every kind of fault ``n_each`` times on a processor with error correction, those of memory also on one without."""
    plan = [(kind, "host") for kind in FAULTS] + [(kind, "jetson_orin") for kind in ("seu", "mbu")]
    period_s = _period_s(recording, scenario)
    cores: dict[str, Any] = {}
    clean: dict[str, dict[int, Products]] = {}
    rows = []
    for k, (kind, processor) in enumerate(plan):
        progress("fault", k, len(plan))
        duration_s = (n_each * SETS_A_FAULT + 2) * period_s
        if processor not in clean:
            payload = _flown(recording, scenario, processor, duration_s, (), seed, cores)
            clean[processor] = by_set(read(b"".join(payload.stream)))
        times = tuple((i + 0.37 + 0.6 * ((i * 0.618) % 1.0)) * SETS_A_FAULT * period_s for i in range(n_each))
        payload = _flown(recording, scenario, processor, duration_s, (Fault(kind, times),), seed, cores)
        rows.append(judged(kind, processor, payload, clean[processor]))
    progress("fault", len(plan), len(plan))
    return rows


def _period_s(recording: Recording, scenario: Scenario) -> float:
    cadence_s = scenario.payload.sensor.cadence_s or recording.cadence_s or 1.0
    return scenario.payload.frame_set.max_frames * cadence_s


def _flown(
    recording: Recording, scenario: Scenario, processor: str, duration_s: float, faults: tuple[Fault, ...], seed: int,
    cores: dict[str, Any],
) -> Payload:  # fmt: skip
    """A finished flight; what was computed in one of the same processor serves the next."""
    operations = Operations(duration_s=duration_s, core="remember", faults=faults)
    board = replace(scenario.board, processor=processor)
    profile = load_profile(processor)
    payload = topology.build(Order(recording, scenario.payload, board, profile, seed, MARKING, operations))
    core: Any = payload.image_processor.core
    known = cores.setdefault(processor, core)
    core.preparation, core.kept = known.preparation, known.kept
    payload.fly()
    return payload


@dataclass
class Products:
    """What the ground has of one set: its SET record, and as content what must not change: what that says of the search, and
    frame, detection and tracklet records without their numbers."""

    row: Row
    frames: dict[int, Row] = field(default_factory=dict)
    content: Counter[str] = field(default_factory=Counter)


BOARD_EVENTS = ("FRAME_DUPLICATED", "CLOCK_JUMP", "CLOCK_HOLDOVER", "WATCHDOG_RESET", "TABLE_RELOADED", "SEARCHED_AGAIN")
FRAME_EVENTS = ("FRAME_TORN", "FRAME_STUCK", "FRAME_LATE", "FRAME_LOST", "CAMERA_RESET", "MEMORY_ERROR", "NO_MEMORY")
NOT_COMPARED = ("tracklet_id",)
SEARCH_FIELDS = ("detector", "state_digest", "config_digest", "input_digest", "n_processed", "threshold_snr",
                 "n_null", "n_velocities", "n_candidates", "n_tracklets", "n_streaks")  # fmt: skip


def by_set(downlink: Downlink) -> dict[int, Products]:
    """Products of every set of which a SET record arrived."""
    found = {row["set_id"]: Products(row) for row in downlink.records["SET"] if row["set_id"] != NO_SET}
    for p in found.values():
        p.content[f"SET {[p.row[name] for name in SEARCH_FIELDS]}"] += 1
    span = [(p.row["first_frame"], p.row["first_frame"] + p.row["n_frames"], p) for p in found.values()]
    for name, key in (("FRAME", "frame"), ("DETECTION", "frame"), ("TRACKLET", "epoch_frame")):
        for row in downlink.records[name]:
            home = next((p for first, end, p in span if first <= row[key] < end), None)
            if home is None:
                continue
            if name == "FRAME":
                home.frames[row["frame"]] = row
            home.content[f"{name} {sorted((k, v) for k, v in row.items() if k not in NOT_COMPARED)}"] += 1
    return found


def judged(kind: str, processor: str, payload: Payload, clean: dict[int, Products]) -> Judged:
    """What became of a flight's faults."""
    downlink = read(b"".join(payload.stream))
    found = by_set(downlink)
    result = Judged(kind, processor, n_injected=len(payload.injector.injected))
    dwells = {row["set_id"]: row for row in downlink.records["DWELL"]}
    n_missing = downlink.gaps.n_missing
    for set_id, reference in clean.items():
        dwell = dwells.get(set_id)
        if dwell is not None and not dwell["is_done"]:
            result.absent[reason_name(dwell["reason"])] += 1
        elif set_id not in found or dwell is None:
            result.absent["PACKETS_MISSING" if n_missing else "UNACCOUNTED"] += 1
            result.n_wrong += not n_missing
        else:
            outcome = verdict(found[set_id], reference, n_missing > 0)
            result.n_right += outcome == "right"
            result.n_flagged += outcome == "flagged"
            result.n_wrong += outcome == "wrong"
            result.absent["PACKETS_MISSING"] += outcome == "absent"
    result.n_wrong += not payload.ledger.is_exact or bool(payload.ledger.open)
    result.n_corrected, result.n_detected = _corrected(payload), _detected(payload, downlink)
    result.longest_restart_s = max(((b - a) / NS_PER_S for a, b in payload.health.resets_ns), default=0.0)
    return result


def verdict(found: Products, clean: Products, has_gaps: bool) -> str:
    """right, flagged, absent or wrong."""
    if found.content == clean.content:
        return "right"
    if found.row["n_processed"] < clean.row["n_processed"] or found.row["degraded"]:
        return "flagged"
    if has_gaps and not found.content - clean.content:
        return "absent"  # some of it, and the gap report says so
    late_s = [abs(row["t_mid_tai_ns"] - clean.frames[k]["t_mid_tai_ns"]) / NS_PER_S
              for k, row in found.frames.items() if k in clean.frames]  # fmt: skip
    sigma = max(found.row["sigma_time_s"], 0.0)
    if late_s and 0.0 < max(late_s) <= CLOCK_SIGMAS * sigma:
        return "flagged"
    return "wrong"


def _corrected(payload: Payload) -> int:
    arena, processor = payload.arena, payload.image_processor
    words = arena.n_corrected if arena else 0
    return words + processor.prepared.n_remade + payload.tables.n_reloaded + processor.n_retried


def _detected(payload: Payload, downlink: Downlink) -> int:
    """Events of the board, rejected frames and refused commands."""
    counts = payload.health.counts
    board = sum(counts[name] for name in BOARD_EVENTS)
    frames = sum(reason_name(row["reason"]) in FRAME_EVENTS for row in downlink.records["EVENT"])
    packets = downlink.gaps.n_missing + downlink.gaps.n_duplicates
    return board + frames + payload.commands.n_rejected + packets


def table(rows: list[Judged]) -> str:
    """The campaign as text."""
    head = "| fault | processor | injected | corrected | detected | right | flagged | absent, by reason | wrong |"
    lines = [head, "|---|---|---|---|---|---|---|---|---|"]
    for row in rows:
        absent = ", ".join(f"{n} {reason}" for reason, n in sorted(row.absent.items()) if n) or "-"
        lines.append(
            f"| {row.kind} | {row.processor} | {row.n_injected} | {row.n_corrected} | {row.n_detected} | {row.n_right} |"
            f" {row.n_flagged} | {absent} | {row.n_wrong} |"
        )
    restart = max((row.longest_restart_s for row in rows), default=0.0)
    total, wrong = sum(row.n_injected for row in rows), sum(row.n_wrong for row in rows)
    return "\n".join([*lines, "", f"{total} injected, {wrong} wrong; longest restart {restart:.1f} s"])
