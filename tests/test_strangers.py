"""What other people's cameras bring, through the command line: each a kind with members, on skies that are not the renderer's."""

import math

import numpy as np
import pytest

from sensorproc.cli import main
from sensorproc.ground.table_reader import read_table
from tests.skies import made

MOVER = (45.0, 49.0, 5.0, 3.0)
FEW, MANY = range(2), range(2, 12)
members = pytest.mark.parametrize("seed", [*FEW, *(pytest.param(k, marks=pytest.mark.slow) for k in MANY)])


def processed(folder, frames):
    """Tracklets, streaks of single frames, all detections, frames and events of a recording."""
    recording = made.write(folder / "rec", frames)
    code = main(["process", str(recording), "-o", str(folder / "out"), "--marking", "U", "--data-mode", "TEST"])
    tables = [read_table(folder / "out" / f"{name}.ecsv") for name in ("tracklets", "detections", "frames", "events")]
    tracklets, detections, rows, events = tables
    assert code == (0 if any(row["status"] == "processed" for row in rows) else 4)
    return tracklets, [row for row in detections if row["tracklet_id"] < 0], detections, rows, events


def is_there(tracklet, x, y, vx, vy, within_px=0.5):
    return (
        math.hypot(tracklet["x_px"] - x, tracklet["y_px"] - y) < within_px
        and math.hypot(tracklet["vx_px_frame"] - vx, tracklet["vy_px_frame"] - vy) < 0.1
    )


def at_epoch(tracklet, frames, x, y, vx, vy):
    """The mover's place in the tracklet's own frame of reference."""
    k = min(range(len(frames)), key=lambda k: math.hypot(x + vx * k - tracklet["x_px"], y + vy * k - tracklet["y_px"]))
    return x + vx * k, y + vy * k, vx, vy


def no_chance(tracklets):
    """Those that are no chance: one false one in a hundred sets is what the search is asked for."""
    return [tracklet for tracklet in tracklets if tracklet["log10_pfa"] < -4.0]


def the_mover(tracklets, frames, motion):
    """The one tracklet that is no chance."""
    (one,) = no_chance(tracklets)
    assert is_there(one, *at_epoch(one, frames, *motion))
    return one


def random_motion(rng):
    angle, speed = rng.uniform(0.0, 2.0 * math.pi), rng.uniform(2.0, 6.0)
    vx, vy = speed * math.cos(angle), speed * math.sin(angle)
    return 80.0 - 3.5 * vx + rng.uniform(-15.0, 15.0), 80.0 - 3.5 * vy + rng.uniform(-15.0, 15.0), vx, vy


@pytest.mark.parametrize("what", ["zeros", "full", "half", "two levels", "one row"])
def test_a_frame_without_noise_is_rejected_by_name_and_costs_nothing_else(tmp_path, what):
    rng = np.random.default_rng(5)
    frames = made.frames(rng, [made.mover(*MOVER, 3000.0)])
    dead = np.zeros_like(frames[4])
    if what == "full":
        dead[:] = 500.0
    elif what == "half":
        dead[:, 80:] = 500.0
    elif what == "two levels":
        dead[::2] = 500.0
    elif what == "one row":
        dead[0] = rng.normal(100.0, 10.0, dead.shape[1])
    frames[4] = dead
    tracklets, _, _, rows, events = processed(tmp_path, frames)
    assert the_mover(tracklets, frames, MOVER)["n_frames"] == 7
    assert [row["frame"] for row in rows if row["status"] != "processed"] == [4]
    assert {event["event"] for event in events} <= {"FLAT", "NO_DATA", "SATURATED", "NOT_REGISTERED"}


@members
def test_a_plain_gaussian_psf_is_measured_right_and_streaks_are_seen(tmp_path, seed):
    rng = np.random.default_rng(100 + seed)
    optics = made.Optics(rng.uniform(1.8, 3.6), 0.0)
    y0, y1 = rng.uniform(20.0, 140.0, 2)
    flux = 35.0 * math.sqrt(made.SKY_E + made.READ_E**2) * math.sqrt(150.0 * 2.0 * math.sqrt(math.pi) * optics.fwhm_px / 2.3548)
    lights = [made.streak(3, (20.0, y0), (140.0, y1), flux)]
    tracklets, streaks, _, rows, _ = processed(tmp_path, made.frames(rng, lights, optics=optics))
    true = math.hypot(optics.fwhm_px, made.FWHM_PER_SIGMA / math.sqrt(12.0))
    assert rows[0]["psf_fwhm_px"] == pytest.approx(true, rel=0.03)
    (streak,) = streaks
    assert math.hypot(streak["x_px"] - 80.0, streak["y_px"] - 0.5 * (y0 + y1)) < 2.5
    assert streak["length_px"] == pytest.approx(math.hypot(120.0, y1 - y0), abs=5.0)
    assert len(tracklets) == 0


