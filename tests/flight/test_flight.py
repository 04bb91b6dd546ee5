"""A whole flight: the same bits as on the ground, and what happens when memory, time or the link run short."""

import json
import shutil
from dataclasses import fields, replace
from functools import partial
from importlib import resources
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware_sim.board.memory import BudgetError, BufferManager
from firmware_sim.board.processor_profile import PROFILES, load_profile
from firmware_sim.cli import main
from firmware_sim.flight import topology
from firmware_sim.flight.parts import Order
from firmware_sim.flight.radio_ledger import RadioLedger
from firmware_sim.scenarios.scenario import load
from sensorproc.cli import main as sensorproc
from sensorproc.config import load as load_config
from sensorproc.errors import ConfigError, InputError
from sensorproc.ground.reader import read
from sensorproc.ground.table_reader import read_table
from sensorproc.recording import open_recording

MINI = Path(__file__).parent / "mini.toml"


def fly(tmp_path, mini, *options):
    assert main(["run", str(MINI), "-o", str(tmp_path), "--recording", str(mini / "recording"), "--accept-losses", *options]) == 0
    return json.loads((tmp_path / "summary.json").read_text())


def test_what_is_there_is_found(mini_summary):
    assert mini_summary["n_found"] == mini_summary["n_demanded"] == 4
    assert mini_summary["n_missing_packets"] == mini_summary["n_dropped_packets"] == mini_summary["n_slips"] == 0


def test_the_same_seed_gives_the_same_bytes(mini, tmp_path):
    assert main(["run", str(MINI), "-o", str(tmp_path / "a")]) == 0
    assert (tmp_path / "a" / "downlink.bin").read_bytes() == (mini / "downlink.bin").read_bytes()
    for path in sorted({*(mini / "recording").rglob("*.*")} - {mini / "recording" / "run.json"}):
        assert (tmp_path / "a" / "recording" / path.relative_to(mini / "recording")).read_bytes() == path.read_bytes(), path.name
    assert main(["run", str(MINI), "-o", str(tmp_path / "b"), "--seed", "6"]) == 0
    assert (tmp_path / "b" / "downlink.bin").read_bytes() != (mini / "downlink.bin").read_bytes()


def test_the_ground_gets_the_same_from_the_recording(mini, tmp_path):
    """One core, two places: process on the recorded frames gives the detections that were downlinked."""
    recording = mini / "recording"
    arguments = ["--payload", str(recording / "payload.toml"), "--marking", "U", "--data-mode", "SIMULATED"]
    assert sensorproc(["process", str(recording), "-o", str(tmp_path), *arguments]) == 0
    for name in ("detections", "tracklets", "frames"):
        assert (tmp_path / f"{name}.ecsv").read_text() == (mini / f"{name}.ecsv").read_text()
    flown, replayed = (read_table(folder / "housekeeping.ecsv") for folder in (mini, tmp_path))
    for key in ("state_digest", "config_digest", "input_digest", "threshold_snr"):
        assert [row[key] for row in flown] == [row[key] for row in replayed]


def test_the_payload_file_beside_the_frames_is_the_flown_one(mini):
    assert load_config(mini / "recording" / "payload.toml") == load(MINI).payload


def test_the_ledger_holds_every_byte_and_never_more_than_the_link(mini):
    rows = read_table(mini / "radio.ecsv")
    assert sum(row["n_bytes"] for row in rows) == len((mini / "downlink.bin").read_bytes())
    for before, after in zip(rows, rows[1:], strict=False):
        assert after["start_s"] >= before["end_s"] - 1e-6
    assert all(row["n_bytes"] * 8 / (row["end_s"] - row["start_s"]) <= 64_000 * 1.001 for row in rows)


def test_a_thin_link_leaves_out_the_least_urgent_and_says_so(mini, tmp_path):
    summary = fly(tmp_path, mini, "--link-bit-s", "400")
    assert summary["energy_j"] > 400  # the board's own figure, whatever arrived
    assert summary["n_bare"] >= 1
    assert summary["busiest_60_s_bit_s"] <= 400
    assert summary["n_dropped_packets"] > 0
    assert summary["n_missing_packets"] == 0  # left out before they were counted: no gap
    assert len(read_table(tmp_path / "tracklets.ecsv")) == len(read_table(mini / "tracklets.ecsv"))
    assert len(read_table(tmp_path / "frames.ecsv")) < 16


