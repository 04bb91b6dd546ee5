"""Instruments drawn at random: every one can be flown, none depends on another, and no effect is in all or none."""

from dataclasses import replace

import numpy as np
import pytest

from firmware_sim.scenarios.scenario import load
from firmware_sim.scenarios.zoo import instrument, is_zoo
from firmware_sim.scene.render import Renderer
from firmware_sim.validation.suite import load_suite, scenario_of
from firmware_sim.validation.task import scene_sigma
from firmware_sim.validation.worst import write_worst
from sensorproc.catalog.stars import shipped
from sensorproc.errors import ConfigError, InputError
from sensorproc.toml_file import read_toml
from tests.scene.quiet import QUIET

NUMBERS = range(1, 151)


@pytest.fixture(scope="module")
def zoo():
    return [load(f"zoo_{number}") for number in NUMBERS]


def test_every_instrument_is_a_valid_scenario_and_the_same_again(zoo):
    for number, scenario in zip(NUMBERS, zoo, strict=True):
        assert scenario.name == f"zoo_{number}"
        assert load(f"zoo_{number}") == scenario
        sensor, detector = scenario.scene.sensor, scenario.scene.detector
        assert 0.1 <= sensor.gain_e_per_dn <= 10.0
        assert 1.0 <= sensor.read_noise_e <= 20.0
        full_dn = sensor.full_well_e / sensor.gain_e_per_dn
        assert full_dn < 2**detector.adc_bits
        assert sensor.bias_dn < 0.1 * 2**detector.adc_bits
        assert scenario.scene.n_frames == 2 * scenario.payload.frame_set.max_frames
        assert 0.4 < scene_sigma(scenario.scene) < 6.0


def test_what_some_have_not_all_have(zoo):
    shares = {
        "cmos": np.mean([s.scene.detector.kind == "cmos" for s in zoo]),
        "warming": np.mean([s.scene.detector.warming_k_min != 0 for s in zoo]),
        "traps": np.mean([s.scene.detector.charge_loss > 0 for s in zoo]),
        "known pixels": np.mean([s.scene.detector.hot_known > 0 for s in zoo]),
        "lines": np.mean([s.scene.defects.lines > 0 for s in zoo]),
        "amplifiers": np.mean([s.scene.defects.amplifiers > 1 for s in zoo]),
        "covered": np.mean([s.scene.defects.covered_px > 0 for s in zoo]),
        "fading": np.mean([s.scene.stray_light.fading > 0 for s in zoo]),
        "no Gaussian": np.mean([s.scene.optics.family != "gaussian" for s in zoo]),
    }
    assert all(0.05 < share < 0.95 for share in shares.values()), shares
    assert {s.scene.pointing.mode for s in zoo} == {"body_fixed", "sidereal", "rate_track"}


def test_what_the_payload_is_told_is_near_the_truth_and_not_it(zoo):
    told = np.array([s.payload.sensor.gain_e_per_dn / s.scene.sensor.gain_e_per_dn for s in zoo])
    assert (told != 1).mean() > 0.9
    assert (np.abs(told - 1) < 0.11).all()


def test_one_chip_looks_at_several_skies():
    case = load_suite("zoo").cases[0]
    first, second = (scenario_of(case, 0, 1, k).scene for k in (0, 1))
    assert first.seed != second.seed
    chips = [
        Renderer(replace(scene, detector=replace(scene.detector, rts_fraction=0)), shipped()).chip for scene in (first, second)
    ]
    assert (chips[0].dark_e_s == chips[1].dark_e_s).all()
    assert (chips[0].flaws.level_dn == chips[1].flaws.level_dn).all()


def test_a_name_that_is_no_instrument_is_told():
    assert is_zoo("zoo_7")
    assert not is_zoo("zoo_x")
    with pytest.raises(InputError, match="zoo_x"):
        load("zoo_x")
    with pytest.raises(ConfigError, match="no pixel is left"):
        load("zoo_7", over={"scene": {"defects": {"covered_px": 64}, "sensor": {"shape_px": [100, 100]}}})


def test_values_are_those_of_a_scenario_file(tmp_path):
    values = instrument("zoo_3")
    path = tmp_path / "zoo_3.toml"
    path.write_text(_toml(values))
    assert read_toml(path) == values
    assert load(path).scene == load("zoo_3").scene
    assert QUIET.chip is None


def test_the_worst_are_shown(tmp_path):
    suite = load_suite("zoo")
    names = [case.name for case in suite.cases[:3]]
    sets = [{"case": name, "n_false": 3 * k, "n_false_streaks": 0, "n_frames": 8} for k, name in enumerate(names)]
    assert write_worst(tmp_path / "worst", suite, 1, {"targets": [], "sets": sets}) == 3
    page = (tmp_path / "worst" / "index.html").read_text()
    assert page.index(names[2]) < page.index(names[0])
    assert {path.stem for path in (tmp_path / "worst").glob("*.png")} == set(names)
    assert write_worst(tmp_path / "none", load_suite("smoke"), 1, {"targets": [], "sets": []}) == 0


def _toml(values, place=""):
    plain = [f"{key} = {_text(value)}\n" for key, value in values.items() if not isinstance(value, dict)]
    tables = [f"[{place}{key}]\n{_toml(value, f'{place}{key}.')}" for key, value in values.items() if isinstance(value, dict)]
    return "".join(plain + tables)


def _text(value):
    if isinstance(value, list):
        return "[" + ", ".join(map(_text, value)) + "]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key} = {_text(v)}" for key, v in value.items()) + "}"
    return f'"{value}"' if isinstance(value, str) else repr(value)
