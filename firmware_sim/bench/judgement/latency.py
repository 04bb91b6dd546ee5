"""Latencies as they were, and what may be said of them: exact order statistics, and no percentile that n does not support."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sensorproc.scoring.figures.intervals import CONFIDENCE
from sensorproc.timescales import NS_PER_S

PERCENTILES = (0.5, 0.9, 0.95, 0.99, 0.999)


def least_n(percentile: float, confidence: float = CONFIDENCE) -> int:
    """How many values tell a percentile: that the largest of them is above it with this confidence.

    >>> least_n(0.99), least_n(0.999), least_n(0.9, 0.95)
    (459, 4603, 29)
    """
    return math.ceil(math.log(1.0 - confidence) / math.log(percentile))


@dataclass(frozen=True, eq=False)
class Latencies:
    """Latencies [ns] of one kind, by frame or set, beside the time that is allowed."""

    what: str
    taken_ns: dict[int, int]
    allowed_ns: int

    @property
    def n_missed(self) -> int:
        return sum(taken > self.allowed_ns for taken in self.taken_ns.values())

    def percentile_s(self, percentile: float) -> float | None:
        """The exact order statistic [s]; none where n does not support it."""
        n = len(self.taken_ns)
        if n == 0 or (percentile != PERCENTILES[0] and n < least_n(percentile)):
            return None
        ordered = sorted(self.taken_ns.values())
        return ordered[min(math.ceil(percentile * n), n) - 1] / NS_PER_S

    def row(self) -> dict[str, object]:
        """As it is written: seconds, ``null`` where nothing may be said."""
        told = {f"p{100 * p:g}_s": self.percentile_s(p) for p in PERCENTILES}
        most = max(self.taken_ns.values(), default=0) / NS_PER_S
        return {
            "what": self.what, "n": len(self.taken_ns), "allowed_s": self.allowed_ns / NS_PER_S, **told, "max_s": most,
            "n_missed": self.n_missed,
        }  # fmt: skip


def queued(service_ns: Sequence[int], period_ns: int) -> np.ndarray:
    """Latencies [ns] of a queue with one server whose customers come every ``period_ns`` and are served so long (Lindley 1952):
    L[n] = max(0, L[n-1] - T) + S[n]."""
    latencies, last = [], 0
    for service in service_ns:
        last = max(0, last - period_ns) + service
        latencies.append(last)
    return np.array(latencies, np.int64)