def test_a_slow_processor_misses_deadlines_and_says_so(mini, tmp_path):
    slow = tmp_path / "slow.toml"
    gr740 = resources.files("firmware_sim").joinpath("processors", "gr740.toml").read_text("utf-8")
    slow.write_text(gr740.replace("ops_per_core_s = 4.3e8", "ops_per_core_s = 2e8"))
    summary = fly(tmp_path, mini, "--processor", str(slow))
    assert summary["n_slips"] == 2
    slips = [row for row in read_table(tmp_path / "events.ecsv") if row["event"] == "DEADLINE_MISSED"]
    assert [row["frame"] for row in slips] == [0, 8]  # the first frames of their sets
    assert {row["status"] for row in read_table(tmp_path / "frames.ecsv")} == {"processed"}
    assert all(row["severity"] == "WARNING_HI" and row["value_1"] > row["value_2"] for row in slips)
    assert (tmp_path / "detections.ecsv").read_text() == (mini / "detections.ecsv").read_text()  # late, not lost
    health = read_table(tmp_path / "health.ecsv")
    assert [row["n_slips"] for row in health] == [1, 2]
    assert health[1]["latency_s"] > health[0]["latency_s"]  # the second waited for the first


def test_what_does_not_fit_is_refused_before_start(mini, tmp_path, capsys):
    arguments = ["run", str(MINI), "-o", str(tmp_path), "--recording", str(mini / "recording"), "--memory-bytes", "20000000"]
    assert main(arguments) == 6
    printed = capsys.readouterr().err
    assert "frames of all sets at hand" in printed
    assert "20.0 MB" in printed
    assert not list(tmp_path.iterdir())


def board_with(recording, **changes):
    """The small flight's payload on a changed board."""
    scenario = load(MINI)
    board = replace(scenario.board, **changes)
    return topology.build(Order(recording, scenario.payload, board, load_profile("host"), 1, {"marking": "U", "data_mode": 3}))


def settled(payload):
    seen = {}
    payload.output.on_set_done = seen.__setitem__
    payload.env.run(until=10**13)
    finished = [processed for _, processed in sorted(seen.items())]
    assert payload.memory.used_bytes == sum(payload.needs.values()) - payload.needs["frames of all sets at hand"]
    return finished, [r for processed in finished for r in processed.rejections]


def test_a_set_without_memory_is_lost_whole_and_by_name(mini):
    """Memory that was promised and is not there: every frame is accounted for, nothing hangs, the rest is as it was."""
    payload = board_with(open_recording(mini / "recording"))
    payload.memory.budget_bytes = payload.memory.used_bytes + 8 * 16 * 256 * 256  # one set's frames, while two overlap
    model = payload.image_processor.core.model
    model.profile = replace(model.profile, ops_per_core_s=1e8)
    finished, lost = settled(payload)
    assert {r.reason for r in lost} == {"NO_MEMORY"}
    assert {r.frame_index for r in lost} == set(range(8, 16))
    assert payload.camera.n_lost == 8
    assert len(finished[0].residuals) == 8


def test_four_detectors_need_four_times_the_memory_and_share_the_link(mini, tmp_path):
    recording = open_recording(mini / "recording")
    entries = tuple(replace(e, detector=d, read=partial(as_detector, e, d)) for e in recording.entries for d in range(4))
    four = replace(recording, entries=entries)
    with pytest.raises(BudgetError, match="frames of all sets at hand"):
        board_with(four, memory_bytes=70_000_000)
    payload, alone = board_with(four, memory_bytes=300_000_000), board_with(recording)
    for what in ("frames of all sets at hand", "working memory of searches"):
        assert payload.needs[what] == 4 * alone.needs[what]
    finished, lost = settled(payload)
    assert len(finished) == 8
    assert not lost
    downlink = read(b"".join(payload.stream))
    assert downlink.gaps.is_exact
    assert downlink.gaps.n_missing == 0
    last = [row["set_id"] for row in downlink.records["SET"] if row["is_last"]]
    assert set(last) == {downlink.records["SET"][-1]["set_id"]}


def as_detector(entry, detector):
    return replace(entry.read(), detector=detector)


def test_a_frame_that_cannot_be_read_in_flight_is_an_event(mini):
    recording = open_recording(mini / "recording")

    def broken():
        raise InputError("the frame is gone")

    entries = tuple(replace(e, read=broken) if k == 5 else e for k, e in enumerate(recording.entries))
    payload = board_with(replace(recording, entries=entries))
    finished, lost = settled(payload)
    assert [(r.frame_index, r.reason) for r in lost] == [(5, "UNREADABLE")]
    assert payload.problems == ["the frame is gone"]
    entries = tuple(replace(e, read=broken) for e in recording.entries)
    finished, lost = settled(board_with(replace(recording, entries=entries)))
    assert len(lost) == 16
    assert [len(p.residuals) for p in finished] == [0, 0]


