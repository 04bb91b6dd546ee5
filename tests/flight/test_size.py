"""Does a payload fit a board: foretold before anything is rendered, and as flights then have it."""

import json
from dataclasses import replace

import numpy as np
import pytest

from firmware_sim.board.processor_profile import load_profile
from firmware_sim.cli import main
from firmware_sim.cost.model import load_stages
from firmware_sim.scenarios.scenario import load
from firmware_sim.sizing.expected import ExpectedSets, is_run, n_velocities
from firmware_sim.sizing.ladder import RUNGS, Rung, at_rungs, losses
from firmware_sim.sizing.limits import limits
from firmware_sim.sizing.report import best_fitting
from firmware_sim.sizing.sizing import size
from sensorproc.timescales import NS_PER_S
from tests.flight.conftest import MINI
from tests.flight.flying import HALF_HOUR, flown, told

STAGES = load_stages()


def sized(scenario, processor, sets=None, config=None, **over):
    board = replace(scenario.board, **over)
    sets = sets or ExpectedSets.of(scenario, None, None)
    return size(sets, config or scenario.payload, board, load_profile(processor), STAGES)


@pytest.mark.parametrize("processor", ["host", "pic64_hpsc", "zynq_ultrascale", "jetson_orin"])
def test_a_set_takes_as_long_as_was_foretold(recording, processor):
    """The small payload: two objects a set, and as many stars as its frames tell."""
    payload = flown(recording, HALF_HOUR, processor=processor)
    n_stars = round(np.mean([row["n_stars"] for row in told(payload).records["FRAME"]]))
    scenario = load(MINI)
    found = sized(scenario, processor, ExpectedSets.of(scenario, 2, n_stars))
    assert found.set_s == pytest.approx(payload.image_processor.policy.work_ns[0] / NS_PER_S, rel=0.15)


def test_memory_is_what_a_flight_reserves(recording):
    payload, found = flown(recording, HALF_HOUR), sized(load(MINI), "host")
    shared = "frames of all sets at hand", "working memory of searches", "packet queue", "star table"
    assert {name: found.needs[name] for name in shared} == {name: payload.needs[name] for name in shared}


@pytest.mark.parametrize("quality", ["full", "survival"])
def test_a_search_foretells_its_velocities(recording, quality):
    """Body-fixed: the box around the detector's rest, without those at which an object stands still."""
    payload, scenario = flown(recording, HALF_HOUR, quality=quality), load(MINI, quality=quality)
    searched = {row["n_velocities"] for row in told(payload).records["SET"]}
    assert max(searched) == pytest.approx(n_velocities(ExpectedSets.of(scenario, None, None), scenario.payload), rel=0.1)


def test_a_payload_of_summed_pixels_flies_in_less_memory_and_finds_what_is_bright(recording):
    whole, coarse = (flown(recording, HALF_HOUR, quality=quality) for quality in ("full", "survival"))
    held = "frames of all sets at hand"
    assert coarse.needs[held] < 0.3 * whole.needs[held]
    assert coarse.memory.peak_bytes < whole.memory.peak_bytes
    assert coarse.image_processor.policy.work_ns[0] < whole.image_processor.policy.work_ns[0]
    places = [{row["x_px"] for row in told(payload).records["TRACKLET"] if row["snr"] > 15.0} for payload in (whole, coarse)]
    assert places[0]
    assert all(min(abs(x - other) for other in places[1]) < 1.0 for x in places[0])


def test_what_fits_does_and_the_next_does_not():
    scenario = load("geo_search_2k")
    sets = ExpectedSets.of(scenario, None, None)
    most = limits(sets, scenario.payload, lambda one, config: sized(scenario, "jetson_orin", one, config))
    assert not sized(scenario, "jetson_orin").fits
    assert sized(scenario, "jetson_orin", sets.with_window(most.window_px)).fits
    assert not sized(scenario, "jetson_orin", sets.with_window(most.window_px + 64)).fits
    assert sized(scenario, "jetson_orin", replace(sets, cadence_s=most.cadence_s)).fits
    assert not sized(scenario, "jetson_orin", replace(sets, cadence_s=most.cadence_s / 1.2)).fits


