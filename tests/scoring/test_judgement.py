"""Intervals, limits, gates, baselines and reports say what the numbers say."""

import json
import math
import xml.etree.ElementTree as ET
from dataclasses import asdict

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sensorproc.cli import main
from sensorproc.errors import ConfigError, InputError, NotComparable
from sensorproc.scoring.figures.intervals import bootstrap_ratio, wilson
from sensorproc.scoring.figures.limits import half_found
from sensorproc.scoring.figures.metrics import METRICS, estimate, select
from sensorproc.scoring.frames import score
from sensorproc.scoring.presentation.plots import completeness_svg
from sensorproc.scoring.presentation.reports import AXES, to_junit, to_markdown
from sensorproc.scoring.truth import Truth, load_truth
from sensorproc.scoring.verdict.baseline import compare
from sensorproc.scoring.verdict.gates import Gate, judge, load_gates


def fate(k, found, **more):
    values = {"case": "c", "seed": k // 10, "set": 0, "id": k % 10, "name": str(k), "snr": 10.0, "mag": 15.0, "is_found": found,
              "is_whole": True, "rate_px_frame": 1.0, "streak_px": 1.0, "time_weight": 1.0, "time_error_s": 0.0}  # fmt: skip
    errors = ("error_px", "error_arcsec", "along_px", "across_px", "chi2_position", "chi2_sky", "flux_error", "chi2_flux",
              "mag_error", "chi2_mag", "rate_error_px_frame", "chi2_rate")  # fmt: skip
    return values | dict.fromkeys(errors, 1.0) | more


def one_set(k, n_false=0, n_tracklets=10, streaks=0):
    return {"case": "c", "seed": k, "set": 0, "n_frames": 16, "hours": 0.01, "n_false": n_false, "n_tracklets": n_tracklets,
            "n_false_streaks": streaks, "false_ids": []}  # fmt: skip


ROWS = [fate(k, k % 10 != 0) for k in range(200)]
SETS = [one_set(k, n_false=int(k == 3)) for k in range(20)]


def test_figures_are_those_of_the_rows():
    assert estimate("completeness", ROWS, SETS).value == 0.9
    assert estimate("purity", ROWS, SETS).value == pytest.approx(199 / 200)
    per_set = estimate("false_tracklets_per_set", ROWS, SETS)
    assert (per_set.value, per_set.n) == (1 / 20, 20)
    assert estimate("false_tracklets_per_hour", ROWS, SETS).value == pytest.approx(1 / 0.2)
    none = estimate("false_streaks_per_frame", ROWS, SETS)
    assert none.value == 0
    assert none.high == pytest.approx(3.689 / 320, rel=1e-3)  # zero counts give an upper limit, not zero
    assert estimate("position_rms_px", ROWS, SETS).value == 1.0
    wild = [fate(1, True, chi2_position=1e9), *ROWS]
    assert estimate("position_chi2", wild, SETS).value < 1.2  # one wrong match does not decide


def test_rows_are_selected_by_range_choice_and_value():
    rows = [fate(0, True, snr=5.0), fate(1, True, snr=10.0, case="d")]
    assert select(rows, {"snr": [5.0, 10.0]}) == rows[:1]
    assert select(rows, {"case": ["d", "e", "f"]}) == rows[1:]
    assert select(rows, {"case": ["d", "e"]}) == rows[1:]
    assert select(rows, {"case": "c", "snr": [0, math.inf]}) == rows[:1]


def test_a_bootstrap_covers_the_truth_as_often_as_it_says(rng):
    """95 % intervals of the mean of 30 groups of 4 that share an error: between 90 and 98 % cover zero."""
    covered = 0
    for k in range(200):
        values = np.repeat(rng.normal(size=30), 4) + 0.1 * rng.normal(size=120)
        found = bootstrap_ratio(values, np.ones(120), np.repeat(np.arange(30), 4).tolist(), seed=k)
        covered += found.low <= 0 <= found.high
    assert 180 <= covered <= 197


def test_the_limit_is_where_half_are_found(rng):
    x = rng.uniform(4, 12, 600)
    found = rng.random(600) < 1 / (1 + np.exp(-(x - 7.5) / 0.5))
    limit = half_found(x, found, rises=True)
    assert limit.low < 7.5 < limit.high
    assert limit.high - limit.low < 0.5
    falling = half_found(-x, found, rises=False)
    assert falling.value == pytest.approx(-limit.value, abs=0.05)
    assert math.isnan(half_found(x, np.ones(600, bool), True).value)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 50), st.integers(1, 200))
def test_a_gate_fails_only_beyond_chance(found, more):
    n = found + more
    rows = [fate(k, k < found) for k in range(n)]
    verdict = judge(Gate("completeness", floor=found / n), rows, SETS)
    assert not verdict.is_failed  # exactly at the floor
    if n >= 20:
        assert judge(Gate("completeness", floor=min(found / n + 0.5, 1.5)), rows, SETS).outcome == "fail"