def test_memory_is_returned_and_its_peak_is_the_promised_one(mini, mini_summary):
    rows = read_table(mini / "health.ecsv")
    assert rows[-1]["memory_peak_bytes"] == mini_summary["memory_peak_bytes"] <= rows[-1]["memory_budget_bytes"]
    manager = BufferManager(100)
    assert manager.get("a", 60)
    assert not manager.get("b", 50)
    manager.release("a", 60)
    with pytest.raises(ValueError, match="holds 0 bytes"):
        manager.release("a", 1)


@pytest.mark.parametrize("bit_s", ["1", "30.5"])
def test_a_link_too_thin_for_anything_sends_what_it_must(mini, tmp_path, bit_s):
    summary = fly(tmp_path, mini, "--link-bit-s", bit_s)
    assert summary["n_missing_packets"] == 0
    assert summary["n_dropped_packets"] > 5
    assert len(read_table(tmp_path / "housekeeping.ecsv")) == 2


def test_a_damaged_recording_gives_the_ground_what_process_gives(mini, tmp_path):
    shutil.copytree(mini / "recording", tmp_path / "rec")
    frames = sorted((tmp_path / "rec" / "frames").iterdir())
    frames[5].write_bytes(frames[5].read_bytes()[:20000])
    assert main(["run", str(MINI), "-o", str(tmp_path / "out"), "--recording", str(tmp_path / "rec")]) == 0
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert summary["n_processed"] == 15
    assert summary["n_found"] == 4
    payload = ["--payload", str(tmp_path / "rec" / "payload.toml"), "--marking", "U", "--data-mode", "SIMULATED"]
    assert sensorproc(["process", str(tmp_path / "rec"), "-o", str(tmp_path / "ground"), *payload]) == 0
    for name in ("detections", "tracklets", "frames", "events"):
        assert (tmp_path / "out" / f"{name}.ecsv").read_text() == (tmp_path / "ground" / f"{name}.ecsv").read_text()


def test_recordings_that_are_not_ours_are_not_deleted(tmp_path, capsys):
    (tmp_path / "frames").mkdir()
    (tmp_path / "frames" / "night.fits").write_bytes(b"precious")
    assert main(["simulate", str(MINI), "-o", str(tmp_path)]) == 2
    assert (tmp_path / "frames" / "night.fits").read_bytes() == b"precious"
    assert "night.fits" in capsys.readouterr().err


def test_a_clean_detector_can_fly(tmp_path):
    text = MINI.read_text().replace("n_frames = 16", "n_frames = 4")
    text = text.replace("[scene.radiation]", "[scene.detector]\nhot_fraction = 0\n[scene.radiation]")
    (tmp_path / "clean.toml").write_text(text)
    assert main(["run", str(tmp_path / "clean.toml"), "-o", str(tmp_path / "out")]) == 0
    assert json.loads((tmp_path / "out" / "summary.json").read_text())["n_processed"] == 4


def test_the_trace_opens_and_covers_every_stage(mini):
    events = json.loads((mini / "timeline.json").read_text())["traceEvents"]
    spans = [e for e in events if e["ph"] == "X"]
    assert {"calibrate", "flatten", "register", "subtract_stars", "search", "accept", "single_streaks"} <= {
        e["name"] for e in spans
    }
    lanes = {e["tid"]: e["args"]["name"] for e in events if e["name"] == "thread_name"}
    assert list(lanes.values()) == ["camera", *(f"core {k}" for k in range(8)), "radio", "faults"]
    assert {lanes[e["tid"]] for e in spans if e["name"] == "calibrate"} <= set(lanes.values()) - {"camera", "radio", "faults"}
    for lane in lanes:
        own = [e for e in spans if e["tid"] == lane]
        assert all(b["ts"] >= a["ts"] + a["dur"] - 0.001 for a, b in zip(own, own[1:], strict=False))


def test_simulated_frames_are_never_real(mini, tmp_path, capsys):
    assert main(["run", str(MINI), "-o", str(tmp_path), "--data-mode", "REAL"]) == 2
    assert "data-mode" in capsys.readouterr().err
    observations = json.loads((mini / "products" / "eoobservations.json").read_text())
    assert {row["dataMode"] for row in observations} == {"SIMULATED"}


