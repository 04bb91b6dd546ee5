"""SNR lost against the best search possible, and false alarms against those claimed."""

import math

import numpy as np
import pytest

from sensorproc.scoring.figures.limits import search_loss
from sensorproc.scoring.figures.metrics import estimate
from sensorproc.scoring.presentation.plots import completeness_svg
from sensorproc.theory import pd_search


@pytest.mark.parametrize("loss_db", [0.0, 0.5, 3.0])
def test_a_known_loss_comes_out(rng, loss_db):
    snr = rng.uniform(5.0, 14.0, 3000)
    found = rng.random(3000) < pd_search(snr * 10 ** (-loss_db / 20), 7.0, 4)
    fit = search_loss(snr, found, np.full(3000, 7.0))
    assert fit.low - 0.1 < loss_db < fit.high + 0.1
    assert 0.1 < fit.high - fit.low < 0.4


def test_a_higher_threshold_counts_as_loss(rng):
    """7.5 instead of 7.0 is 0.6 dB."""
    snr = rng.uniform(5.0, 14.0, 4000)
    fit = search_loss(snr, rng.random(4000) < pd_search(snr, 7.5, 4), np.full(4000, 7.0))
    assert fit.value == pytest.approx(0.6, abs=0.15)


def test_without_both_found_and_missed_nothing_is_known():
    assert math.isnan(search_loss(np.full(50, 20.0), np.ones(50), np.full(50, 7.0)).value)


def test_claims_are_counted_against_themselves():
    sets = [{"case": "empty", "seed": k, "set": 0, "n_false": 2, "false_log10_pfa": [-0.1, -1.3]} for k in range(20)]
    assert estimate("false_alarms_over_expected", [], sets).value == pytest.approx(2.0)
    assert estimate("false_alarms_over_expected_0.3", [], sets).value == pytest.approx(1.0 / 0.3)
    assert estimate("false_alarms_over_expected_0.1", [], sets).value == pytest.approx(10.0)
    assert estimate("false_alarms_over_expected", [], [{"n_false": 1}]).n == 0


def test_the_picture_shows_the_best_search():
    rows = [
        {"snr": 5.0 + 0.1 * k, "is_found": k > 30, "is_whole": True, "limit_snr": 7.0, "case": "a", "seed": 0, "set": 0}
        for k in range(80)
    ]
    assert "best search possible" in completeness_svg("snr", rows)
    assert "best search possible" not in completeness_svg("snr", [row | {"limit_snr": math.nan} for row in rows])