def test_margins_fall_with_what_a_board_lacks():
    scenario = load("geo_search_2k")
    usual = sized(scenario, "host")
    assert usual.board.memory_of(usual.profile) == load_profile("host").memory_bytes
    small = sized(scenario, "host", memory_bytes=1_000_000_000)
    assert small.margins["memory"] < 0.0 < usual.margins["memory"]
    assert not small.fits
    slow = sized(scenario, "host", link_bit_s=1000.0)
    assert slow.margins["link"] < 0.0
    assert sized(scenario, "jetson_orin").profile.n_searches == 2


def test_detectors_share_the_cores():
    """Four at once: their searches have the cores of one."""
    scenario = load("wide_search")
    four = sized(scenario, "host")
    one = sized(scenario, "host", replace(four.sets, n_detectors=1))
    assert one.set_s == one.alone_s == four.alone_s
    assert four.set_s == pytest.approx(4.0 * four.set_core_s / four.profile.cores)
    assert one.load < four.load < 4.0 * one.load


def test_a_stare_without_a_dark_map_solves_its_pattern():
    sets = replace(ExpectedSets.of(load("sidereal_stare"), None, None), has_dark_map=False)
    config = load("sidereal_stare").payload
    assert is_run("refine_pattern", sets, config)
    assert not is_run("refine_pattern", replace(sets, has_dark_map=True), config)
    assert not is_run("refine_pattern", replace(sets, drift_px=(3.0, 0.0)), config)


def test_the_command_answers_and_its_exit_code_says_whether_it_fits(capsys):
    assert main(["size", "geo_demo", "--json"]) == 0
    told_ = json.loads(capsys.readouterr().out)
    assert told_["fits"]
    assert told_["limits"]["quality"] == {"quality": "full", "level": 0}
    assert [(rung["quality"], rung["level"]) for rung in told_["ladder"]] == [(rung.quality, rung.level) for rung in RUNGS]
    assert main(["size", "geo_search_2k", "rad750"]) == 6
    text = capsys.readouterr().out
    assert "DOES NOT FIT" in text
    assert "any quality: none" in text
    assert main(["size", "geo_demo", "--objects", "-1"]) == 2
    assert "-1 objects" in capsys.readouterr().err


def test_every_rung_costs_less_than_the_whole_and_the_best_that_fits_is_named():
    """Of the largest payload, on a board that cannot keep up with all of it."""
    scenario = load("search_day")
    rungs = {rung: sized(scenario, "jetson_orin", sets, config) for rung, sets, config in at_rungs(scenario)}
    whole, *others = rungs
    assert set(losses()) == set(rungs)
    assert not rungs[whole].fits
    assert all(rungs[rung].joule < rungs[whole].joule for rung in others)
    coarse, fine = (losses()[Rung(quality, 0)] for quality in ("survival", "full"))
    assert coarse.low > fine.high
    assert best_fitting(rungs) == next(rung for rung in rungs if rungs[rung].fits)


def test_summed_pixels_are_a_smaller_frame_with_slower_stars():
    scenario = load("geo_search_2k", quality="survival")
    whole, sets = (ExpectedSets.of(one, None, None) for one in (load("geo_search_2k"), scenario))
    assert sets.n_px == whole.n_px // 4
    assert sets.drift_px == pytest.approx([0.5 * drift for drift in whole.drift_px])


def test_frames_that_are_skipped_cost_no_work_but_their_memory(recording):
    scenario = load("geo_search_2k")
    sets = ExpectedSets.of(scenario, None, None)
    half = replace(sets, step=2)
    every, some = (sized(scenario, "host", one) for one in (sets, half))
    assert half.n_used == 8
    assert some.memory_bytes == every.memory_bytes
    assert 0.3 * every.load < some.load < 0.7 * every.load
    assert n_velocities(half, scenario.payload) == pytest.approx(n_velocities(sets, scenario.payload), rel=0.2)
