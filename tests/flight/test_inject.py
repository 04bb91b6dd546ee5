"""Injection into recorded frames: the light is where the truth says, nothing else changes, and nothing becomes REAL."""

import json
import math

import numpy as np
import pytest
from astropy.io import fits

from firmware_sim.injection.stars import star_fwhm_px, star_shifts
from sensorproc.cli import main
from sensorproc.ground.table_reader import read_table
from sensorproc.recording import open_recording
from tests.skies.cases import EMPTY, write

ONE = '[[target]]\nname = "a"\nx_px = 60.0\ny_px = 80.5\nrate_px_frame = [2.0, 1.0]\nelectrons = 3000.0\n'


def pixels(folder):
    recording = open_recording(folder)
    return np.array([entry.frame(k).data_dn for k, entry in enumerate(recording.entries)], float)


@pytest.fixture(scope="module")
def injected(recordings, tmp_path_factory):
    folder = tmp_path_factory.mktemp("injected")
    (folder / "t.toml").write_text("fwhm_px = 2.0\n" + ONE)
    assert main(["inject", str(recordings / "EMPTY"), str(folder / "t.toml"), "-o", str(folder / "rec")]) == 0
    return folder / "rec"


def test_light_is_added_where_the_truth_says_and_nowhere_else(injected, recordings):
    added = (pixels(injected) - pixels(recordings / "EMPTY")) * EMPTY.gain_e_per_dn
    truth = json.loads((injected / "truth.json").read_text())["frames"]
    y, x = np.mgrid[: added.shape[1], : added.shape[2]]
    for k, frame in enumerate(truth):
        (target,) = frame["targets"]
        assert (target["x"], target["y"]) == (pytest.approx(60 + 2 * k), pytest.approx(80.5 + k))
        near = np.hypot(x - target["x"], y - target["y"]) < 9
        assert (added[k][~near] == 0).all()
        light = added[k][near]
        assert light.sum() == pytest.approx(3000, abs=5 * math.sqrt(3000 + near.sum()))
        assert (light * x[near]).sum() / light.sum() == pytest.approx(target["x"], abs=0.12)
        assert target["streak_px"] == pytest.approx(math.hypot(2, 1) * 0.8)


def test_truth_snr_is_that_of_theory(injected):
    target = json.loads((injected / "truth.json").read_text())["frames"][3]["targets"][0]
    from sensorproc import theory

    s = math.hypot(2.0 / 2.3548, math.sqrt(1 / 12))
    sigma = math.sqrt(EMPTY.sky_e + EMPTY.read_noise_e**2)
    assert target["snr"] == pytest.approx(theory.snr_streak(3000.0, sigma, target["streak_px"], s), rel=0.1)


def test_headers_stay_and_say_what_was_done(injected, recordings):
    before, after = (fits.getheader(sorted(folder.rglob("*.fits"))[2], 1) for folder in (recordings / "EMPTY", injected))
    for card in ("DATE-OBS", "EXPTIME", "GAIN", "RDNOISE", "IFOV", "ZEROPT"):
        assert before[card] == after[card]
    assert (after["DATAMODE"], after["INJECTED"]) == ("EXERCISE", 1)


def test_an_exercise_is_never_real(injected, tmp_path, capsys):
    arguments = ["process", str(injected), "-o", str(tmp_path / "run"), "--marking", "U"]
    assert main([*arguments, "--data-mode", "REAL"]) == 5
    assert "EXERCISE" in capsys.readouterr().err
    assert main(["process", str(injected), "-o", str(tmp_path / "run")]) == 0
    assert read_table(tmp_path / "run" / "housekeeping.ecsv")[0]["data_mode"] == "EXERCISE"  # unmarked, and still not real
    bytes_alone = ["decode", str(tmp_path / "run" / "downlink.bin"), "-o", str(tmp_path / "d"), "--marking", "U"]
    assert main([*bytes_alone, "--data-mode", "REAL"]) == 5
    assert main([*bytes_alone, "--data-mode", "EXERCISE"]) == 0
    found = [row for row in read_table(tmp_path / "run" / "tracklets.ecsv") if row["snr"] > 30]
    assert len(found) == 1


