"""The truth file against the pixels it describes."""

import math
from dataclasses import replace

import numpy as np
import pytest

from firmware_sim.scenarios.scenario import SCENARIOS, load
from firmware_sim.scene.render import Renderer
from firmware_sim.scene.settings.detector import Transmission
from firmware_sim.scene.truth import frame_truth, scene_truth
from sensorproc import theory
from sensorproc.catalog.stars import shipped
from sensorproc.config import PRESETS


def test_truth_positions_are_where_the_light_is(renderer):
    exposure = renderer.expose(3)
    truth = {t["name"]: t for t in frame_truth(renderer, exposure, 3, "x")["targets"]}
    for item in exposure.seen:
        patch, rows, columns = renderer.stamp(item)
        y, x = np.mgrid[rows, columns]
        target = truth[item.target.name]
        assert (patch * x).sum() / patch.sum() == pytest.approx(target["x"], abs=0.01)
        assert (patch * y).sum() / patch.sum() == pytest.approx(target["y"], abs=0.01)
        assert patch.sum() == pytest.approx(target["electrons"], rel=1e-3)


def test_the_clairvoyant_snr_is_that_of_theory(renderer):
    """A faint point on a flat sky: the SNR of theory for the same core, less what the halo takes."""
    exposure = renderer.expose(3)
    target = next(t for t in frame_truth(renderer, exposure, 3, "x")["targets"] if t["name"] == "faint")
    sky = float(np.median(exposure.expected_e))
    core = (1 - renderer.scene.optics.halo_fraction) * target["electrons"]
    width = next(item.width_px for item in exposure.seen if item.target.name == "faint")
    trail = target["streak_px"]
    s = math.sqrt(width**2 + 1 / 12)
    expected = theory.snr_streak(core, math.sqrt(sky + 36.0), trail, s)
    assert target["snr"] == pytest.approx(expected, rel=0.08)  # the halo adds a little, stars near by take some


def test_rest_motions_are_those_of_the_rendered_stars(renderer):
    rest = scene_truth(renderer, [])["rest_px_frame"]
    half = 0.5 * renderer.sensor.cadence_s
    line = renderer.attitude.middle[:, 2][None, :]
    before, after = (renderer.lens.project(line, renderer.attitude.ideal(t))[0] for t in (-half, half))
    assert rest["stars"] == pytest.approx((after - before).tolist(), abs=0.01)
    assert rest["detector"] == [0.0, 0.0]


def test_frames_depend_on_the_seed_alone(renderer):
    again = Renderer(renderer.scene, shipped())
    third = again.expose(3).data_dn
    assert (renderer.expose(3).data_dn == third).all()
    assert (renderer.expose(4).data_dn != third).any()


def test_set_snr_adds_frames_in_quadrature_and_faults_are_named(renderer):
    scene = replace(renderer.scene, transmission=Transmission(lost_lines=0.3, dropped=0.3, duplicated=0.3), set_frames=4)
    faulty = Renderer(scene, shipped())
    exposures = list(faulty.exposures())
    frames = [frame_truth(faulty, e, k, "x") for k, e in enumerate(exposures)]
    n_dropped = int(faulty.link.is_dropped.sum())
    assert 0 < n_dropped == scene.n_frames - len(exposures)
    seen = [name for frame in frames for name in frame["faults"]]
    assert {"repeated", "lost_lines"} == set(seen)
    for k, exposure in enumerate(exposures):
        if "repeated" in exposure.faults and "lost_lines" not in exposure.faults + exposures[k - 1].faults:
            assert (exposure.data_dn == exposures[k - 1].data_dn).all()
        if exposure.faults == ["lost_lines"]:
            assert (exposure.data_dn == 0).all(axis=1).any()
    truth = scene_truth(faulty, frames)
    assert sum(s["n_frames"] for s in truth["sets"]) == len(frames)
    first = truth["sets"][0]
    for target in first["targets"]:
        counted = [f for f in frames[: first["n_frames"]] if "repeated" not in f["faults"]]
        mine = [t for f in counted for t in f["targets"] if t["id"] == target["id"] and not {"edge", "dead"} & set(t["flags"])]
        members = [t["snr"] for t in mine]
        assert target["snr"] == pytest.approx(math.sqrt(sum(v * v for v in members)))


@pytest.mark.parametrize("preset", PRESETS)
def test_drawn_targets_have_the_wanted_snr_and_motion(preset):
    """Median of the true set SNR over the asked one within 15 %: neighbouring stars, halo and field growth are in it."""
    drawn = {"n": 30, "set_snr": [9.99, 10.01], "rate_px_frame": [1.0, 1.01], "motion": "field", "apart_px": 10.0}
    window = {"sensor": {"shape_px": [300, 300]}}
    over = {"payload": window, "scene": {"n_frames": 16, "sky": {"faintest_mag": 9.0}, "drawn": [drawn]}}
    scene = load("empty_sky", preset, over).scene
    made = Renderer(scene, shipped())
    rows = [t for t in frame_truth(made, made.expose(8), 8, "x")["targets"] if not {"edge", "dead"} & set(t["flags"])]
    assert len(rows) > 20
    assert np.median([t["snr"] * 4 for t in rows]) == pytest.approx(10.0, rel=0.15)
    expected = 1.0 * scene.sensor.exposure_s / scene.sensor.cadence_s
    assert np.median([t["streak_px"] for t in rows]) == pytest.approx(expected, abs=0.1)


@pytest.mark.parametrize("name", SCENARIOS)
@pytest.mark.parametrize("preset", PRESETS)
def test_every_scenario_renders_with_every_preset(name, preset):
    over = {"payload": {"sensor": {"shape_px": [128, 160]}}, "scene": {"sky": {"faintest_mag": 11.0}}}
    made = Renderer(load(name, preset, over).scene, shipped())
    exposure = made.expose(1)
    assert exposure.data_dn.dtype == np.uint16
    assert exposure.data_dn.shape == (128, 160)
    assert exposure.expected_e[:, 16:].min() >= 0


def test_stray_light_is_no_star_and_lost_lines_hold_no_light(renderer):
    """Without stars nothing is a blend, however strong the gradient; a target in lost lines has no SNR and is dead."""
    drawn = [{"n": 12, "set_snr": [8.0, 20.0], "apart_px": 10.0}]
    window = {"sensor": {"shape_px": [128, 128]}}
    scene = {"n_frames": 2, "sky": {"faintest_mag": 8.0}, "stray_light": {"sun": 9.0}, "drawn": drawn}
    made = Renderer(load("empty_sky", None, {"payload": window, "scene": scene}).scene, shipped())
    rows = frame_truth(made, made.expose(1), 1, "x")["targets"]
    assert len(rows) >= 10
    assert not any("blend" in target["flags"] for target in rows)
    made.link.lost_rows[1] = slice(0, 128)
    lost = frame_truth(made, made.expose(1), 1, "x")["targets"]
    assert all(target["snr"] == 0 and {"dead", "edge"} & set(target["flags"]) for target in lost)
