"""A whole flight: the same bits as on the ground, and what happens when memory, time or the link run short."""

import json
from dataclasses import fields
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware_sim import topology
from firmware_sim.cli import main
from firmware_sim.components.radio import Sent, busiest_window
from firmware_sim.memory import BufferManager
from firmware_sim.processor_profile import PROFILES, load_profile
from firmware_sim.scenario import load
from sensorproc.cli import main as sensorproc
from sensorproc.config import load as load_config
from sensorproc.errors import ConfigError
from sensorproc.ground.table_reader import read_table
from sensorproc.recording import open_recording

MINI = Path(__file__).parent / "mini.toml"


def fly(tmp_path, mini, *options):
    assert main(["run", str(MINI), "-o", str(tmp_path), "--recording", str(mini / "recording"), *options]) == 0
    return json.loads((tmp_path / "summary.json").read_text())


def test_what_is_there_is_found(mini_summary):
    assert mini_summary["n_found"] == mini_summary["n_demanded"] == 4
    assert mini_summary["n_missing_packets"] == mini_summary["n_dropped_packets"] == mini_summary["n_slips"] == 0


def test_the_same_seed_gives_the_same_bytes(mini, tmp_path):
    assert main(["run", str(MINI), "-o", str(tmp_path / "a")]) == 0
    assert (tmp_path / "a" / "downlink.bin").read_bytes() == (mini / "downlink.bin").read_bytes()
    for path in sorted((mini / "recording").rglob("*.*")):
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
    assert summary["busiest_60_s_bit_s"] <= 400
    assert summary["n_dropped_packets"] > 0
    assert summary["n_missing_packets"] == 0  # left out before they were counted: no gap
    assert len(read_table(tmp_path / "tracklets.ecsv")) == len(read_table(mini / "tracklets.ecsv"))
    assert len(read_table(tmp_path / "frames.ecsv")) < 16


def test_a_slow_processor_misses_deadlines_and_says_so(mini, tmp_path):
    summary = fly(tmp_path, mini, "--processor", "gr740")
    assert summary["n_slips"] == 2
    slips = [row for row in read_table(tmp_path / "events.ecsv") if row["event"] == "DEADLINE_MISSED"]
    assert all(row["severity"] == "WARNING_HI" and row["value_1"] > row["value_2"] for row in slips)
    assert (tmp_path / "detections.ecsv").read_text() == (mini / "detections.ecsv").read_text()  # late, not lost
    health = read_table(tmp_path / "health.ecsv")
    assert [row["n_slips"] for row in health] == [1, 2]
    assert health[1]["latency_s"] > health[0]["latency_s"]  # the second waited for the first


def test_what_does_not_fit_is_refused_before_start(mini, tmp_path, capsys):
    arguments = ["run", str(MINI), "-o", str(tmp_path), "--recording", str(mini / "recording"), "--memory-bytes", "20000000"]
    assert main(arguments) == 6
    printed = capsys.readouterr().err
    assert "raw frames of two sets" in printed
    assert "20.0 MB" in printed
    assert not (tmp_path / "downlink.bin").exists()


def test_without_memory_frames_are_lost_by_name(mini):
    """Memory that was promised and is not there: every frame is accounted for, nothing hangs."""
    recording = open_recording(mini / "recording")
    scenario = load(MINI)
    marking = {"marking": "U", "data_mode": 3}
    payload = topology.build(recording, scenario.payload, scenario.board, load_profile("host"), 1, marking)
    n_px = 256 * 256
    payload.memory.budget_bytes = payload.memory.used_bytes + 5 * 3 * n_px + 4 * 13 * n_px
    payload.env.run(until=10**12)
    lost = [r for p in payload.image_processor.finished for r in p.rejections]
    assert len(payload.image_processor.finished) == 2
    assert {r.reason for r in lost} == {"NO_MEMORY"}
    assert {r.frame_index for r in lost} == set(range(16))
    assert payload.camera.n_lost > 0
    assert payload.memory.used_bytes == payload.memory.used["star table"] + payload.memory.used["packet queue"]


def test_memory_is_returned_and_its_peak_is_the_promised_one(mini, mini_summary):
    rows = read_table(mini / "health.ecsv")
    assert rows[-1]["memory_peak_bytes"] == mini_summary["memory_peak_bytes"] <= rows[-1]["memory_budget_bytes"]
    manager = BufferManager(100)
    assert manager.get("a", 60)
    assert not manager.get("b", 50)
    manager.release("a", 60)
    with pytest.raises(ValueError, match="holds 0 bytes"):
        manager.release("a", 1)


def test_a_damaged_frame_is_flown_around(mini, tmp_path):
    import shutil

    shutil.copytree(mini / "recording", tmp_path / "rec")
    frames = sorted((tmp_path / "rec" / "frames").iterdir())
    frames[5].write_bytes(frames[5].read_bytes()[:20000])
    assert main(["run", str(MINI), "-o", str(tmp_path / "out"), "--recording", str(tmp_path / "rec")]) == 0
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert summary["n_processed"] == 15
    assert summary["n_found"] == 4


def test_the_trace_opens_and_covers_every_stage(mini):
    events = json.loads((mini / "trace.json").read_text())["traceEvents"]
    spans = [e for e in events if e["ph"] == "X"]
    assert {"calibrate", "flatten", "register", "subtract_stars", "search", "accept", "single_streaks"} <= {
        e["name"] for e in spans
    }
    frames = [e for e in spans if e["name"] == "calibrate"]
    assert len(frames) == 16
    assert all(later["ts"] >= earlier["ts"] for earlier, later in zip(frames, frames[1:], strict=False))


def test_simulated_frames_are_never_real(mini, tmp_path, capsys):
    assert main(["run", str(MINI), "-o", str(tmp_path), "--data-mode", "REAL"]) == 2
    assert "data-mode" in capsys.readouterr().err
    observations = json.loads((mini / "products" / "eoobservations.json").read_text())
    assert {row["dataMode"] for row in observations} == {"SIMULATED"}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[scene]\nsed = 1\n", "$.scene.sed: unknown key; did you mean 'seed'?"),
        ("[bord]\nx = 1\n", "$.bord: unknown key"),
        ('[scene]\nseed=1\nstart_utc="2026-01-01T00:00:00"\nn_frames=0\n', "$.scene.n_frames = 0"),
        ("[board]\nlink_bit_s = -1\n[scene]\nseed=1\nstart_utc='2026-01-01T00:00:00'\nn_frames=2\n", "$.board.link_bit_s = -1"),
        ("[[scene.neighbours]]\nname='a'\nlongitude_offset_deg=1\narea=2\n", "$.scene.neighbours.0.area: unknown key"),
        ("not toml", "not valid TOML"),
    ],
)
def test_a_wrong_scenario_is_told(tmp_path, text, told, capsys):
    path = tmp_path / "s.toml"
    path.write_text(text)
    assert main(["simulate", str(path), "-o", str(tmp_path / "o")]) == 3
    assert told in capsys.readouterr().err


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
    ledger, now = [], 0
    for gap, length, n_bytes in gaps:
        ledger.append(Sent(now + gap, now + gap + length, 0x310, n_bytes))
        now += gap + length
    found = busiest_window(ledger, window)
    for start in range(-window, now):
        inside = sum(
            max(min(s.end_ns, start + window) - max(s.start_ns, start), 0) / (s.end_ns - s.start_ns) * s.n_bytes * 8
            for s in ledger
        )
        assert inside <= found + 1
