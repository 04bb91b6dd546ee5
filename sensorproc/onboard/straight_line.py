"""A straight, uniform motion through places with error bars."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, eq=False)
class StraightLine:
    """Place at t = 0 and velocity (4,): x, y, vx, vy; their covariance (4, 4); chi-squared per degree of freedom."""

    motion: np.ndarray
    cov: np.ndarray
    chi2: float

    @property
    def significance(self) -> float:
        """Of the velocity, in sigmas."""
        return float(np.sqrt((self.motion[2:] ** 2 / np.diag(self.cov)[2:]).sum()))


def squared_pull(gap: np.ndarray, cov: np.ndarray) -> float:
    """Chi-squared of a displacement (2,) with covariance (2, 2)."""
    (a, b), (_, c) = cov
    return float((c * gap[0] ** 2 - 2.0 * b * gap[0] * gap[1] + a * gap[1] ** 2) / (a * c - b * b))


def velocity(t: np.ndarray, xy: np.ndarray) -> np.ndarray:
    """Velocity (2,) of the straight line through places ``xy`` (n, 2) at times ``t`` (n,), all alike."""
    spread = t - t.mean()
    return np.asarray((spread[:, None] * xy).sum(axis=0) / (spread**2).sum())


def straight_line(t: np.ndarray, xy: np.ndarray, variance: np.ndarray) -> StraightLine:
    """Weighted least squares through places ``xy`` (n, 2) at times ``t`` (n,) with ``variance`` (n, 2) in x and y.

    A velocity that the times cannot tell is zero with an infinite variance.
    """
    motion, cov, chi2 = np.empty(4), np.zeros((4, 4)), 0.0
    for axis in (0, 1):
        w = 1.0 / variance[:, axis]
        total, mean = float(w.sum()), float((w * t).sum() / w.sum())
        spread = float((w * (t - mean) ** 2).sum())
        rate = float((w * (t - mean) * xy[:, axis]).sum()) / spread if spread > 0 else 0.0
        rate_variance = 1.0 / spread if spread > 0 else np.inf
        motion[axis], motion[axis + 2] = float((w * xy[:, axis]).sum()) / total - rate * mean, rate
        cov[axis, axis], cov[axis + 2, axis + 2] = 1.0 / total + (mean**2 * rate_variance if mean else 0.0), rate_variance
        cov[axis, axis + 2] = cov[axis + 2, axis] = -mean * rate_variance if mean else 0.0
        chi2 += float((w * (xy[:, axis] - motion[axis] - rate * t) ** 2).sum())
    return StraightLine(motion, cov, chi2 / max(2 * len(t) - 4, 1))
