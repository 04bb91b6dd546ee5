"""Frames of a run against their truth: those that were used, their times and exposures."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensorproc.scoring.frame_facts import frame_facts
from sensorproc.scoring.truth import Truth
from sensorproc.timescales import NS_PER_S, tai_ns_from_utc, utc_from_tai_ns

START = tai_ns_from_utc("2026-11-22T14:30:00")


def told(k, late_s=0.0, exposure_s=2.0, status="processed", noise_e=9.0):
    at = utc_from_tai_ns(START + k * NS_PER_S + round(late_s * NS_PER_S))
    return {"frame": k, "time_utc": at, "exposure_s": exposure_s, "noise_e": noise_e, "status": status}


def truth(n, unjudged=()):
    return Truth(
        [[]] * n,
        frozenset(unjudged),
        {"exposure_s": 2.0},
        {k: START + k * NS_PER_S for k in range(n)},
        dict.fromkeys(range(n), 9.0),
    )


def test_a_healthy_set_is_whole_and_in_time():
    found = frame_facts([told(k) for k in range(8)], truth(8), 0, 8)
    assert found == {"frames_used": 1.0, "late_s": 0.0, "longer": 0.0, "noisier": 0.0}


@given(late_s=st.floats(-5, 5), longer=st.floats(-0.5, 0.5), lost=st.sets(st.integers(0, 7), max_size=7))
def test_what_is_wrong_shows_by_its_size(late_s, longer, lost):
    frames = [told(k, late_s, 2.0 * (1 + longer)) for k in range(8) if k not in lost]
    found = frame_facts(frames, truth(8), 0, 8)
    assert found["frames_used"] == pytest.approx(1 - len(lost) / 8)
    assert frame_facts([row | {"noise_e": 9.0 * (1 + longer)} for row in frames], truth(8), 0, 8)["noisier"] == pytest.approx(
        longer
    )
    assert found["late_s"] == pytest.approx(late_s, abs=1e-6)
    assert found["longer"] == pytest.approx(longer, abs=1e-9)


def test_rejected_frames_are_not_used_and_unjudged_ones_not_demanded():
    frames = [told(0), told(1, status="rejected: FLAT"), told(2)]
    assert frame_facts(frames, truth(4, unjudged=(3,)), 0, 4)["frames_used"] == pytest.approx(2 / 3)


def test_what_a_truth_does_not_tell_is_no_error():
    found = frame_facts([told(0) | {"time_utc": "nan"}], Truth([[]], mid_tai_ns={0: START}), 0, 1)
    assert found["frames_used"] == 1.0
    assert math.isnan(found["late_s"])
    assert math.isnan(found["longer"])
    assert math.isnan(frame_facts([], truth(2), 2, 2)["frames_used"])
