"""Twenty small cases whose scores anyone can work out by hand, by our rule and by the spotGEO challenge's."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sensorproc.errors import InputError
from sensorproc.scoring.challenges import SATNET_GATE_PX, Tally, challenge_figures, satnet, spotgeo, spotgeo_frame
from sensorproc.scoring.fates import by_set, set_rows, with_bare_tracklets
from sensorproc.scoring.frames import score
from sensorproc.scoring.same_recording import demand_same
from sensorproc.scoring.truth import Truth
from sensorproc.timescales import tai_ns_from_utc, utc_from_tai_ns
from tests.oracles.spotgeo import score_frame


def target(x, y=50.0, name=None, snr=8.0, flags=(), streak=0.0):
    half = streak / 2
    return {"id": name or f"{x}", "x": x, "y": y, "x0": x - half, "y0": y, "x1": x + half, "y1": y, "streak_px": streak,
            "snr": snr, "flags": list(flags)}  # fmt: skip


def row(x, y=50.0, frame=0, tracklet=0):
    return {"frame": frame, "x_px": x, "y_px": y, "sigma_x_px": 0.1, "sigma_y_px": 0.1, "tracklet_id": tracklet, "snr": 8.0}


# name: detections, targets, (found, demanded, false) by our rule, (TP, FN, FP, error) by spotGEO's
CASES = {
    "nothing at all": ([], [], (0, 0, 0), (0, 0, 0, 0.0)),
    "an empty sky, one report": ([row(10)], [], (0, 0, 1), (0, 0, 1, 100.0)),
    "two targets, no report": ([], [target(10), target(40)], (0, 2, 0), (0, 2, 0, 200.0)),
    "dead on": ([row(10)], [target(10)], (1, 1, 0), (1, 0, 0, 0.0)),
    "just inside our gate": ([row(12)], [target(10)], (1, 1, 0), (1, 0, 0, 0.0)),
    "outside ours, inside theirs": ([row(14)], [target(10)], (0, 1, 1), (1, 0, 0, 4.0)),
    "at their dead zone's edge": ([row(13)], [target(10)], (0, 1, 1), (1, 0, 0, 3.0)),
    "exactly at their gate": ([row(20)], [target(10)], (0, 1, 1), (1, 0, 0, 0.0)),
    "beyond every gate": ([row(21)], [target(10)], (0, 1, 1), (0, 1, 1, 200.0)),
    "a duplicate": ([row(10), row(10.5)], [target(10)], (1, 1, 1), (1, 0, 1, 100.0)),
    "two reports in order": ([row(10), row(13)], [target(10), target(13)], (2, 2, 0), (2, 0, 0, 0.0)),
    "two reports crosswise near": ([row(13.5), row(10.5)], [target(10), target(13)], (2, 2, 0), (2, 0, 0, 0.0)),
    "one report between two targets": ([row(11.5)], [target(10), target(13)], (1, 2, 0), (1, 1, 0, 100.0)),
    "a tie, reports either side": ([row(9), row(11)], [target(10)], (1, 1, 1), (1, 0, 1, 100.0)),
    "the sum decides, not the nearest": ([row(11.9), row(13)], [target(10), target(12)], (2, 2, 0), (2, 0, 0, 0.0)),
    "an edge object found": ([row(1)], [target(1, flags=["edge"])], (0, 0, 0), (1, 0, 0, 0.0)),
    "an edge object missed": ([], [target(1, flags=["edge"])], (0, 0, 0), (0, 1, 0, 100.0)),
    "too faint to demand": ([], [target(10, snr=1.5)], (0, 0, 0), (0, 1, 0, 100.0)),
    "a streak hit along its length": ([row(60)], [target(50, streak=30.0)], (1, 1, 0), (1, 0, 0, 0.0)),
    "a streak missed across": ([row(50, 52.5)], [target(50, streak=30.0)], (0, 1, 1), (1, 0, 0, 0.0)),
}


@pytest.mark.parametrize("name", CASES)
def test_a_case_scores_as_worked_out_by_hand(name):
    detections, targets, (found, n, false), _ = CASES[name]
    result = score(detections, Truth([targets]))
    assert sum(b["found"] for b in result["completeness"]) == found
    assert sum(b["n"] for b in result["completeness"]) == n
    assert result["n_false_detections"] == false


@pytest.mark.parametrize("name", CASES)
def test_a_case_scores_as_spotgeo_publishes(name):
    detections, targets, _, expected = CASES[name]
    found, true = [(d["x_px"], d["y_px"]) for d in detections], [(t["x"], t["y"]) for t in targets]
    tally = spotgeo_frame(np.array(found), np.array(true))
    assert (tally.true_positives, tally.false_negatives, tally.false_positives, tally.error) == expected
    assert score_frame(found, true) == expected


POINTS = st.lists(st.tuples(st.floats(0, 30), st.floats(0, 30)), max_size=4)


@settings(max_examples=200, deadline=None)
@given(POINTS, POINTS)
def test_any_frame_scores_as_every_assignment_tried(found, true):
    tally = spotgeo_frame(np.array(found), np.array(true))
    n, missed, false, error = score_frame(found, true)
    assert (tally.true_positives, tally.false_negatives, tally.false_positives) == (n, missed, false)
    assert tally.error == pytest.approx(error, abs=1e-6)


def test_sequences_pool_counts_and_add_their_errors():
    one = [(np.array([[10.0, 10.0]]), np.array([[10.0, 14.0]])), (np.empty((0, 2)), np.array([[10.0, 18.0]]))]
    two = [(np.array([[5.0, 5.0], [40.0, 40.0]]), np.array([[5.0, 5.0]]))]
    f1, mse, pooled = spotgeo([one, two])
    assert (pooled.true_positives, pooled.false_negatives, pooled.false_positives) == (2, 1, 1)
    assert f1 == pytest.approx(2 * 2 / (4 + 2))
    assert mse == pytest.approx((4.0 + 100.0) / 2 + 100.0 / 2)
    assert math.isnan(Tally().f1)


def test_satnet_counts_within_eight_pixels():
    at_gate = [(np.array([[0.0, 0.0]]), np.array([[SATNET_GATE_PX, 0.0]]))]
    beyond = [(np.array([[0.0, 0.0]]), np.array([[SATNET_GATE_PX + 0.01, 0.0]]))]
    assert satnet(at_gate).f1 == 1.0
    assert satnet(beyond).f1 == 0.0
    figures = challenge_figures([row(10), row(30)], Truth([[target(10)], []]))
    assert figures["satnet_counts"] == [1, 0, 1]


# ---- fates and sets


def moving(n, speed=1.0, snr=4.0, **more):
    truth = [[target(10.0 + speed * k, name="a", snr=snr, streak=0.5 * speed) | more] for k in range(n)]
    return Truth(truth, facts={"exposure_s": 0.5, "cadence_s": 1.0})


def track(n, speed=1.0, off=(0.0, 0.0), tracklet=0):
    return [row(10.0 + speed * k + off[0], 50.0 + off[1], k, tracklet) for k in range(n)]


def test_errors_of_a_track_are_those_put_in():
    sky = {"ra_geo": 10.0, "dec_geo": 60.0, "electrons": 1000.0, "mag": 15.0}
    truth = moving(8, speed=2.0, **sky)
    seen = {"flux_e": 1100.0, "sigma_flux_e": 50.0, "mag": 14.9, "sigma_mag": 0.05, "ra_deg": 10.0 + 2 / 3600, "dec_deg": 60.0}
    rows = [r | seen | {"sigma_ra_arcsec": 0.5, "sigma_dec_arcsec": 0.5} for r in track(8, 2.0, (0.2, -0.1))]
    tracklets = [{"tracklet_id": 0, "cov_uu": 0.01, "cov_vv": 0.01}]
    (fate,) = by_set(rows, truth, [(0, 8)], tracklets)
    assert (fate["is_found"], fate["is_whole"], fate["n_held"]) == (True, True, 8)
    assert fate["snr"] == pytest.approx(4 * math.sqrt(8))
    assert fate["rate_px_frame"] == pytest.approx(2.0)
    assert (fate["along_px"], fate["across_px"]) == (pytest.approx(0.2), pytest.approx(-0.1))
    assert fate["chi2_position"] == pytest.approx(0.5 * (4 + 1))
    assert fate["time_error_s"] == pytest.approx(0.2 / (1.0 / 0.5))  # 1 px streak in 0.5 s
    assert fate["flux_error"] == pytest.approx(0.1)
    assert fate["chi2_flux"] == pytest.approx(4.0)
    assert (fate["mag_error"], fate["chi2_mag"]) == (pytest.approx(-0.1), pytest.approx(4.0))
    assert fate["error_arcsec"] == pytest.approx(1.0, rel=1e-4)  # cos 60 deg
    assert fate["chi2_sky"] == pytest.approx(0.5 * 4.0, rel=1e-3)
    assert fate["rate_error_px_frame"] == pytest.approx(0.0, abs=1e-9)


def test_a_rate_error_is_the_slope_of_the_position_error():
    rows = [r | {"x_px": r["x_px"] + 0.1 * r["frame"]} for r in track(8)]
    (fate,) = by_set(rows, moving(8), [(0, 8)], [{"tracklet_id": 0, "cov_uu": 0.01, "cov_vv": 0.01}])
    assert fate["rate_error_px_frame"] == pytest.approx(0.1)
    assert fate["chi2_rate"] == pytest.approx(0.5)


def test_two_tracklets_on_one_object_are_one_find_and_one_false_alarm():
    rows = track(8) + track(8, off=(0.5, 0.0), tracklet=1)
    (fate,) = by_set(rows, moving(8), [(0, 8)])
    (counted,) = set_rows(rows, moving(8), [(0, 8)])
    assert fate["tracklet_id"] == 0
    assert (counted["n_tracklets"], counted["n_false"], counted["false_ids"]) == (2, 1, [1])
    assert counted["hours"] == pytest.approx(8 / 3600)


def test_a_target_that_leaves_early_is_not_demanded():
    truth = Truth([[target(10.0 + k, name="a", flags=["edge"] if k >= 3 else [])] for k in range(8)])
    (fate,) = by_set([], truth, [(0, 8)])
    assert (fate["n_frames"], fate["is_whole"]) == (3, False)


def test_frames_whose_pixels_are_old_are_not_judged():
    truth = Truth([moving(8).frames[k] if k != 4 else [] for k in range(8)], frozenset({4}), {"cadence_s": 1.0})
    (fate,) = by_set(track(8), truth, [(0, 8)])
    assert (fate["n_frames"], fate["n_held"], fate["is_whole"]) == (7, 7, True)
    assert score(track(8), truth)["n_false_detections"] == 0
    assert set_rows(track(8), truth, [(0, 8)])[0]["n_false"] == 0


def bare(tracklet_id, x, n_frames, epoch=3):
    """A tracklet of which no detection came."""
    numbers = {name: 0.01 for name in ("cov_xx", "cov_yy", "snr", "log10_pfa", "mag", "sigma_mag")}
    return {"tracklet_id": tracklet_id, "detector": 0, "x_px": x, "y_px": 50.0, "epoch_frame": epoch, "n_frames": n_frames,
            "flags": ""} | numbers  # fmt: skip


def test_a_tracklet_without_detections_is_judged_as_a_tracklet():
    truth = moving(8)
    target = truth.frames[3][0]
    at = {"x_px": target["x"], "y_px": target["y"]}
    for row, is_found, n_false in (
        (bare(0, 0.0, 8) | at, True, 0),
        (bare(0, 0.0, 3) | at, False, 0),  # of too few frames
        (bare(0, 0.0, 8) | {"x_px": target["x"] + 9.0, "y_px": target["y"]}, False, 1),
    ):
        detections = with_bare_tracklets({"detections": [], "tracklets": [row]})
        (fate,) = by_set(detections, truth, [(0, 8)], [row])
        assert fate["is_found"] is is_found
        assert set_rows(detections, truth, [(0, 8)])[0]["n_false"] == n_false
        assert score(detections, truth)["n_false_tracklets"] == n_false


MID = tai_ns_from_utc("2026-03-01T12:00:00")


def run_frames(n=8, late_s=0.0):
    return [{"frame": k, "time_utc": utc_from_tai_ns(MID + round((10 * k + late_s) * 1e9))} for k in range(n)]


def timed(n=8):
    return Truth([[] for _ in range(n)], facts={"cadence_s": 10.0}, mid_tai_ns={k: MID + 10 * k * 10**9 for k in range(n)})


@pytest.mark.parametrize(
    ("truth", "frames", "facts", "words"),
    [
        (timed(), run_frames(late_s=86400.0), {}, "86400.0 s"),
        (timed(), run_frames(late_s=-6.0), {}, "-6.0 s"),
        (Truth([[]] * 8), run_frames(9), {"n_frames": 9}, "8 frames, the run 9"),
        (Truth([[]] * 8, facts={"shape_px": [64, 64]}), run_frames(), {"shape_px": [64, 65]}, "64 x 64 px, the run's 65"),
        (moving(8), run_frames(), {"shape_px": [40, 20], "n_frames": 8}, "beyond the run's frames"),
    ],
)  # fmt: skip
def test_the_truth_of_another_recording_is_refused(truth, frames, facts, words):
    with pytest.raises(InputError, match="another recording") as refusal:
        demand_same(truth, frames, {"recording": facts})
    assert words in str(refusal.value)


@pytest.mark.parametrize(
    ("truth", "frames", "facts"),
    [
        (timed(), run_frames(late_s=0.4), {"n_frames": 8}),
        (timed(8), run_frames(5), {"n_frames": 5}),  # the first five frames of it
        (timed(5), run_frames(8), {"n_frames": 8}),
        (timed(), [row | {"time_utc": "nan"} for row in run_frames()], {"n_frames": 8}),
        (Truth([[]] * 6, is_of_all_frames=False), run_frames(8), {"n_frames": 8}),
        (Truth([[]] * 8), run_frames(8), {}),  # decoded: the packets alone tell how many frames there were
    ],
)
def test_a_truth_that_contradicts_nothing_is_taken(truth, frames, facts):
    demand_same(truth, frames, {"recording": facts})
