"""The bench: open loop, exact latencies, nothing said that n does not support, and no result whose products are wrong."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_sim.bench.faults import LinkFaults, parse_faults
from firmware_sim.bench.judgement.budget import Budget, judged, load_budget
from firmware_sim.bench.judgement.latency import Latencies, least_n, queued
from firmware_sim.bench.judgement.validity import judge
from firmware_sim.bench.ring import Ring
from firmware_sim.bench.run import Plan, at_rate
from firmware_sim.bench.run import run as run_bench
from firmware_sim.bench.schedule import load_schedule
from firmware_sim.cli import main
from firmware_sim.link.frame_link import Leader
from sensorproc.config import load
from sensorproc.errors import ConfigError, UsageError
from sensorproc.ground.reader import read
from tests.live.conftest import MINI

ALLOWED_NS = 10**9


@pytest.fixture(scope="module")
def result(tmp_path_factory, frames):
    """A run through the command line, with everything that may befall frames."""
    folder = tmp_path_factory.mktemp("bench")
    (folder / "s.toml").write_text(f'recording = "{frames}"\ncadence_s = 0.5\n[payload.sensor]\nexposure_s = 0.4\n')
    (folder / "b.toml").write_text("rss_slope_bytes_min = 1e12\nmedian_periods = 0.9\n")
    code = main(["bench", "--schedule", f"{folder / 's.toml'}", "--duration", "16", "--budget", f"{folder / 'b.toml'}",
                 "--inject", "drop=0.06,corrupt=0.06,late=0.1,duplicate=0.06", "-o", f"{folder / 'out'}"])  # fmt: skip
    return code, folder / "out", json.loads((folder / "out" / "results.json").read_text())


def test_a_bench_with_faults_on_the_link_is_right_to_the_bit(result):
    code, out, facts = result
    assert (code, facts["outcome"]) == (0, "pass"), facts["validity"]
    assert facts["validity"]["products_sha256"] == facts["validity"]["ground_sha256"]
    assert facts["validity"]["n_records"] > 50
    assert facts["frames"]["n_lost"] == 0
    assert facts["frames"]["n_with_faults"] > 3
    assert set(facts["frames"]["verdicts"]) >= {"TAKEN", "TORN"}
    assert {path.name for path in out.iterdir()} >= {
        "results.json", "report.html", "junit.xml", "environment.json", "timeline.json", "downlink.bin", "run.json",
    }  # fmt: skip
    assert all(isinstance(ns, int) for of_kind in facts["latencies_ns"].values() for ns in of_kind.values())
    assert len(list((out / "worst").glob("*.npy"))) == 10
    assert 'failures="0"' in (out / "junit.xml").read_text()


def test_a_product_that_is_changed_is_invalid(result):
    _, out, _ = result
    ours = read((out / "downlink.bin").read_bytes())
    ground = read((out / "ground" / "downlink.bin").read_bytes())
    assert judge(ours, ground).is_valid
    row = ours.records["TRACKLET"][0]
    row["x_px"] += 0.25
    wrong = judge(ours, ground)
    assert not wrong.is_valid
    assert "1 records of the ground are not in the downlink, 1 of the downlink" in wrong.reasons[0]
    empty = read(b"")
    assert not judge(empty, empty).is_valid


@pytest.mark.slow
def test_the_loop_is_open(tmp_path, ring):
    """With a frame and a set that stall, all latencies are those of queues whose customers come on time."""
    plan = Plan(ring, load(MINI), {}, 32, LinkFaults(), Budget(), options=("--inject=stall_frame@25=1.5,stall_set@0=3.0",))
    (tmp_path / "work").mkdir()
    found = run_bench(plan, tmp_path).measured
    for worker, period_ns, stall_s in ((found.frame_worker, ring.cadence_ns, 1.5), (found.set_worker, 8 * ring.cadence_ns, 3.0)):
        latency, service = np.array(worker).T
        assert len(latency) == 32 * ring.cadence_ns // period_ns
        assert service.max() > stall_s * 1e9
        assert np.abs(latency - queued(service, period_ns)).max() < 0.1e9
    assert found.frames.n_missed >= 3  # that came while the worker stalled


@given(st.lists(st.integers(0, 5 * ALLOWED_NS), min_size=1, max_size=600), st.integers(1, 10**9))
def test_a_queue_is_never_faster_than_its_server(service, period):
    latency = queued(service, period)
    assert (latency >= service).all()
    if max(service) <= period:
        assert (latency == service).all()


@given(st.integers(1, 5000))
def test_a_percentile_stands_only_where_n_supports_it(n):
    row = Latencies("x", dict(enumerate(range(n))), ALLOWED_NS).row()
    for percentile in (0.9, 0.99, 0.999):
        assert (row[f"p{100 * percentile:g}_s"] is None) == (n < least_n(percentile))
    assert (n >= least_n(0.99)) == (1 - 0.99**n >= 0.99)
    assert row["n_missed"] == 0


def test_what_was_not_measured_was_not_kept():
    kept = {one.name: one for one in judged(Budget(rss_bytes=1.0), {"missed_deadlines": 0.0, "lost_frames": math.nan})}
    assert kept["missed_deadlines"].is_kept
    assert not kept["lost_frames"].is_kept
    assert not kept["lost_sets"].is_kept
    assert not kept["rss_bytes"].is_kept


def test_faults_befall_the_share_that_is_asked_for():
    faults = LinkFaults(drop=0.1, late=0.5)
    befallen = [faults.of(number) for number in range(2000)]
    assert befallen == [faults.of(number) for number in range(2000)]
    assert sum("drop" in one for one in befallen) == pytest.approx(200, abs=60)
    assert sum("late" in one for one in befallen) == pytest.approx(1000, abs=120)
    assert parse_faults("drop=0.1,late=0.5") == faults
    assert parse_faults(None) is None


@pytest.mark.parametrize("text", ["drop", "drop=2", "fire=1", "drop=x", "drop=0.1;late=1"])
def test_faults_that_are_none_are_told(text):
    with pytest.raises(UsageError, match="--inject"):
        parse_faults(text)


def test_a_ring_goes_round_and_its_times_go_on():
    data = [np.full((2, 3), k, np.uint16) for k in range(3)]
    ring = Ring({0: [(Leader(1, 2, 3, 2), one) for one in data]}, 10**18, 1000, 800, 50)
    turns = ring.turns(7)
    assert [turn.data[0, 0] for turn in turns] == [0, 1, 2, 0, 1, 2, 0]
    assert [turn.due_ns for turn in turns] == [k * 1000 + 850 for k in range(7)]
    assert {turn.leader.t_end_tai_ns - turn.leader.t_start_tai_ns for turn in turns} == {800}


def test_another_rate_plays_as_long(ring):
    plan = Plan(ring, load(MINI), {}, 48, LinkFaults(), Budget())
    faster = at_rate(plan, 0.2)
    assert (faster.n_frames, faster.ring.cadence_ns, faster.ring.exposure_ns) == (96, 200_000_000, 200_000_000)
    assert faster.config.sensor.cadence_s == 0.2
    assert replace(plan, n_frames=96).n_frames == 96


@pytest.mark.parametrize(
    "text",
    ["", 'recording = "a"\nscenario = "b"\n', 'recording = "a"\nring = 0\n', 'recording = "a"\ncadence_s = -1\n', "x = 1\n"],
)
def test_schedules_that_are_none_are_told(tmp_path, text):
    path = tmp_path / "s.toml"
    path.write_text(text)
    with pytest.raises(ConfigError):
        load_schedule(path)


def test_a_budget_without_a_file_allows_no_miss(tmp_path):
    assert load_budget(None) == Budget()
    path = tmp_path / "b.toml"
    path.write_text("missed_deadlines = -1\nfire = 1\n")
    with pytest.raises(ConfigError) as error:
        load_budget(path)
    assert len(error.value.problems) == 2
