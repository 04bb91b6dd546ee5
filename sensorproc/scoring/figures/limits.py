"""Limits from who was found and who was not: where half are, and how far that is from the best search possible."""

import math

import numpy as np
from scipy import special, stats

from sensorproc.scoring.figures.intervals import Estimate

MAXIMISED = 4  # parameters of a linear motion
LAPSES = 1e-3  # a chance of this much to be found or missed for another reason: no single target decides
LOSSES_DB = np.linspace(-1.5, 8.0, 1901)
WIDE_LOSSES_DB = np.linspace(-2.0, 15.0, 341)
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


def search_loss(snr: np.ndarray, is_found: np.ndarray, limit_snr: np.ndarray, confidence: float = 0.95) -> Estimate:
    """SNR lost [dB] against a search that maximises the likelihood over place and rate at a threshold of ``limit_snr``.

    The efficiency g of ``pd_search(g rho, u)`` is fitted by maximum likelihood; u is what theory asks for the same area, box
    and false alarms, so a higher threshold than that counts as loss, too. The interval is the likelihood-ratio one.
    """
    rho, y, u = (np.asarray(v, float) for v in (snr, is_found, limit_snr))
    if len(rho) < LEAST or y.min() == y.max():
        return Estimate(math.nan, -math.inf, math.inf, len(rho))
    profile = loss_likelihood(rho, y, u, LOSSES_DB)
    peak = int(np.argmax(profile))
    inside = LOSSES_DB[profile > profile[peak] - 0.5 * stats.chi2.isf(1 - confidence, 1)]
    return Estimate(float(LOSSES_DB[peak]), float(inside[0]), float(inside[-1]), len(rho))


def loss_likelihood(rho: np.ndarray, y: np.ndarray, u: np.ndarray, losses_db: np.ndarray) -> np.ndarray:
    """Log-likelihood (m,) of every loss, given SNRs, who was found (1.0 or 0.0) and the limit of each (n,)."""
    profile = np.empty(len(losses_db))
    for i, loss in enumerate(losses_db):
        chance = stats.ncx2.sf(u * u, MAXIMISED + 1, np.maximum(rho * 10.0 ** (-loss / 20.0), 1e-3) ** 2)
        chance = LAPSES + (1.0 - 2.0 * LAPSES) * chance
        profile[i] = (y * np.log(chance) + (1.0 - y) * np.log1p(-chance)).sum()
    return profile