SHORT = "[scene]\nseed=1\nstart_utc='2026-01-01T00:00:00'\nn_frames=2\n"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[scene]\nsed = 1\n", "$.scene.sed: unknown key; did you mean 'seed'?"),
        ("[bord]\nx = 1\n", "$.bord: unknown key"),
        ('[scene]\nseed=1\nstart_utc="2026-01-01T00:00:00"\nn_frames=0\n', "$.scene.n_frames = 0"),
        ("[board]\nlink_bit_s = -1\n[scene]\nseed=1\nstart_utc='2026-01-01T00:00:00'\nn_frames=2\n", "$.board.link_bit_s = -1"),
        ("[[scene.neighbours]]\nname='a'\nlongitude_offset_deg=1\narea=2\n", "$.scene.neighbours.0.area: unknown key"),
        ("not toml", "not valid TOML"),
        ("scene = 3", "$.scene = 3: want a table"),
        ("[scene]\nsensor = 3\n", "$.scene.sensor = 3: want a table"),
        ("name = '../x'", "$.name = '../x'"),
        ("[payload.sensor]\nshape_px = [0, 3]\n", "$.payload.sensor.shape_px.0 = 0"),
        (
            "[scene]\nseed=1\nstart_utc='2026-01-01T00:00:00'\nn_frames=2\n[payload.sensor]\nexposure_s=5.0\n",
            "does not fit a cadence",
        ),
        ("[board]\nlink_bit_s = inf\n" + SHORT, "$.board.link_bit_s = inf"),
        ("[scene]\nseed=1\n", "$.scene.start_utc: required"),
        ("[scene.detector]\noverscan_columns=250\n[payload.sensor]\nshape_px=[99,200]\n" + SHORT, "none is left to see light"),
        ("[scene.detector]\nprnu=0.4\n" + SHORT, "$.scene.detector.prnu = 0.4"),
        ("[[scene.formations]]\nname='a'\naround='b'\noffset_km=[1,1,1]\narea_m2=1\n" + SHORT, "no neighbour has this name"),
        ("[scene]\nseed=1\nstart_utc='yesterday'\nn_frames=2\n", "$.scene.start_utc: time 'yesterday'"),
    ],
)
def test_a_wrong_scenario_is_told(tmp_path, text, told, capsys):
    path = tmp_path / "s.toml"
    path.write_text(text)
    assert main(["simulate", str(path), "-o", str(tmp_path / "o")]) == 3
    assert told in capsys.readouterr().err


def test_what_cannot_be_combined_is_told(tmp_path, mini, capsys):
    assert main(["run", str(MINI), "-o", str(tmp_path), "--seed", "-3"]) == 2
    assert main(["run", str(MINI), "-o", str(tmp_path), "--recording", str(mini / "recording"), "--seed", "9"]) == 2
    assert "--recording" in capsys.readouterr().err


def test_a_missing_scenario_or_processor_is_told(tmp_path, mini, capsys):
    assert main(["run", "nowhere.toml", "-o", str(tmp_path)]) == 4
    assert main(["run", str(MINI), "-o", str(tmp_path), "--recording", str(mini / "recording"), "--processor", "abacus"]) == 4
    assert "geo_demo" in capsys.readouterr().err


@pytest.mark.parametrize("name", PROFILES)
def test_every_figure_of_a_processor_has_a_basis(name):
    profile = load_profile(name)
    figures = {f.name for f in fields(profile)} - {"name", "basis", "unverified"}
    assert set(profile.basis) == figures
    assert set(profile.unverified) <= figures


def test_a_profile_with_a_mistake_is_told(tmp_path):
    path = tmp_path / "p.toml"
    path.write_text('name = "x"\ncores = 0\n')
    with pytest.raises(ConfigError, match="cores"):
        load_profile(path)


PACKETS = st.lists(st.tuples(st.integers(0, 50), st.integers(1, 30), st.integers(1, 100)), min_size=1, max_size=12)


@settings(max_examples=60, deadline=None)
@given(PACKETS, st.integers(1, 200))
def test_the_busiest_window_is_the_busiest(gaps, window):
    ledger, now = RadioLedger(), 0
    for gap, length, n_bytes in gaps:
        ledger.add(now + gap, now + gap + length, 0x310, n_bytes)
        now += gap + length
    found = ledger.busiest_window(window)
    for start in range(-window, now):
        inside = sum(
            max(min(s.end_ns, start + window) - max(s.start_ns, start), 0) / (s.end_ns - s.start_ns) * s.n_bytes * 8
            for s in ledger
        )
        assert inside <= found + 1
