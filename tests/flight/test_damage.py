"""Damage: of memory, tables, frames and the clock; what it touched is mended, searched again, or told."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware_sim.board.arena import FrameArena
from firmware_sim.board.processor_profile import load_profile
from firmware_sim.flight import topology
from firmware_sim.flight.parts import Order
from firmware_sim.flight.payload import Payload
from firmware_sim.scenarios.campaign import MARKING
from firmware_sim.scenarios.scenario import load
from sensorproc.downlink.dictionary import REASONS
from sensorproc.errors import InputError
from sensorproc.frames import SensorFacts
from sensorproc.ground import board
from sensorproc.recording.pixels import make_frame
from sensorproc.timescales import NS_PER_S
from tests.flight.conftest import MINI
from tests.flight.flying import account, flown, told

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


def test_damaged_pixels_are_not_sent(recording):
    chip = {"frame": 1, "detector": 0, "x_px": 0, "y_px": 0, "nx": 200, "ny": 200}
    operations = {
        "duration_s": 33.0, "core": "remember", "commands": [{"t_s": 14.0, "do": "REQUEST_CHIP", "arguments": chip}],
        "faults": [{"kind": "seu", "at_s": [9.0 + 0.1 * k for k in range(20)], "size": 400.0}],
    }  # fmt: skip
    payload = flown(recording, operations, processor="jetson_orin")
    assert [row["code"] for row in board.acks(told(payload)) if row["stage"] == "FAILED"] == ["NOT_AVAILABLE"]


def struck(recording, strike, processor="host") -> tuple[Payload, Payload]:
    """A flight of two sets in the first of whose searches something happens, and one in which nothing does."""
    flights = []
    for happens in (strike, lambda payload: None):
        scenario = load(MINI, over={"operations": {"duration_s": 66.0, "core": "remember", "faults": [{"kind": "seu"}]}})
        profile = replace(load_profile(processor), ops_per_core_s=2e9)  # so slow that a search takes seconds
        board_ = replace(scenario.board, memory_bytes=300_000_000)
        payload = topology.build(Order(recording, scenario.payload, board_, profile, 1, MARKING, scenario.operations))
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
            assert payload.image_processor.flip_bit(0) == 0
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
                payload.image_processor.flip_bit(0)
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


def test_a_scan_over_one_frame_is_refused_where_it_would_look_stuck(recording):
    one = replace(recording, entries=recording.entries[:1])
    with pytest.raises(InputError, match="stuck camera"):
        flown(one, {"duration_s": 100.0, "core": "remember", "faults": [{"kind": "seu"}]})


def test_sets_made_with_a_drifting_clock_are_told_apart(recording):
    """What was found under a drifting clock is not given again once the clock is good."""
    drift = {"kind": "clock_drift", "at_s": [1.0], "size": 60.0}
    payload = flown(recording, {"duration_s": 262.0, "core": "remember", "faults": [drift]})
    rows = sorted(told(payload).records["FRAME"], key=lambda row: row["frame"])
    steps = {b["t_mid_tai_ns"] - a["t_mid_tai_ns"] for a, b in zip(rows[16:], rows[17:], strict=False)}
    assert steps == {4 * NS_PER_S}
