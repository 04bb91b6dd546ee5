"""Where half of the targets are found: a logistic curve fitted to who was found and who was not."""

import math

import numpy as np
from scipy import special, stats

from sensorproc.scoring.intervals import Estimate

STEEPEST = 50.0  # units of x over the spread of x: without overlap of found and missed no slope is known
LEAST = 8  # targets, with at least one found and one missed


def half_found(x: np.ndarray, is_found: np.ndarray, rises: bool, confidence: float = 0.95) -> Estimate:
    """The value (SNR, magnitude) at which the chance to be found is one half.

    Maximum likelihood of a logistic curve on a grid; the interval is the likelihood-ratio one of the curve's middle
    (Wilks), at the best slope for each. NaN where all or none are found.
    """
    x, y = np.asarray(x, float), np.asarray(is_found, float)
    if len(x) < LEAST or y.min() == y.max():
        return Estimate(math.nan, -math.inf, math.inf, len(x))
    sign = 1.0 if rises else -1.0
    spread = max(float(np.ptp(x)), 1e-9)
    slopes = sign * np.geomspace(0.5, STEEPEST, 60) / spread
    middles = np.linspace(x.min() - 0.25 * spread, x.max() + 0.25 * spread, 601)
    best = np.array([_log_likelihood(x, y, middles, slope) for slope in slopes])
    profile = best.max(axis=0)
    peak = int(np.argmax(profile))
    inside = middles[profile > profile[peak] - 0.5 * stats.chi2.isf(1 - confidence, 1)]
    return Estimate(float(middles[peak]), float(inside[0]), float(inside[-1]), len(x))


def _log_likelihood(x: np.ndarray, y: np.ndarray, middles: np.ndarray, slope: float) -> np.ndarray:
    """Of every middle (m,) at one slope."""
    z = slope * (x[None, :] - middles[:, None])
    return (y * special.log_expit(z) + (1 - y) * special.log_expit(-z)).sum(axis=1)
