"""A payload at work: dwells and their ledger, commands, overload, resets, and the same bits as on the ground."""

import json
import tracemalloc
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from astropy.io import fits
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware_sim import topology
from firmware_sim.arena import FrameArena
from firmware_sim.campaign import MARKING, campaign
from firmware_sim.cli import main
from firmware_sim.operations import FAULTS, Operations
from firmware_sim.processor_profile import load_profile
from firmware_sim.scenario import load, with_faults
from firmware_sim.topology import Payload
from sensorproc.downlink.dictionary import REASONS, Severity
from sensorproc.errors import InputError, UsageError
from sensorproc.ground import board
from sensorproc.ground.reader import read
from sensorproc.onboard.products import SensorFacts
from sensorproc.onboard.state import PayloadState
from sensorproc.recording import open_recording
from sensorproc.recording.entry import make_frame
from sensorproc.timescales import NS_PER_S
from tests.flight.conftest import MINI

HALF_HOUR = {"duration_s": 1800.0, "core": "reuse"}


@pytest.fixture(scope="module")
def recording(mini):
    return open_recording(mini / "recording")


def flown(recording, operations, slow=1.0, seed=1, processor="host", **over) -> Payload:
    """A finished flight of the small payload on a processor, made ``slow`` times slower."""
    scenario = load(MINI)
    profile = load_profile(processor)
    profile = replace(profile, ops_per_core_s=profile.ops_per_core_s / slow)
    chosen = replace(scenario.board, **over)
    given = load(MINI, over={"operations": operations}).operations
    payload = topology.build(recording, scenario.payload, chosen, profile, seed, MARKING, given)
    payload.fly()
    return payload


def told(payload):
    downlink = read(b"".join(payload.stream))
    assert downlink.gaps.is_exact
    return downlink


def account(payload) -> Counter[tuple[str, str]]:
    """Dwells by outcome and reason as the ground has them; every one is told exactly once."""
    rows = board.dwells(told(payload))
    assert payload.ledger.is_exact
    assert not payload.ledger.open
    assert [row["set_id"] for row in rows] == list(range(payload.ledger.n_planned))
    return Counter((row["outcome"], row["reason"]) for row in rows)


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


def test_a_processor_four_times_too_slow_sheds_work_and_says_so(recording):
    nominal = flown(recording, HALF_HOUR)
    work_s = nominal.processor.busy_ns / NS_PER_S / nominal.ledger.n_planned / nominal.processor.profile.cores
    payload = flown(recording, HALF_HOUR, slow=4.0 * 32.0 / work_s)
    rows = account(payload)
    n = sum(rows.values())
    assert rows["done", ""] > 0.2 * n
    assert rows["missed", "OVERLOAD"] + rows["done", ""] == n
    assert payload.image_processor.n_waiting == 0
    assert max(sample["memory_bytes"] for sample in payload.health.samples) <= payload.memory.budget_bytes
    done = [row for row in board.dwells(told(payload)) if row["outcome"] == "done"]
    assert sum(row["degraded"] > 0 for row in done) >= len(done) - 2
    flagged = {row["set_id"]: row["degraded"] for row in told(payload).records["SET"]}
    assert all(flagged[row["set_id"]] == row["degraded"] for row in done)
    assert payload.health.counts["DEGRADED"] >= 3


def test_a_payload_that_is_in_time_again_searches_as_configured(recording):
    payload = flown(recording, HALF_HOUR | {"faults": [{"kind": "hang", "at_s": [100.0], "size": 2.0}]}, slow=5.0)
    rows = account(payload)
    assert rows["missed", "STAGE_HANG"] == 1
    assert board.dwells(told(payload))[-1]["degraded"] == 0


def test_a_set_that_was_searched_twice_does_not_coarsen_those_after_it_for_good(recording):
    nominal = flown(recording, HALF_HOUR)
    slow = 0.7 * 32.0 * NS_PER_S / nominal.image_processor.policy.work_ns[0]
    tables = {
        "kind": "table",
        "at_s": [75.0 + 0.5 * k for k in range(12)],
        "size": 4.0,
    }  # while the first set is searched, or later
    payload = flown(recording, HALF_HOUR | {"faults": [tables]}, slow=slow)
    rows = board.dwells(told(payload))
    assert payload.health.counts["SEARCHED_AGAIN"] >= 1
    assert payload.health.n_slips >= 1
    assert [row["degraded"] for row in rows[-20:]] == [0] * 20


