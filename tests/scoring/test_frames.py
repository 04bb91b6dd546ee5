"""The score counts what it says it counts."""

import pytest

from sensorproc.errors import InputError
from sensorproc.scoring.fates import by_set, n_found, spans
from sensorproc.scoring.figures.intervals import poisson_interval, wilson
from sensorproc.scoring.frames import score
from sensorproc.scoring.truth import Truth, load_truth


def target(name, x, snr=8.0, flags=(), streak=0.0):
    half = streak / 2
    return {"id": name, "x": x, "y": 50.0, "x0": x - half, "y0": 50.0, "x1": x + half, "y1": 50.0, "streak_px": streak,
            "snr": snr, "flags": list(flags)}  # fmt: skip


def row(frame, x, y=50.0, tracklet=0):
    return {"frame": frame, "x_px": x, "y_px": y, "sigma_x_px": 0.1, "sigma_y_px": 0.1, "tracklet_id": tracklet}


def test_gates_assignment_and_false_alarms():
    truth = [[target("a", 10.0), target("b", 13.0), target("edge", 90.0, flags=["edge"])], [target("a", 10.0)]]
    rows = [row(0, 10.4), row(0, 12.8, tracklet=1), row(0, 90.0, tracklet=2), row(1, 30.0, tracklet=3)]
    result = score(rows, Truth(truth))
    assert result["completeness"][2]["found"] == 2
    assert result["completeness"][2]["n"] == 3  # the edge target is neither demanded nor false
    assert (result["n_false_detections"], result["false_tracklet_ids"]) == (1, [3])
    assert result["centroid"]["along_rms_px"] == pytest.approx(((0.4**2 + 0.2**2) / 3) ** 0.5)


def test_a_streak_is_gated_along_its_length():
    truth = [[target("s", 50.0, streak=30.0)]]
    assert score([row(0, 60.0)], Truth(truth))["completeness"][2]["found"] == 1
    assert score([row(0, 61.0)], Truth(truth))["completeness"][2]["found"] == 0
    assert score([row(0, 50.0, y=52.5)], Truth(truth))["completeness"][2]["found"] == 0


def test_intervals():
    assert wilson(0, 0) == (0.0, 1.0)
    assert poisson_interval(0)[1] == pytest.approx(3.689, abs=1e-3)
    low, high = wilson(190, 200)
    assert (round(low, 3), round(high, 3)) == (0.910, 0.973)


def test_bad_truth_is_named(tmp_path):
    (tmp_path / "t.json").write_text("{}")
    with pytest.raises(InputError, match="frames"):
        load_truth(tmp_path / "t.json")


def test_a_target_is_judged_where_it_is_clear_of_the_edge():
    def target(x, flags):
        return {"id": 1, "x": x, "y": 5.0, "x0": x, "y0": 5.0, "x1": x, "y1": 5.0, "streak_px": 0.0, "snr": 5.0, "flags": flags}

    truth = [[target(float(k), ["edge"] if k < 4 else [])] for k in range(8)]
    rows = [{"frame": k, "x_px": float(k), "y_px": 5.0, "tracklet_id": 0, "ra_deg": 0.0, "dec_deg": 0.0} for k in range(8)]
    (whole,) = by_set(rows, Truth(truth), [(0, 8)])
    assert (whole["n_held"], whole["n_frames"], whole["is_found"]) == (4, 4, True)
    assert whole["snr"] == 10.0
    (edge_only,) = by_set(rows[:4], Truth(truth), [(0, 8)])
    assert (edge_only["n_held"], edge_only["is_found"]) == (0, False)
    assert n_found([whole, edge_only], 9.0) == (1, 2)
    assert spans([{"first_frame": 5}, {"first_frame": 0}], 12) == [(0, 5), (5, 7)]


@pytest.mark.parametrize(
    ("there", "n_frames", "want"),
    [
        ([0, 8, 16, 24], 32, [0, 8, 16, 24]),
        ([0, 8, 16], 32, [0, 8, 16, 24]),
        ([0, 8, 24], 32, [0, 8, 16, 24]),
        ([8, 16, 24], 32, [0, 8, 16, 24]),
        ([16], 32, [0, 8, 16, 24]),
        ([], 32, [0]),
        ([0, 8, 16, 24], 34, [0, 8, 16, 24]),
        ([2, 10, 18], 26, [2, 10, 18]),
    ],
)
def test_a_set_that_is_lost_is_demanded(there, n_frames, want):
    """A flight that loses a set must not score better: its targets count as not found."""
    found = spans([{"first_frame": first, "n_frames": 8} for first in there], n_frames)
    assert [first for first, _ in found] == want
    assert sum(n for _, n in found) == n_frames - found[0][0]
