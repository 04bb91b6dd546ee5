"""Expected false alarms and what null searches make of them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensorproc import theory
from sensorproc.onboard.false_alarms import FalseAlarms, permutation, running_excess
from sensorproc.onboard.state import PayloadState

CURVATURES = theory.search_curvatures(512.0 * 512.0, 0.9, range(16), 64.0)


def test_the_threshold_is_where_so_many_are_expected():
    for skewness in (0.0, 0.01):
        false = FalseAlarms(CURVATURES, skewness, excess=3.0)
        for per_set in (1.0, 0.01):
            assert false.expected(false.threshold(per_set)) == pytest.approx(per_set, rel=1e-3)


def test_photon_skewness_makes_more_and_fewer_on_the_reversed_side():
    false = FalseAlarms(CURVATURES, 0.01)
    plain = FalseAlarms(CURVATURES, 0.0)
    assert false.expected(7.0) == pytest.approx(plain.expected(7.0) * np.exp(0.01 * 7.0**3 / 6.0))
    assert false.reversed().expected(7.0) < plain.expected(7.0) < false.expected(7.0)


def test_log10_pfa_never_exceeds_zero_nor_underflows():
    false = FalseAlarms(CURVATURES, 0.0)
    assert false.log10(2.0) == 0.0
    assert -310.0 < false.log10(1e4) <= -200.0


def test_a_burst_of_null_tracks_raises_the_threshold_and_a_lone_faint_one_hardly():
    false = FalseAlarms(CURVATURES, 0.0)
    u = false.threshold(0.3)
    healthy, lone, burst = (false.with_null(false, snrs, 1.0) for snrs in ([], [u + 0.05], [u + 1.0] * 30))
    assert healthy.excess == 1.0
    assert lone.threshold(0.01) == false.threshold(0.01)  # one in four sets has one
    assert burst.threshold(0.01) > u + 1.0
    single = false.with_null(false, [u + 5.0], 1.0)  # one artefact is no reason to be blind
    assert single.excess == pytest.approx(10.0)
    assert single.spread == 1.0
    assert false.with_null(false, [], 2.5).excess == 2.5


def test_chance_alone_raises_the_threshold_in_few_sets(rng):
    false = FalseAlarms(CURVATURES, 0.0)
    grid = np.linspace(false.threshold(0.3), 12.0, 4000)
    share = np.array([false.expected(u) for u in grid]) / 0.3
    raised = []
    for _ in range(400):
        snrs = [float(grid[np.searchsorted(-share, -v)]) for v in rng.uniform(0.001, 1.0, rng.poisson(0.3))]
        raised.append(false.with_null(false, snrs, 1.0).excess > 1.0)
    assert 0.0 < np.mean(raised) < 0.06


def test_the_running_excess_starts_at_one_and_follows_the_counts():
    assert running_excess(0.0, 0.0) == 1.0
    assert running_excess(300.0, 100.0) == pytest.approx(3.0, rel=0.05)
    state = PayloadState()
    for _ in range(200):
        state = state.after_set(2.0, 1.0)
    assert running_excess(state.null_found, state.null_expected) == pytest.approx(2.0, rel=0.1)
    assert state.digest() != PayloadState(n_sets=200).digest()


@given(st.integers(1, 64))
def test_the_wrong_order_is_an_order(n):
    assert sorted(permutation(n).tolist()) == list(range(n))


@pytest.mark.parametrize("n", [8, 12, 16, 24])
def test_no_constant_motion_stays_one_in_the_wrong_order(n):
    """The longest set of frames that one straight line in time explains within a frame or so."""
    t, times = np.arange(n) - (n - 1) / 2, permutation(n) - (n - 1) / 2
    most = 0
    for slope in np.linspace(-1.2, 1.2, 97):
        offsets = times - slope * t
        most = max(most, max(int((np.abs(offsets - o) < 0.6).sum()) for o in offsets))
    assert most <= 0.5 * n + 1
