"""Intervals of proportions, counts and means."""

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

CONFIDENCE = 0.99  # of the interval that must not exclude what is demanded

RESAMPLES = 2000
LEAST_GROUPS = 8  # fewer say nothing of how groups differ: then single rows are resampled


@dataclass(frozen=True)
class Estimate:
    """A figure with its interval and the number of trials, targets or sets it rests on."""

    value: float
    low: float
    high: float
    n: int


def wilson(found: int, n: int, confidence: float = 0.95) -> tuple[float, float]:
    """Wilson score interval of a proportion; (0, 1) for no trials.

    >>> [round(v, 3) for v in wilson(8, 10)]
    [0.49, 0.943]
    """
    if n == 0:
        return 0.0, 1.0
    z = float(stats.norm.isf((1 - confidence) / 2))
    p = found / n
    middle = (p + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    return max(middle - half, 0.0), min(middle + half, 1.0)


def poisson_interval(count: int, confidence: float = 0.95) -> tuple[float, float]:
    """Exact interval of a Poisson mean; a count of zero gives an upper limit, not zero.

    >>> [round(v, 2) for v in poisson_interval(0)]
    [0.0, 3.69]
    """
    tail = (1 - confidence) / 2
    low = float(stats.chi2.ppf(tail, 2 * count) / 2) if count else 0.0
    return low, float(stats.chi2.isf(tail, 2 * count + 2) / 2)


def widened(estimate: Estimate, tops: np.ndarray, bottoms: np.ndarray, groups: Sequence[Hashable], confidence: float) -> Estimate:
    """An estimate of a ratio with its interval widened to that of a bootstrap over groups, where there are enough.

    Counts and proportions have exact intervals for independent trials; false alarms come in bursts and the targets of
    one set share its threshold, and then those are too narrow.
    """
    if len(set(groups)) < LEAST_GROUPS:
        return estimate
    resampled = bootstrap_ratio(tops, bottoms, groups, confidence)
    return Estimate(estimate.value, min(estimate.low, resampled.low), max(estimate.high, resampled.high), estimate.n)


def bootstrap_ratio(
    top: np.ndarray, bottom: np.ndarray, groups: Sequence[Hashable], confidence: float = 0.95, seed: int = 1
) -> Estimate:
    """Ratio of sums over rows, whole groups of which are resampled (percentile bootstrap; Efron & Tibshirani 1993, ch. 13).

    Weighted means are such ratios. Rows of one group share errors, such as a set's plate solution, and are no
    independent trials; with fewer than eight groups rows are taken for such nevertheless. NaN with an infinite interval
    where the sum below is zero.
    """
    if len(top) == 0 or not np.sum(bottom):
        return Estimate(math.nan, -math.inf, math.inf, len(top))
    index = _group_numbers(groups)
    tops, bottoms = (np.bincount(index, values) for values in (top, bottom))
    chosen = np.random.default_rng(seed).integers(0, len(tops), (RESAMPLES, len(tops)))
    below = bottoms[chosen].sum(axis=1)
    ratios = np.divide(tops[chosen].sum(axis=1), below, out=np.full(RESAMPLES, np.nan), where=below != 0)
    tail = 50.0 * (1.0 - confidence)
    low, high = np.nanpercentile(ratios, [tail, 100.0 - tail])
    return Estimate(float(np.sum(top) / np.sum(bottom)), float(low), float(high), len(top))


def resampled_means(values: np.ndarray, groups: Sequence[Hashable], seed: int = 1) -> np.ndarray:
    """Means (RESAMPLES, k) of the columns of ``values`` (n, k) over resampled groups, as in :func:`bootstrap_ratio`; none of no
    rows."""
    if not len(values):
        return np.empty((0, values.shape[1]))
    index = _group_numbers(groups)
    sums = np.stack([np.bincount(index, column) for column in (*values.T, np.ones(len(values)))], axis=1)
    chosen = np.random.default_rng(seed).integers(0, len(sums), (RESAMPLES, len(sums)))
    totals = sums[chosen].sum(axis=1)
    return np.asarray(totals[:, :-1] / totals[:, -1:])


def _group_numbers(groups: Sequence[Hashable]) -> np.ndarray:
    """The group of every row by its number; each row's own, where groups are too few to tell how they differ."""
    number = {group: k for k, group in enumerate(dict.fromkeys(groups))}
    return np.array([number[group] for group in groups]) if len(number) >= LEAST_GROUPS else np.arange(len(groups))
