"""Figures over cases: the spread of the truth, not that of the estimates."""

import math

import numpy as np
import pytest

from sensorproc.scoring.figures.cases import by_case, without_scatter, worst
from sensorproc.scoring.figures.metrics import estimate
from sensorproc.scoring.presentation.reports import worst_cases
from sensorproc.theory import pd_search


def made(rng, losses_db, n_targets, false=None):
    """Rows and sets of cases with known losses."""
    rows, sets = [], []
    for k, loss in enumerate(losses_db):
        snr = rng.uniform(5.0, 16.0, n_targets)
        found = rng.random(n_targets) < pd_search(snr * 10 ** (-loss / 20), 7.0, 4)
        about = {"case": f"c{k}", "seed": 0, "set": 0}
        rows += [about | {"snr": s, "is_found": bool(f), "is_whole": True, "is_blend": False, "limit_snr": 7.0}
                 for s, f in zip(snr.tolist(), found.tolist(), strict=True)]  # fmt: skip
        n_false = (false or {}).get(k, 0)
        sets.append(about | {"n_false": n_false, "n_tracklets": 9, "n_false_streaks": 0, "n_frames": 8, "hours": 0.1})
    return rows, sets


def test_median_and_worst_of_many_instruments_come_out(rng):
    truth = rng.choice([0.3, 0.3, 0.3, 2.0], 120)
    rows, sets = made(rng, truth, 60)
    median, tail = (estimate(name, rows, sets) for name in ("loss_db_median_case", "loss_db_worst_case"))
    assert median.value == pytest.approx(np.median(truth), abs=0.25)
    assert tail.value == pytest.approx(2.0, abs=0.45)
    assert median.low < median.value < median.high
    assert median.n == 120


def test_equal_instruments_have_no_spread_but_chance(rng):
    rows, sets = made(rng, np.full(80, 0.5), 40)
    raw = np.percentile([case.loss_db for case in by_case(rows, sets)], 95)
    assert estimate("loss_db_worst_case", rows, sets).value < 0.5 * (raw + 0.5) + 0.1


def test_scatter_is_taken_out_and_no_more(rng):
    truth = rng.normal(1.0, 0.8, 4000)
    sigma = rng.uniform(0.2, 1.0, 4000)
    drawn = without_scatter(truth + sigma * rng.standard_normal(4000), sigma)
    assert np.std(drawn) == pytest.approx(0.8, rel=0.1)
    assert np.mean(drawn) == pytest.approx(1.0, abs=0.05)
    assert np.std(without_scatter(rng.normal(1.0, 0.5, 50), np.full(50, 5.0))) < 1e-6


def test_an_instrument_that_finds_nothing_counts_as_lost(rng):
    rows, sets = made(rng, [0.3] * 20, 40)
    blind = [row | {"is_found": False} if row["case"] == "c0" else row for row in rows]
    first = by_case(blind, sets)[0]
    assert first.loss_db > 5.0
    assert worst(by_case(blind, sets), 3)[0].name == "c0"


def test_blended_targets_do_not_count_and_few_tell_nothing(rng):
    rows, sets = made(rng, [0.3] * 3, 40)
    assert by_case([row | {"is_blend": True} for row in rows], sets)[0].n_targets == 0
    assert math.isnan(by_case(rows[:4], sets)[0].loss_db)
    assert math.isnan(estimate("loss_db_median_case", rows, sets).value)


def test_the_report_shows_the_worst_first(rng):
    rows, sets = made(rng, [0.3] * 30, 20, {7: 5})
    table = worst_cases(rows, sets)
    assert table[1].startswith("| worst cases")
    assert table[3].startswith("| c7 ")
    assert not worst_cases(*made(rng, [0.3] * 5, 20))
    assert estimate("most_false_tracklets", rows, sets).value == 5
