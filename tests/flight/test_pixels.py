"""Raw pixels for the ground, CHECKOUT that holds them, and the self test."""

from collections import Counter
from dataclasses import fields, replace

import numpy as np
from astropy.io import fits

from firmware_sim.flight.payload import Payload
from firmware_sim.scenarios.scenario import load
from sensorproc.downlink.dictionary import REASONS
from sensorproc.frames import SensorFacts
from sensorproc.ground import board
from sensorproc.onboard.frame.binning import binned
from sensorproc.timescales import NS_PER_S
from tests.flight.conftest import MINI
from tests.flight.flying import account, built, flown, told

FACTS = SensorFacts(**{fact.name: getattr(load(MINI).payload.sensor, fact.name) for fact in fields(SensorFacts)})


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
    written, notes = board.write_images(tmp_path, downlink, {"MARKING": "U", "DATAMODE": "SIMULATED"})
    assert not notes
    (image,) = [fits.getdata(tmp_path / name.removeprefix("products/")) for name in written]
    np.testing.assert_array_equal(image, recording.entries[1].read().data_dn[40:56, 30:54])


def test_a_chip_of_the_detector_is_sent_as_the_pixels_that_hold_it(recording, tmp_path):
    chip = {"frame": 1, "detector": 0, "x_px": 31, "y_px": 40, "nx": 24, "ny": 16}
    commands = [{"t_s": 12.0, "do": "REQUEST_CHIP", "arguments": chip}]
    operations = {"duration_s": 33.0, "core": "reuse", "commands": commands}
    downlink = told(flown(recording, operations, quality="survival"))
    written, _ = board.write_images(tmp_path, downlink, {"MARKING": "U", "DATAMODE": "SIMULATED"})
    (image,) = [fits.getdata(tmp_path / name.removeprefix("products/")) for name in written]
    whole = binned(replace(recording.entries[1].read(), facts=FACTS), 2, 0.95).data_dn
    np.testing.assert_array_equal(image, whole[20:28, 15:28])


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
    written, _ = board.write_images(tmp_path, downlink, {"MARKING": "U", "DATAMODE": "SIMULATED"})
    (image,) = [fits.getdata(tmp_path / name.removeprefix("products/")) for name in written]
    np.testing.assert_array_equal(image, recording.entries[9].read().data_dn[:64, :64])


def checkout(recording, commands, faults) -> Payload:
    """A payload that takes three dwells of eight frames from 5 s on and searches none, before it flies."""
    commands = [{"t_s": 4.9, "do": "START_SCAN"}, *commands]
    given = {"duration_s": 5.0 + 25 * recording.cadence_s, "starts": "CHECKOUT", "core": "remember", "scan": [{"n_frames": 8}]}
    return built(recording, given | {"commands": commands, "faults": faults})


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


def test_the_self_test_finds_damaged_tables_and_mends_them(recording):
    commands = [{"t_s": t, "do": "SELF_TEST"} for t in (10.0, 30.0, 40.0)]
    commands += [{"t_s": 50.0, "do": "SET_MODE", "arguments": {"mode": "SAFE"}}, {"t_s": 60.0, "do": "SELF_TEST"}]
    faults = [{"kind": "table", "at_s": [20.0], "size": 12.0}]
    payload = flown(recording, {"duration_s": 70.0, "starts": "IDLE", "commands": commands, "faults": faults})
    rows = [row for row in board.acks(told(payload)) if row["operation"] == "SELF_TEST" and row["stage"] != "ACCEPTED"]
    assert [(row["stage"], row["value_1"] > 0) for row in rows[:3]] == [("COMPLETED", k == 1) for k in range(3)]
    assert (rows[3]["stage"], rows[3]["code"]) == ("REJECTED", "WRONG_MODE")
    assert payload.tables.n_reloaded == rows[1]["value_1"]
