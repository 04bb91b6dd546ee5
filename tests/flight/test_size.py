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
from firmware_sim.sizing.ladder import RUNGS, at_rungs, losses
from firmware_sim.sizing.limits import limits
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


def test_a_search_foretells_its_velocities(recording):
    """Body-fixed: the box around the detector's rest, without those at which an object stands still."""
    payload, scenario = flown(recording, HALF_HOUR), load(MINI)
    searched = {row["n_velocities"] for row in told(payload).records["SET"]}
    assert max(searched) == pytest.approx(n_velocities(ExpectedSets.of(scenario, None, None), scenario.payload), rel=0.1)


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


def test_every_rung_costs_less_and_loses_more_than_the_whole():
    """Of the largest payload, on a board that cannot keep up with all of it."""
    scenario = load("search_day")
    rungs = {rung: sized(scenario, "jetson_orin", sets, config) for rung, sets, config in at_rungs(scenario)}
    whole, *others = rungs
    assert set(losses()) == set(rungs)
    assert not rungs[whole].fits
    for rung in others:
        assert rungs[rung].joule < rungs[whole].joule
        assert losses()[rung].high > losses()[whole].low
    assert any(one.fits for one in rungs.values())


def test_summed_pixels_are_a_smaller_frame_with_slower_stars():
    scenario = load("geo_search_2k", quality="survival")
    whole, sets = (ExpectedSets.of(one, None, None) for one in (load("geo_search_2k"), scenario))
    assert sets.n_px == whole.n_px // 4
    assert sets.drift_px == pytest.approx([0.5 * drift for drift in whole.drift_px])