def test_gates_judge_what_they_select_and_no_data_is_no_pass():
    rows = ROWS + [fate(k, False, case="d", snr=30.0) for k in range(40)]
    gates = [
        Gate("completeness", floor=0.8, where={"case": "c"}),
        Gate("completeness", floor=0.5, where={"snr": [20, math.inf]}),
        Gate("completeness", floor=0.5, where={"case": "e"}),
        Gate("false_tracklets_per_set", ceiling=0.01),
    ]
    verdicts = [judge(gate, rows, SETS) for gate in gates]
    assert [v.outcome for v in verdicts] == ["pass", "fail", "no data", "not proven"]
    root = ET.fromstring(to_junit("s", rows, SETS, verdicts, []).split("\n", 1)[1])
    gates_suite = root.find("testsuite[@name='s.gates']")
    assert (gates_suite.get("tests"), gates_suite.get("failures"), gates_suite.get("skipped")) == ("4", "2", "1")
    first = {p.get("name"): float(p.get("value")) for p in gates_suite.find("testcase/properties")}
    low, high = wilson(180, 200, 0.99)
    assert first == pytest.approx({"value": 0.9, "low": low, "high": high, "n": 200, "floor": 0.8}, rel=1e-4)
    cases = {c.get("classname") for c in root.find("testsuite[@name='s.figures']")}
    assert cases == {"s.c", "s.d"}
    assert "| 0.5 |" not in to_markdown(rows, SETS, verdicts, [])
    report = to_markdown(rows, SETS, verdicts, [])
    assert "fail |" in report
    assert "target 39" in report or "(missed, set SNR 30.0)" in report  # a failed gate names whom it is about
    for axis in AXES:
        svg = completeness_svg(axis, [row | {"stars_per_mpix": 900.0, "hits_per_frame": 40.0} for row in rows])
        assert ET.fromstring(svg).tag.endswith("svg")


def test_a_paired_baseline_convicts_what_intervals_alone_cannot():
    old = {"suite": "s", "suite_digest": "x", "seed": 1, "targets": ROWS, "sets": SETS}
    lost = [row if k % 13 else row | {"is_found": False} for k, row in enumerate(ROWS)]  # 7 % fewer
    new = old | {"targets": lost}
    assert not any(c.is_worse or c.is_better for c in compare(old, old))
    changed = {c.figure: c for c in compare(old, new)}
    assert changed["completeness"].is_worse
    assert not judge(Gate("completeness", floor=0.88), lost, SETS).is_failed
    assert {c.figure: c for c in compare(new, old)}["completeness"].is_better
    with pytest.raises(NotComparable, match="seed 1, this run 2"):
        compare(old, new | {"seed": 2})
    with pytest.raises(NotComparable, match="20 sets, this run 19"):
        compare(old, new | {"sets": SETS[:19]})


def test_mistakes_in_gates_are_told(tmp_path):
    path = tmp_path / "g.toml"
    path.write_text('[[gate]]\nmetric = "completness"\nfloor = 0.9\n')
    with pytest.raises(ConfigError, match=r"metric = 'completness'.*completeness"):
        load_gates(path)
    path.write_text('[[gate]]\nmetric = "completeness"\nflor = 0.9\n')
    with pytest.raises(ConfigError, match="did you mean 'floor'"):
        load_gates(path)
    for line, told in (
        ("", "want at least one"),
        ('floor = 0.5\nwhere = {cse = "a"}', "knows no such condition"),
        ("floor = 0.5\nwhere = {snr = [10.0]}", "want .low, high."),
        ("floor = 0.5\nwhere = {case = []}", "want .low, high."),
    ):
        path.write_text(f'[[gate]]\nmetric = "completeness"\n{line}\n')
        with pytest.raises(ConfigError, match=told):
            load_gates(path)
    path.write_text('[[gate]]\nmetric = "false_tracklets_per_set"\nceiling = 1\nwhere = {snr = [5.0, 9.0]}\n')
    with pytest.raises(ConfigError, match="knows no such condition"):  # a set has no SNR
        load_gates(path)
    with pytest.raises(InputError, match="No such file"):
        load_gates(tmp_path / "none.toml")


def test_false_alarms_in_bursts_widen_their_interval():
    spread, burst = ([one_set(k, n_false=n) for k, n in enumerate(counts)] for counts in ([1] * 20, [20] + [0] * 19))
    even, uneven = (estimate("false_tracklets_per_set", [], sets) for sets in (spread, burst))
    assert even.value == uneven.value == 1.0
    assert uneven.high > 1.5 * even.high