def test_simulated_frames_are_never_real_either(mini, tmp_path, capsys):
    arguments = ["process", str(mini / "recording"), "-o", str(tmp_path / "run"), "--marking", "U", "--data-mode", "REAL"]
    assert main(arguments) == 5
    assert "SIMULATED" in capsys.readouterr().err


def test_targets_are_drawn_apart_and_move_with_the_stars(tmp_path, capsys):
    from dataclasses import replace

    write(replace(EMPTY, star_rate=(1.5, -0.8), n_stars=90, n_hot=10, seed=4), tmp_path / "rec")
    text = 'data_mode = "TEST"\n[[drawn]]\nn = 12\nset_snr = [8.0, 20.0]\nrate_px_frame = [1.0, 2.0]\napart_px = 25.0\n'
    (tmp_path / "t.toml").write_text(text)
    assert main(["inject", str(tmp_path / "rec"), str(tmp_path / "t.toml"), "-o", str(tmp_path / "out"), "--seed", "3"]) == 0
    assert "as the stars are" in capsys.readouterr().err
    recording = open_recording(tmp_path / "rec")
    frames = [entry.frame(k) for k, entry in enumerate(recording.entries)]
    shifts = star_shifts(frames)
    expected = np.arange(8)[:, None] * np.array([1.5, -0.8])
    assert np.abs(shifts - expected).max() < 0.8  # the made-up pointing wanders by 0.2 px
    trail = math.hypot(1.5, 0.8) * 0.8
    assert star_fwhm_px(frames) == pytest.approx(2.3548 * math.sqrt(0.85**2 + 1 / 12 + trail**2 / 24), rel=0.15)
    truth = json.loads((tmp_path / "out" / "truth.json").read_text())["frames"]
    places = np.array([(t["x"], t["y"]) for t in truth[0]["targets"]])
    apart = np.hypot(*(places[:, None] - places[None]).transpose(2, 0, 1))
    assert apart[~np.eye(len(places), dtype=bool)].min() >= 25.0
    for target in truth[0]["targets"]:
        later = next((t for t in truth[4]["targets"] if t["id"] == target["id"]), None)
        if later:
            trail_px = np.array([target["x1"] - target["x0"], target["y1"] - target["y0"]])
            own = (np.array([later["x"], later["y"]]) - [target["x"], target["y"]] - shifts[4]) / 4
            assert np.abs(trail_px - 0.8 * (own + [1.5, -0.8])).max() < 0.5  # it trails with the stars, and on its own
            assert 0.99 < np.hypot(*own) < 2.01


@pytest.mark.parametrize(
    ("text", "code", "told"),
    [
        ("seed = 1\n", 3, "names no [[target]]"),
        ('[[target]]\nname = "a"\nx_px = 1.0\ny_px = 2.0\n', 3, "either electrons or mag"),
        (ONE.replace("rate_px_frame", "rate"), 3, "did you mean"),
        ('data_mode = "REAL"\n' + ONE, 3, "$.data_mode = 'REAL'"),
        ("not toml", 3, "not valid TOML"),
    ],
)
def test_mistakes_are_told(recordings, tmp_path, text, code, told, capsys):
    (tmp_path / "t.toml").write_text(text)
    assert main(["inject", str(recordings / "EMPTY"), str(tmp_path / "t.toml"), "-o", str(tmp_path / "o")]) == code
    assert told in capsys.readouterr().err


def test_a_folder_in_use_is_left_alone(recordings, tmp_path, capsys):
    (tmp_path / "t.toml").write_text(ONE)
    assert main(["inject", str(recordings / "EMPTY"), str(tmp_path / "t.toml"), "-o", str(tmp_path)]) == 2
    assert "holds files" in capsys.readouterr().err
