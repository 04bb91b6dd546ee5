"""Costs of stages from times measured on this machine: positive coefficients, least squares of the logarithm."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.optimize import least_squares

from firmware_sim.board.processor_profile import Profile
from firmware_sim.cost.measure import Sample
from firmware_sim.cost.model import StageCost, cpu_s

NEGLIGIBLE_S = 2e-4  # of a set: shorter stages are not worth their noise
SMALLEST = 1e-12  # of a coefficient, in its own scale
STARTS = ((0.05, 0.05, 0.5, 0.2), (0.3, 0.3, 0.1, 0.1), (0.01, 0.01, 1.0, 0.01))  # shares in the first guess: the best fit counts


@dataclass(frozen=True)
class Levels:
    """Bandwidth by level of memory [bytes/s], nearest first, and the size of each level but the last [bytes]."""

    cache_bytes: tuple[float, ...]
    bandwidth_bytes_s: tuple[float, ...]


def levels_of(copied: dict[int, float], n_levels: int = 3) -> Levels:
    """Levels of memory from copy bandwidths by bytes in use: steps where the logarithm of the bandwidth falls most."""
    sizes, rates = np.array(sorted(copied), float), np.array([copied[k] for k in sorted(copied)])
    falls = np.log(rates[:-1] / rates[1:])
    steps = sorted(np.argsort(-falls, kind="stable")[: n_levels - 1].tolist())
    parts = np.split(rates, [k + 1 for k in steps])
    caches = tuple(float(math.sqrt(sizes[k] * sizes[k + 1])) for k in steps)
    return Levels(caches, tuple(float(np.median(part)) for part in parts))


def fit_stage(samples: Sequence[Sample], profile: Profile) -> StageCost:
    """The cost of one stage from its samples, one for every cell measured; bytes are counted, not fitted."""
    moved = samples[0].moved_bytes
    measured = np.array([max(s.cpu_s, NEGLIGIBLE_S) for s in samples])
    if measured.max() <= NEGLIGIBLE_S:
        return StageCost(NEGLIGIBLE_S * profile.ops_per_core_s, 0.0, 0.0, 0.0, *moved, 0.0, 0.0)
    totals = np.array([_totals(s) for s in samples])  # calls, frames, pixels, items
    scale = np.array([float(np.median(measured / np.maximum(column, 1.0))) for column in totals.T])
    has = totals.max(axis=0) > 0

    def cost(p: np.ndarray) -> StageCost:
        ops = (np.where(has, np.exp(p) * scale, 0.0) * profile.ops_per_core_s).tolist()
        call, frame, pixel, item = ops
        return StageCost(call, frame, pixel, item, *moved, 0.0, 0.0)

    def misfit(p: np.ndarray) -> np.ndarray:
        told = cost(p)
        times = np.array([sum(cpu_s(told, call, profile) for call in s.calls) for s in samples])
        return np.log((times + NEGLIGIBLE_S) / (measured + NEGLIGIBLE_S))

    bounds = (math.log(SMALLEST), math.log(1e3))
    fits = [least_squares(misfit, np.log(start), bounds=bounds, loss="soft_l1", f_scale=0.1) for start in STARTS]
    best = min(fits, key=lambda f: f.cost)
    spread = float(np.sqrt(np.mean(misfit(best.x) ** 2)))
    return replace(cost(best.x), parallel=parallel_share(samples), spread=spread)


def parallel_share(samples: Sequence[Sample]) -> float:
    """Share of a stage's time that two threads divide, from its longest run: cpu/elapsed = 1/(1 - p/2)."""
    longest = max(samples, key=lambda s: s.cpu_s)
    gain = longest.cpu_s / max(longest.elapsed_s, 1e-9)
    return float(np.clip(2.0 * (1.0 - 1.0 / max(gain, 1.0)), 0.0, 1.0))


def _totals(sample: Sample) -> tuple[float, float, float, float]:
    calls = sample.calls
    return float(len(calls)), sum(c.frames for c in calls), sum(c.pixels for c in calls), sum(c.items for c in calls)
