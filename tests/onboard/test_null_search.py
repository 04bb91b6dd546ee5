"""Null searches: run when due, counted in the state, blind to the objects they must not see."""

import numpy as np
import pytest

from benchmarks.bench_process import made_up_frames
from benchmarks.cases import SIDEREAL
from sensorproc.config import Config, parse
from sensorproc.onboard.pipeline import process_set
from sensorproc.onboard.state import PayloadState


@pytest.fixture(scope="module")
def frames():
    """A stare with movers."""
    return made_up_frames(192, 8, SIDEREAL)


def test_both_nulls_run_in_every_fourth_set_and_find_no_mover(frames):
    third, _ = process_set(frames, PayloadState(n_sets=2), None, Config())
    fourth, state = process_set(frames, PayloadState(n_sets=3), None, Config())
    assert len(third.tracklets) == len(fourth.tracklets) > 0
    assert (third.null_expected, fourth.null_expected) == pytest.approx((0.3, 0.6))
    assert fourth.null_found <= 2
    assert (state.n_sets, state.null_expected) == (4, pytest.approx(0.6))


def test_the_wrong_order_of_time_can_be_switched_off(frames):
    processed, _ = process_set(frames, PayloadState(n_sets=3), None, parse({"search": {"permuted_every": 0}}))
    assert processed.null_expected == pytest.approx(0.3)


def test_a_payload_that_has_seen_false_tracks_asks_for_more(frames):
    fresh, _ = process_set(frames, PayloadState(), None, Config())
    warned, _ = process_set(frames, PayloadState(null_found=30.0, null_expected=3.0), None, Config())
    assert warned.excess == pytest.approx(33.0 / 6.0)
    assert warned.threshold_snr > fresh.threshold_snr + 0.15
    strong = [t for t in fresh.tracklets if t.snr > warned.threshold_snr]
    assert [t.snr for t in warned.tracklets] == [t.snr for t in strong]
    by_snr = {t.snr: t.log10_pfa for t in fresh.tracklets}
    assert all(t.log10_pfa >= by_snr[t.snr] for t in warned.tracklets)
    assert np.isfinite([t.log10_pfa for t in warned.tracklets]).all()