@members
def test_clouds_cost_their_frames_and_no_object(tmp_path, seed):
    rng = np.random.default_rng(200 + seed)
    clouded = sorted(rng.choice(8, size=int(rng.integers(1, 4)), replace=False).tolist())
    passed = np.where(np.isin(np.arange(8), clouded), rng.uniform(0.01, 0.06), rng.uniform(0.8, 1.0, 8))
    motion = random_motion(rng)
    frames = made.frames(rng, [made.mover(*motion, 6000.0)], transparency=passed)
    tracklets, streaks, _, rows, events = processed(tmp_path, frames)
    assert the_mover(tracklets, frames, motion)["n_frames"] == 8 - len(clouded)
    assert [row["frame"] for row in rows if row["status"] != "processed"] == clouded
    assert {event["event"] for event in events} <= {"CLOUDED", "NOT_REGISTERED", "THRESHOLD_RAISED"}
    assert len(streaks) == 0


@members
def test_a_flashing_object_is_one_tracklet(tmp_path, seed):
    rng = np.random.default_rng(300 + seed)
    bright = rng.choice(8, size=5, replace=False)
    motion = random_motion(rng)
    flux = [2500.0 if k in bright else 0.0 for k in range(8)]
    frames = made.frames(rng, [made.mover(*motion, flux)])
    tracklets, streaks, detections, _, _ = processed(tmp_path, frames)
    one = the_mover(tracklets, frames, motion)
    seen = {row["frame"] for row in detections if row["tracklet_id"] == one["tracklet_id"] and "NOT_SEEN" not in row["flags"]}
    assert seen >= set(bright.tolist())
    assert len(streaks) == 0


@pytest.mark.parametrize("along", ["columns", "rows"])
@members
def test_a_streak_along_a_line_of_readout_is_light(tmp_path, seed, along):
    rng = np.random.default_rng(400 + seed)
    place = rng.uniform(40.0, 120.0)
    ends = ((place, -5.0), (place, 165.0)) if along == "columns" else ((-5.0, place), (165.0, place))
    tracklets, streaks, _, _, _ = processed(tmp_path, made.frames(rng, [made.streak(3, *ends, rng.uniform(15e3, 30e3))]))
    (streak,) = streaks
    assert streak["frame"] == 3
    assert (streak["x_px"] if along == "columns" else streak["y_px"]) == pytest.approx(place, abs=0.5)
    assert streak["length_px"] == pytest.approx(160.0, abs=6.0)
    assert not no_chance(tracklets)


@pytest.mark.parametrize("n", [1, 2])
@members
def test_streaks_of_one_frame_make_no_tracklets(tmp_path, seed, n):
    rng = np.random.default_rng(500 + seed)
    ends = [((5.0, rng.uniform(10.0, 150.0)), (155.0, rng.uniform(10.0, 150.0))) for _ in range(n)]
    tracklets, streaks, _, _, _ = processed(tmp_path, made.frames(rng, [made.streak(3, *e, 16e3) for e in ends]))
    off = [[_off(streak, *line) for line in ends] for streak in streaks]
    assert all(min(row) < 2.0 for row in off)
    assert all(min(row[i] for row in off) < 2.0 for i in range(n))
    assert len(tracklets) == 0


def _off(streak, first, last):
    """Distance [px] of a streak's middle from a line."""
    (x0, y0), (x1, y1) = first, last
    return abs((streak["x_px"] - x0) * (y1 - y0) - (streak["y_px"] - y0) * (x1 - x0)) / math.hypot(x1 - x0, y1 - y0)


def test_a_set_without_stars_is_told_in_one_sentence(tmp_path, capsys):
    frames = made.frames(np.random.default_rng(7), [made.mover(*MOVER, 6000.0)], n_stars=0)
    tracklets, _, _, rows, _ = processed(tmp_path, frames)
    assert len(tracklets) == 0
    assert {row["status"] for row in rows} == {"rejected: NO_STARS"}
    assert capsys.readouterr().err.count("NO_STARS") == 1
