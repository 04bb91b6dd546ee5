"""The scan: every dwell is accounted for once, whatever the ground commands and the link does, and nothing grows."""

import tracemalloc
from collections import Counter

from firmware_sim.flight.payload import Payload
from sensorproc.ground import board
from sensorproc.timescales import NS_PER_S
from tests.flight.flying import HALF_HOUR, account, built, flown, told


def test_every_dwell_is_accounted_for_and_the_same_seed_gives_the_same_bytes(recording):
    faults = [{"kind": kind, "per_hour": rate} for kind, rate in (("hang", 10.0), ("lost", 60.0), ("camera_reset", 10.0))]
    operations = HALF_HOUR | {"scan": [{"n_frames": 8, "settle_s": 4.0}, {"n_frames": 4}], "faults": faults}
    first, again = flown(recording, operations), flown(recording, operations)
    rows = account(first)
    assert sum(rows.values()) == 2 * int(1800 // (36 + 16)) + (1800 % 52 >= 36)
    assert rows["done", ""] > 0.9 * sum(rows.values())
    assert len(first.health.resets_ns) == first.health.counts["WATCHDOG_RESET"] > 0
    assert b"".join(first.stream) == b"".join(again.stream)
    other = flown(recording, operations, seed=2)
    assert b"".join(first.stream) != b"".join(other.stream)


def test_commands_start_and_stop_the_scan(recording):
    commands = [
        {"t_s": 10.0, "do": "START_SCAN"},  # not in this mode
        {"t_s": 20.0, "do": "SET_MODE", "arguments": {"mode": "OBSERVE"}},
        {"t_s": 21.0, "do": "START_SCAN"},
        {"t_s": 30.0, "do": "STOP_SCAN", "at_s": 400.0},
        {"t_s": 500.0, "do": "SET_PARAMETER", "arguments": {"parameter": 1, "value": 0.05}},
        {"t_s": 501.0, "do": "LOAD_SCAN", "scan": [{"n_frames": 2, "settle_s": 8.0}]},
        {"t_s": 510.0, "do": "START_SCAN"},
        {"t_s": 1300.0, "do": "SET_MODE", "arguments": {"mode": "SAFE"}},
        {"t_s": 1305.0, "do": "START_SCAN"},
    ]
    payload = flown(recording, HALF_HOUR | {"starts": "IDLE", "commands": commands})
    rows = account(payload)
    assert rows["missed", "SCAN_STOPPED"] == 2
    assert rows["done", ""] == (400 - 21) // 32 + (1300 - 510) // 16 - (rows["missed", "SCAN_STOPPED"] > 2)
    answers = Counter((row["operation"], row["code"]) for row in board.acks(told(payload)) if row["stage"] == "REJECTED")
    assert answers == {("START_SCAN", "WRONG_MODE"): 2}
    digests = {row["config_digest"] for row in told(payload).records["SET"]}
    assert len(digests) == 2


def test_a_scan_that_is_stopped_again_and_again_holds_nothing(recording):
    stops = [{"t_s": 100.0 * k + 10.0, "do": "STOP_SCAN"} for k in range(15)]
    starts = [{"t_s": 100.0 * k + 20.0, "do": "START_SCAN"} for k in range(15)]
    payload = flown(recording, {"duration_s": 1600.0, "core": "reuse", "commands": stops + starts})
    rows = account(payload)
    assert rows["missed", "SCAN_STOPPED"] == 15
    assert set(rows) == {("done", ""), ("missed", "SCAN_STOPPED")}
    assert not [owner for owner in payload.memory.used if owner.startswith("frames")]
    assert not payload.image_processor.prepared._items
    assert not payload.image_processor._configs


def test_a_scan_that_is_started_anew_begins_at_its_first_cell(recording):
    """Stopped and started between two exposures: the dwell at hand ends, and the next one is of the first cell."""
    commands = [{"t_s": 81.0, "do": "STOP_SCAN"}, {"t_s": 81.2, "do": "START_SCAN"}]
    scan = [{"n_frames": 8}] * 4
    payload = flown(recording, {"duration_s": 200.0, "core": "reuse", "scan": scan, "commands": commands})
    assert account(payload)["missed", "SCAN_STOPPED"] == 1
    rows = sorted(board.dwells(told(payload)), key=lambda row: row["set_id"])
    assert [row["cell"] for row in rows] == [0, 1, 2, 0, 1, 2][: len(rows)]


def test_dwells_of_another_length_have_their_own_products(recording):
    scan = [{"n_frames": 8}, {"n_frames": 8}, {"n_frames": 2}, {"n_frames": 2}]
    payload = flown(recording, {"duration_s": 150.0, "core": "reuse", "scan": scan})
    frames = [row["frame"] for row in told(payload).records["FRAME"]]
    assert len(frames) == len(set(frames))


def test_a_table_that_memory_was_not_laid_out_for_is_rejected(recording):
    commands = [{"t_s": 5.0, "do": "LOAD_SCAN", "scan": [{"n_frames": 64}]}]
    payload = flown(recording, {"duration_s": 70.0, "core": "reuse", "commands": commands})
    rejected = [row["code"] for row in board.acks(told(payload)) if row["stage"] == "REJECTED"]
    assert rejected == ["OUT_OF_RANGE"]


def test_dwells_that_find_no_room_are_told_later_and_once(recording):
    """A queue of few packets and a link that is out: what waits for room is told when there is some, each dwell once."""
    commands = [{"t_s": 5.0, "do": "START_SCAN"}, {"t_s": 1500.0, "do": "STOP_SCAN"}]
    outage = {"kind": "outage", "at_s": [10.0], "size": 1000.0}
    operations = {"duration_s": 1800.0, "core": "reuse", "starts": "CHECKOUT", "commands": commands, "faults": [outage]}
    payload = flown(recording, operations | {"scan": [{"n_frames": 1}]}, queue_bytes=2048)
    assert sum(account(payload).values()) > 300


def test_health_goes_down_while_dwells_follow_one_another_and_none_is_searched(recording):
    commands = [{"t_s": 5.0, "do": "START_SCAN"}]
    payload = flown(recording, {"duration_s": 1800.0, "core": "reuse", "starts": "CHECKOUT", "commands": commands})
    rows = account(payload)
    assert rows["missed", "CHECKOUT"] == sum(rows.values())
    times = sorted(row["t_tai_ns"] for row in told(payload).records["HEALTH"])
    assert max(b - a for a, b in zip(times, times[1:], strict=False)) <= 360 * NS_PER_S
    assert len(times) >= 5


def test_a_flight_that_ends_in_an_outage_still_closes_its_account(recording):
    outage = {"kind": "outage", "at_s": [300.0], "size": 4000.0}
    payload = flown(recording, HALF_HOUR | {"faults": [outage]}, queue_bytes=20_000)
    account(payload)
    assert not payload.health._ends
    assert not payload.output.frames_of
    late = flown(recording, {"duration_s": 0.0, "faults": [{"kind": "outage", "at_s": [50.0], "size": 3000.0}]}, slow=40_000.0)
    assert account(late) == {("done", ""): 2}  # a day late, but what is at work is waited for


def test_nothing_grows_over_a_thousand_sets(recording):
    """What the payload holds after 1000 sets is what it held after 100; the simulator's own records of each set are small."""
    held, traced = [], []

    def watch(payload: Payload) -> None:
        images = payload.image_processor
        parts = (payload.memory.used, images.prepared._items, images._configs, images._arrivals[0].items, images.store.sets,
                 payload.ledger.open, payload.ledger.unsent, payload.executor.stored, payload.commands.waiting,
                 payload.health._events, payload.processor._tasks)  # fmt: skip
        traced.append(tracemalloc.get_traced_memory()[0])
        held.append((payload.ledger.n_planned, [len(part) for part in parts], payload.memory.used_bytes))

    operations = {"duration_s": 16_100.0, "core": "reuse", "scan": [{"n_frames": 4}]}
    payload = built(recording, operations, send=lambda packet: None)
    last = 0
    tracemalloc.start()
    while not payload.is_finished:
        payload.env.step()
        if payload.ledger.n_planned >= last + 100:
            last = payload.ledger.n_planned
            watch(payload)
    tracemalloc.stop()
    assert payload.ledger.n_planned >= 1000
    assert (traced[-1] - traced[1]) / (held[-1][0] - held[1][0]) < 10_000  # bytes a set: radio ledger, samples, latencies, trace
    sizes = {tuple(parts) for _, parts, _ in held}
    assert len({used for _, _, used in held}) == 1
    assert len(sizes) == 1