def test_targets_of_unknown_snr_are_in_the_open_bin():
    assert select([fate(0, True, snr=math.inf)], {"snr": [20, math.inf]})
    found = {"frame": 0, "x_px": 5.0, "y_px": 5.0, "tracklet_id": 0, "sigma_x_px": 1.0, "sigma_y_px": 1.0}
    place = {"x": 5.0, "y": 5.0, "x0": 5.0, "y0": 5.0, "x1": 5.0, "y1": 5.0, "streak_px": 0.0}
    result = score([found], Truth([[{"id": 0, "snr": math.inf, "flags": []} | place]]))
    assert result["completeness"][-1]["found"] == 1
    ET.fromstring(completeness_svg("snr", [fate(0, True, snr=math.inf), fate(1, True, snr=12.0)]))  # placed nowhere, and told


# ---- truth of other makers


def test_spotgeo_labels_are_read_by_sequence(tmp_path):
    path = tmp_path / "anno.json"
    path.write_text(json.dumps([
        {"sequence_id": 7, "frame": 1, "num_objects": 1, "object_coords": [[10.0, 20.0]]},
        {"sequence_id": 7, "frame": 2, "num_objects": 0, "object_coords": []},
        {"sequence_id": 8, "frame": 1, "num_objects": 1, "object_coords": [[1.0, 2.0]]},
    ]))  # fmt: skip
    truth = load_truth(path, 7)
    assert [len(targets) for targets in truth.frames] == [1, 0]
    assert truth.frames[0][0]["x"] == 10.0
    with pytest.raises(InputError, match="7 to 8"):
        load_truth(path)


@pytest.mark.real
def test_real_spotgeo_labels_score_perfectly_against_themselves(data):
    from sensorproc.scoring.challenges import places, spotgeo

    truth = load_truth(data / "spotgeo" / "train_anno_dev.json", 10)
    rows = [{"frame": k, "x_px": t["x"], "y_px": t["y"]} for k, targets in enumerate(truth.frames) for t in targets]
    f1, mse, pooled = spotgeo([places(rows, truth)])
    assert (f1, mse) == (1.0, 0.0)
    assert pooled.true_positives == len(rows) > 0


# ---- the verb


def test_score_writes_every_form(runs, recordings, tmp_path, capsys):
    gate = tmp_path / "g.toml"
    gate.write_text('[[gate]]\nmetric = "completeness"\nfloor = 0.2\n[[gate]]\nmetric = "flux_bias"\nfloor = 5.0\n')
    out = {name: tmp_path / name for name in ("s.json", "j.xml", "s.md", "plots", "gallery")}
    arguments = ["score", str(runs / "BODY_FIXED"), "--truth", str(recordings / "BODY_FIXED" / "truth.json"), "--gate", str(gate)]
    arguments += [
        "--junit",
        str(out["j.xml"]),
        "--md",
        str(out["s.md"]),
        "--plots",
        str(out["plots"]),
        "--gallery",
        str(out["gallery"]),
    ]
    assert main([*arguments, "--json", str(out["s.json"])]) == 5  # a gate without data does not pass
    assert "flux_bias: no data" in capsys.readouterr().err
    result = json.loads(out["s.json"].read_text())
    assert set(result["figures"]) == set(METRICS)
    assert result["figures"]["completeness"]["n"] == 2
    assert [g["outcome"] for g in result["gates"]] == ["pass", "no data"]
    assert result["challenges"]["spotgeo_f1"] > 0.9
    ET.parse(out["j.xml"])
    assert "set SNR" in out["s.md"].read_text()
    assert (out["plots"] / "completeness_snr.svg").exists()
    assert (out["gallery"] / "index.html").exists()


def test_a_gallery_shows_what_was_missed_and_what_is_false(runs, recordings, tmp_path):
    """With the truth of nothing every track is false; with a target where nothing is, that is missed."""
    import cv2

    truth = json.loads((recordings / "SIDEREAL" / "truth.json").read_text())
    for frame in truth["frames"]:
        place = {"x": 20.0, "y": 20.0, "x0": 20.0, "y0": 20.0, "x1": 20.0, "y1": 20.0}
        frame["targets"] = [{"id": "ghost", "name": "ghost", "streak_px": 0.0, "snr": 9.0, "flags": []} | place]
    (tmp_path / "t.json").write_text(json.dumps(truth))
    arguments = ["score", str(runs / "SIDEREAL"), "--truth", str(tmp_path / "t.json"), "--gallery", str(tmp_path / "g")]
    assert main([*arguments, "--recording", str(recordings / "SIDEREAL")]) == 0
    page = (tmp_path / "g" / "index.html").read_text()
    assert "missed: ghost, set 0, set SNR 25.5" in page
    assert "false: tracklet 0" in page
    strip = cv2.imread(str(tmp_path / "g" / "miss_00.png"), 0)
    assert strip.shape == (164, 9 * 164 + 8 * 6)
    assert np.ptp(strip) > 100


def test_estimates_become_json():
    assert asdict(estimate("completeness", ROWS, SETS))["n"] == 200
