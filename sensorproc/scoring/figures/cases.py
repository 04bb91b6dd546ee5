"""Figures over cases, such as instruments: the typical one, and the worst without what chance adds to the spread."""

import math
from dataclasses import dataclass

import numpy as np

from sensorproc.scoring.figures.intervals import RESAMPLES, Estimate
from sensorproc.scoring.figures.limits import LEAST, WIDE_LOSSES_DB, loss_likelihood
from sensorproc.scoring.truth import Row

LEAST_CASES = 8
WORST = 95.0  # percentile


@dataclass(frozen=True)
class Case:
    """One case: its loss [dB] with the standard deviation that so few targets leave, and what was false in its sets."""

    name: str
    n_targets: int
    n_found: int
    loss_db: float
    sigma_db: float
    n_sets: int
    n_false: int
    most_false: int  # in one set
    false_streaks: int
    n_frames: int


def by_case(rows: list[Row], sets: list[Row]) -> list[Case]:
    """Every case of a result, in its order. ``rows`` are demanded targets; those blended with a star tell of the sky, not of
    the case, and are left out."""
    clear = [row for row in rows if not row.get("is_blend")]
    names = dict.fromkeys(row["case"] for row in sets if "case" in row)
    return [_case(name, *([row for row in part if row.get("case") == name] for part in (clear, sets))) for name in names]


def worst(cases: list[Case], most: int) -> list[Case]:
    """The cases that do worst: by false tracklets in one set, where there are more than two, then by loss."""
    return sorted(cases, key=lambda case: (-max(case.most_false, 2), -case.loss_db if math.isfinite(case.loss_db) else 0.0))[
        :most
    ]


def _case(name: str, rows: list[Row], sets: list[Row]) -> Case:
    loss, sigma = _loss(rows)
    false = [row["n_false"] for row in sets]
    streaks, frames = (sum(row[key] for row in sets) for key in ("n_false_streaks", "n_frames"))
    found = sum(row["is_found"] for row in rows)
    return Case(name, len(rows), found, loss, sigma, len(sets), sum(false), max(false, default=0), streaks, frames)


def _loss(rows: list[Row]) -> tuple[float, float]:
    """Mean and standard deviation of the loss [dB] by its likelihood: defined where all or none are found, too."""
    known = [row for row in rows if math.isfinite(row["snr"]) and math.isfinite(row.get("limit_snr") or math.nan)]
    if len(known) < LEAST:
        return math.nan, math.nan
    rho, limit, found = (np.array([float(row[key]) for row in known]) for key in ("snr", "limit_snr", "is_found"))
    profile = loss_likelihood(rho, found, limit, WIDE_LOSSES_DB)
    weight = np.exp(profile - profile.max())
    weight /= weight.sum()
    mean = float(weight @ WIDE_LOSSES_DB)
    return mean, math.sqrt(float(weight @ (WIDE_LOSSES_DB - mean) ** 2))


def without_scatter(values: np.ndarray, sigmas: np.ndarray) -> np.ndarray:
    """Values (n,) drawn together so that their spread is that of the truth (Louis 1984, JASA 79, 393): estimates spread more
    by their own errors."""
    middle = float(np.mean(values))
    spread2 = max(float(np.var(values)) - float(np.mean(sigmas**2)), 0.0)
    return np.asarray(middle + (values - middle) * np.sqrt(spread2 / np.maximum(spread2 + sigmas**2, 1e-12)))


def _over_cases(percentile: float, is_shrunk: bool, rows: list[Row], sets: list[Row], confidence: float) -> Estimate:
    losses = [(case.loss_db, case.sigma_db) for case in by_case(rows, sets) if math.isfinite(case.loss_db)]
    if len(losses) < LEAST_CASES:
        return Estimate(math.nan, -math.inf, math.inf, len(losses))
    values, sigmas = np.array(losses).T
    chosen = np.random.default_rng(1).integers(0, len(values), (RESAMPLES, len(values)))

    def figure(v: np.ndarray, s: np.ndarray) -> float:
        return float(np.percentile(without_scatter(v, s) if is_shrunk else v, percentile))

    tail = 50.0 * (1.0 - confidence)
    low, high = np.percentile([figure(values[pick], sigmas[pick]) for pick in chosen], [tail, 100.0 - tail])
    return Estimate(figure(values, sigmas), float(low), float(high), len(values))


def median_loss_db(rows: list[Row], sets: list[Row], confidence: float) -> Estimate:
    """Loss [dB] of the median case."""
    return _over_cases(50.0, False, rows, sets, confidence)


def worst_loss_db(rows: list[Row], sets: list[Row], confidence: float) -> Estimate:
    """Loss [dB] that one case in twenty exceeds."""
    return _over_cases(WORST, True, rows, sets, confidence)


def most_false(rows: list[Row], sets: list[Row], confidence: float) -> Estimate:
    """The most false tracklets in one set."""
    counts = [float(row["n_false"]) for row in sets]
    most = max(counts, default=math.nan)
    return Estimate(most, most, most, len(counts))