def test_a_hung_search_is_ended_by_the_watchdog_and_loses_nothing(recording):
    payload = flown(recording, HALF_HOUR | {"faults": [{"kind": "hang", "at_s": [70.0]}]})
    assert account(payload) == {("done", ""): payload.ledger.n_planned}
    ((begun, running),) = payload.health.resets_ns
    assert (running - begun) / NS_PER_S <= 10.0
    events = told(payload).records["EVENT"]
    lost = [e for e in events if REASONS[e["reason"]] == "WATCHDOG_RESET" and e["severity"] == Severity.WARNING_LO]
    assert len({row["frame"] // 8 for row in lost}) <= 1  # frames of the open set, while the processor boots
    assert payload.health.counts["PING_LATE"] == 1


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
    scenario = load(MINI, over={"operations": operations})
    payload = topology.build(
        recording,
        scenario.payload,
        scenario.board,
        load_profile("host"),
        1,
        MARKING,
        scenario.operations,
        send=lambda packet: None,
    )
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


def test_the_flight_gives_what_the_ground_gives_from_the_same_frames(recording):
    """Really processed, twice round the ring: the state goes on from set to set as it does on the ground."""
    from sensorproc.onboard.pipeline import process_set
    from sensorproc.onboard.report import input_digest

    payload = flown(recording, {"duration_s": 130.0})
    flight = [row for row in told(payload).records["SET"] if row["phase"] == 1 and not row["is_last"]]
    assert len(flight) == 4
    state, digests = PayloadState(recording.dark_e_s, recording.bad), []
    for _ in range(2):
        for k in range(2):
            frames = [entry.read() for entry in recording.entries[8 * k : 8 * k + 8]]
            frames = [replace(frame, index=i) for i, frame in enumerate(frames)]
            digests.append((int.from_bytes(state.digest(), "big"), int.from_bytes(input_digest(frames)[:8], "big")))
            _, state = process_set(frames, state, None, load(MINI).payload)
    assert [row["input_digest"] for row in flight] == [digest for _, digest in digests]
    assert flight[0]["state_digest"] == digests[0][0]


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


def test_a_reset_while_no_frame_comes_loses_none(recording):
    operations = {"duration_s": 400.0, "core": "reuse", "scan": [{"n_frames": 4, "settle_s": 60.0}]}
    payload = flown(recording, operations | {"faults": [{"kind": "hang", "at_s": [70.0]}]})
    assert set(account(payload)) == {("done", "")}


def test_a_flight_that_ends_in_an_outage_still_closes_its_account(recording):
    outage = {"kind": "outage", "at_s": [300.0], "size": 4000.0}
    payload = flown(recording, HALF_HOUR | {"faults": [outage]}, queue_bytes=20_000)
    account(payload)
    assert not payload.health._ends
    assert not payload.output.frames_of
    late = flown(recording, {"duration_s": 0.0, "faults": [{"kind": "outage", "at_s": [50.0], "size": 3000.0}]}, slow=40_000.0)
    assert account(late) == {("done", ""): 2}  # a day late, but what is at work is waited for


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


def test_damaged_pixels_are_not_sent(recording):
    chip = {"frame": 1, "detector": 0, "x_px": 0, "y_px": 0, "nx": 200, "ny": 200}
    operations = {
        "duration_s": 33.0, "core": "remember", "commands": [{"t_s": 14.0, "do": "REQUEST_CHIP", "arguments": chip}],
        "faults": [{"kind": "seu", "at_s": [9.0 + 0.1 * k for k in range(20)], "size": 400.0}],
    }  # fmt: skip
    payload = flown(recording, operations, processor="jetson_orin")
    assert [row["code"] for row in board.acks(told(payload)) if row["stage"] == "FAILED"] == ["NOT_AVAILABLE"]


def test_raw_pixels_are_sent_when_asked_for(recording, tmp_path):
    chip = {"frame": 1, "detector": 0, "x_px": 30, "y_px": 40, "nx": 24, "ny": 16}
    commands = [
        {"t_s": 12.0, "do": "REQUEST_CHIP", "arguments": chip},
        {"t_s": 13.0, "do": "REQUEST_CHIP", "arguments": chip | {"nx": 900}},
        {"t_s": 14.0, "do": "REQUEST_FRAME", "arguments": {"frame": 77, "detector": 0}},
    ]
    payload = flown(recording, {"duration_s": 33.0, "core": "reuse", "commands": commands})
    downlink = told(payload)
    codes = [row["code"] for row in board.acks(downlink) if row["stage"] in ("FAILED", "REJECTED")]
    assert codes == ["OUT_OF_RANGE", "NOT_AVAILABLE"]
    written, notes = board.write_images(tmp_path, downlink)
    assert not notes
    (image,) = [fits.getdata(tmp_path / name.removeprefix("products/")) for name in written]
    np.testing.assert_array_equal(image, recording.entries[1].read().data_dn[40:56, 30:54])


def test_frames_of_a_checkout_dwell_wait_for_the_ground(recording, tmp_path):
    chip = {"frame": 9, "detector": 0, "x_px": 0, "y_px": 0, "nx": 64, "ny": 64}
    commands = [
        {"t_s": 5.0, "do": "START_SCAN"},
        {"t_s": 75.0, "do": "STOP_SCAN"},
        {"t_s": 200.0, "do": "REQUEST_CHIP", "arguments": chip},
        {"t_s": 201.0, "do": "REQUEST_CHIP", "arguments": chip | {"frame": 1}},  # of the dwell before: gone
        {"t_s": 210.0, "do": "SET_MODE", "arguments": {"mode": "IDLE"}},
        {"t_s": 215.0, "do": "REQUEST_CHIP", "arguments": chip},
    ]
    faults = [{"kind": "hang", "at_s": [20.0]}]  # nothing is searched: nothing hangs
    operations = {"duration_s": 230.0, "starts": "CHECKOUT", "commands": commands, "faults": faults}
    payload = flown(recording, operations | {"core": "remember"})
    assert account(payload) == {("missed", "CHECKOUT"): 2, ("missed", "SCAN_STOPPED"): 1}
    assert not [owner for owner in payload.memory.used if owner.startswith("frames")]
    downlink = told(payload)
    assert not downlink.records["DETECTION"]
    codes = [row["code"] for row in board.acks(downlink) if row["stage"] == "FAILED"]
    assert codes == ["NOT_AVAILABLE", "NOT_AVAILABLE"]
    written, _ = board.write_images(tmp_path, downlink)
    (image,) = [fits.getdata(tmp_path / name.removeprefix("products/")) for name in written]
    np.testing.assert_array_equal(image, recording.entries[9].read().data_dn[:64, :64])


def checkout(recording, commands, faults) -> Payload:
    """A payload that takes three dwells of eight frames from 5 s on and searches none, before it flies."""
    commands = [{"t_s": 4.9, "do": "START_SCAN"}, *commands]
    given = {"duration_s": 5.0 + 25 * recording.cadence_s, "starts": "CHECKOUT", "core": "remember", "scan": [{"n_frames": 8}]}
    scenario = load(MINI, over={"operations": given | {"commands": commands, "faults": faults}})
    return topology.build(recording, scenario.payload, scenario.board, load_profile("host"), 1, MARKING, scenario.operations)


def test_a_checkout_dwell_without_frames_does_not_take_the_place_of_one_that_has_them(recording):
    end_s = 5.0 + 8 * recording.cadence_s  # of the first dwell
    chip = {"frame": 3, "detector": 0, "x_px": 0, "y_px": 0, "nx": 8, "ny": 8}
    commands = [{"t_s": end_s + 8 * recording.cadence_s + 2.0, "do": "REQUEST_CHIP", "arguments": chip}]
    faults = [{"kind": "lost", "at_s": [6.0]}, {"kind": "squeeze", "at_s": [end_s - 1.0], "size": 4.0}]
    payload = checkout(recording, commands, faults)
    payload.fly()
    downlink = told(payload)
    events = Counter(REASONS[row["reason"]] for row in downlink.records["EVENT"])
    assert (events["FRAME_LOST"], events["NO_MEMORY"]) == (1, 8)
    stages = [row["stage"] for row in board.acks(downlink) if row["operation"] == "REQUEST_CHIP"]
    assert stages == ["ACCEPTED", "COMPLETED"]


def test_nothing_is_held_after_checkout_even_if_the_last_frame_comes_when_the_mode_has_changed(recording):
    cadence_s, end_s = recording.cadence_s, 5.0 + 8 * recording.cadence_s
    commands = [{"t_s": end_s + 0.3 * cadence_s, "do": "SET_MODE", "arguments": {"mode": "IDLE"}}]
    faults = [{"kind": "late", "at_s": [end_s - 0.5 * cadence_s], "size": cadence_s}]
    payload, held = checkout(recording, commands, faults), {}

    def watch() -> None:
        held[payload.env.now / NS_PER_S] = payload.image_processor.n_held

    payload.fly(watch)
    assert [row["reason"] for row in told(payload).records["EVENT"]].count(REASONS.index("FRAME_LATE")) == 1
    assert {n for t_s, n in held.items() if t_s > end_s + cadence_s} == {0}
    assert not payload.image_processor.store.sets


def test_a_scan_over_one_frame_is_refused_where_it_would_look_stuck(recording):
    one = replace(recording, entries=recording.entries[:1])
    with pytest.raises(InputError, match="stuck camera"):
        flown(one, {"duration_s": 100.0, "core": "remember", "faults": [{"kind": "seu"}]})


def test_the_self_test_finds_damaged_tables_and_mends_them(recording):
    commands = [{"t_s": t, "do": "SELF_TEST"} for t in (10.0, 30.0, 40.0)]
    commands += [{"t_s": 50.0, "do": "SET_MODE", "arguments": {"mode": "SAFE"}}, {"t_s": 60.0, "do": "SELF_TEST"}]
    faults = [{"kind": "table", "at_s": [20.0], "size": 12.0}]
    payload = flown(recording, {"duration_s": 70.0, "starts": "IDLE", "commands": commands, "faults": faults})
    rows = [row for row in board.acks(told(payload)) if row["operation"] == "SELF_TEST" and row["stage"] != "ACCEPTED"]
    assert [(row["stage"], row["value_1"] > 0) for row in rows[:3]] == [("COMPLETED", k == 1) for k in range(3)]
    assert (rows[3]["stage"], rows[3]["code"]) == ("REJECTED", "WRONG_MODE")
    assert payload.tables.n_reloaded == rows[1]["value_1"]


def struck(recording, strike, processor="host") -> tuple[Payload, Payload]:
    """A flight of two sets in the first of whose searches something happens, and one in which nothing does."""
    flights = []
    for happens in (strike, lambda payload: None):
        scenario = load(MINI, over={"operations": {"duration_s": 66.0, "core": "remember", "faults": [{"kind": "seu"}]}})
        profile = replace(load_profile(processor), ops_per_core_s=2e9)  # so slow that a search takes seconds
        board_ = replace(scenario.board, memory_bytes=300_000_000)
        payload = topology.build(recording, scenario.payload, board_, profile, 1, MARKING, scenario.operations)
        is_struck = False

        def watch(payload=payload, happens=happens):
            nonlocal is_struck
            if payload.image_processor.n_at_work and not is_struck:
                is_struck = True
                happens(payload)

        payload.fly(watch)
        flights.append(payload)
    return flights[0], flights[1]


def records(payload) -> dict[str, list[dict[str, object]]]:
    kinds = ("FRAME", "DETECTION", "TRACKLET")
    return {kind: told(payload).records[kind] for kind in kinds}


@pytest.mark.parametrize("what", ["working memory", "star table"])
def test_what_is_damaged_while_it_is_searched_is_searched_again(recording, what):
    def strike(payload):
        if what == "working memory":
            assert payload.image_processor.upset(0) == 0
        else:
            payload.tables.flip("star table", 77_777)

    hit, clean = struck(recording, strike)
    assert records(hit) == records(clean)
    assert hit.image_processor.n_retried == hit.health.counts["SEARCHED_AGAIN"] == 1
    assert hit.processor.busy_ns > clean.processor.busy_ns
    assert hit.tables.n_reloaded == (what == "star table")


def test_a_set_whose_memory_is_damaged_in_every_search_is_given_up(recording):
    def strike(payload):
        def again():
            while not payload.is_finished:
                payload.image_processor.upset(0)
                yield payload.env.timeout(NS_PER_S // 10)

        payload.env.process(again())

    hit, _ = struck(recording, strike)
    assert account(hit) == {("missed", "MEMORY_ERROR"): 2}


def test_without_error_correction_every_set_is_searched_twice(recording):
    _, corrected = struck(recording, lambda payload: None)
    _, bare = struck(recording, lambda payload: None, processor="jetson_orin")
    searches = [sum(s.stage == "boxes" for s in payload.processor.trace) for payload in (corrected, bare)]
    assert searches == [2, 4]


def test_a_frame_that_repeats_one_that_never_came_is_seen(recording):
    faults = [{"kind": "lost", "at_s": [12.0]}, {"kind": "stuck", "at_s": [14.0]}]
    payload = flown(recording, {"duration_s": 66.0, "core": "remember", "faults": faults})
    rejected = [REASONS[row["reason"]] for row in told(payload).records["EVENT"]]
    assert {"FRAME_LOST", "FRAME_STUCK"} <= set(rejected)


def test_a_scan_that_is_started_anew_begins_at_its_first_cell(recording):
    """Stopped and started between two exposures: the dwell at hand ends, and the next one is of the first cell."""
    commands = [{"t_s": 81.0, "do": "STOP_SCAN"}, {"t_s": 81.2, "do": "START_SCAN"}]
    scan = [{"n_frames": 8}] * 4
    payload = flown(recording, {"duration_s": 200.0, "core": "reuse", "scan": scan, "commands": commands})
    assert account(payload)["missed", "SCAN_STOPPED"] == 1
    rows = sorted(board.dwells(told(payload)), key=lambda row: row["set_id"])
    assert [row["cell"] for row in rows] == [0, 1, 2, 0, 1, 2][: len(rows)]


def test_sets_made_with_a_drifting_clock_are_told_apart(recording):
    """What was found under a drifting clock is not given again once the clock is good."""
    drift = {"kind": "clock_drift", "at_s": [1.0], "size": 60.0}
    payload = flown(recording, {"duration_s": 262.0, "core": "remember", "faults": [drift]})
    rows = sorted(told(payload).records["FRAME"], key=lambda row: row["frame"])
    steps = {b["t_mid_tai_ns"] - a["t_mid_tai_ns"] for a, b in zip(rows[16:], rows[17:], strict=False)}
    assert steps == {4 * NS_PER_S}


def test_health_goes_down_while_dwells_follow_one_another_and_none_is_searched(recording):
    commands = [{"t_s": 5.0, "do": "START_SCAN"}]
    payload = flown(recording, {"duration_s": 1800.0, "core": "reuse", "starts": "CHECKOUT", "commands": commands})
    rows = account(payload)
    assert rows["missed", "CHECKOUT"] == sum(rows.values())
    times = sorted(row["t_tai_ns"] for row in told(payload).records["HEALTH"])
    assert max(b - a for a, b in zip(times, times[1:], strict=False)) <= 360 * NS_PER_S
    assert len(times) >= 5


def test_dwells_that_find_no_room_are_told_later_and_once(recording):
    """A queue of few packets and a link that is out: what waits for room is told when there is some, each dwell once."""
    commands = [{"t_s": 5.0, "do": "START_SCAN"}, {"t_s": 1500.0, "do": "STOP_SCAN"}]
    outage = {"kind": "outage", "at_s": [10.0], "size": 1000.0}
    operations = {"duration_s": 1800.0, "core": "reuse", "starts": "CHECKOUT", "commands": commands, "faults": [outage]}
    payload = flown(recording, operations | {"scan": [{"n_frames": 1}]}, queue_bytes=2048)
    assert sum(account(payload).values()) > 300


def test_every_frame_can_be_followed_from_its_exposure_to_its_packets(mini):
    events = json.loads((mini / "timeline.json").read_text())["traceEvents"]
    flows = [[e for e in events if e["ph"] == phase and e["name"] == "frame"] for phase in "stf"]
    assert [len({e["id"] for e in of_phase}) for of_phase in flows] == [16, 16, 16]
    at = [{e["id"]: e["ts"] for e in of_phase} for of_phase in flows]
    assert all(at[0][k] < at[1][k] < at[2][k] for k in at[0])
    assert {e["name"] for e in events if e["ph"] == "C"} == {"memory", "packets"}


BITS = st.lists(st.tuples(st.integers(0, 10**6), st.integers(1, 4)), max_size=12)


@settings(max_examples=60, deadline=None)
@given(BITS, st.booleans())
def test_memory_is_mended_or_known_to_be_wrong(flips, has_edac):
    """Whatever bits flip in a frame's memory: it is read as it was written, or it is refused."""
    data = np.arange(96, dtype=np.uint16).reshape(8, 12)
    frame = make_frame(data, "a", 10**18, 1.0, SensorFacts())
    arena = FrameArena(2, data.size, has_edac)
    held, number = arena.write(frame, 7)
    assert arena.write(frame, 8) is not None
    assert arena.write(frame, 9) is None
    for bit, n in flips:
        arena.flip(bit, n)
    if arena.read(number):
        np.testing.assert_array_equal(held.data_dn, data)
    arena.release(7)
    again, _ = arena.write(frame, 9)
    np.testing.assert_array_equal(again.data_dn, data)


def test_faults_of_every_kind_leave_no_product_silently_wrong(recording):
    """Each kind a few times: what it broke is right again, flagged, or absent and accounted for."""
    rows = campaign(recording, load(MINI), 3, 5)
    assert {row.kind for row in rows} == set(FAULTS)
    assert sum(row.n_injected for row in rows) == 3 * (len(FAULTS) + 2)
    assert [(row.kind, row.n_wrong) for row in rows if row.n_wrong] == []
    by_kind = {row.kind: row for row in rows if row.processor == "host"}
    assert by_kind["seu"].n_corrected == 3
    assert all(by_kind[kind].n_flagged == 3 for kind in ("stuck", "torn", "lost"))
    assert sum(by_kind["squeeze"].absent.values()) > 0
    assert by_kind["hang"].longest_restart_s <= 10.0


@pytest.mark.parametrize(("text", "kinds"), [("seu=6,hang@120", ["seu", "hang"]), ("outage@3e2", ["outage"]), (None, [])])
def test_faults_can_be_given_on_the_command_line(text, kinds):
    assert [fault.kind for fault in with_faults(load(MINI), text).operations.faults] == kinds


@pytest.mark.parametrize("text", ["gremlin=1", "seu", "seu=x", "hang@-5", "seu=1,,"])
def test_faults_that_do_not_exist_are_told(text):
    with pytest.raises(UsageError, match="--inject"):
        with_faults(load(MINI), text)


@pytest.mark.parametrize(
    ("operations", "told_"),
    [
        ("faults = [{ kind = 'gremlin' }]", "$.operations.faults.0.kind = 'gremlin'"),
        ("duration_s = 1e300", "$.operations.duration_s = 1e+300"),
        ("faults = [{ kind = 'seu', per_hour = 1e300 }]", "per_hour = 1e+300"),
        ("commands = [{ t_s = 1, do = 'SET_MODE', arguments = { mode = 'FLY' } }]", "want a number, or for mode one of SAFE"),
        ("commands = [{ t_s = 1, do = 'SET_MODE', arguments = { mode = 1.5 } }]", "a whole number from 0 to 255"),
        ("commands = [{ t_s = 1, do = 'PING', arguments = { x = 1 } }]", "PING wants arguments none; given: x"),
        ("scan = [{ ra_deg = 3.0 }]", "give both, or neither"),
        ("core = 'reuse'\nfaults = [{ kind = 'torn' }]", "core 'reuse' keeps no pixels that torn could damage"),
    ],
)
def test_operations_that_cannot_be_flown_are_told(tmp_path, capsys, operations, told_):
    (tmp_path / "s.toml").write_text(f"{MINI.read_text()}\n[operations]\n{operations}\n")
    assert main(["run", str(tmp_path / "s.toml"), "-o", str(tmp_path / "o")]) == 3
    assert told_ in capsys.readouterr().err


def test_a_flight_in_which_nothing_is_searched_still_reports(tmp_path, mini, capsys):
    (tmp_path / "s.toml").write_text(f"{MINI.read_text()}\n[operations]\nduration_s = 40.0\nstarts = 'IDLE'\n")
    given = ["--recording", str(mini / "recording")]
    assert main(["run", str(tmp_path / "s.toml"), "-o", str(tmp_path / "o"), *given]) == 0
    assert "targets" not in capsys.readouterr().out  # a recording's truth is not a scan's
    assert main(["campaign", "-o", str(tmp_path / "c"), "--n-each", "0"]) == 2
    assert Operations().duration_s == 0
