"""Two results of one schedule: what has become faster or slower, with intervals."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from sensorproc.errors import InputError, NotComparable
from sensorproc.scoring.figures.intervals import CONFIDENCE, RESAMPLES
from sensorproc.timescales import NS_PER_S

SAME = ("version", "cadence_s", "set_frames", "config_digest")
QUANTILES = (0.5, 0.95)


@dataclass(frozen=True)
class Difference:
    """A quantile of a kind of latency before and after [s], and the interval of what it has changed by."""

    what: str
    old_s: float
    new_s: float
    low_s: float
    high_s: float

    @property
    def verdict(self) -> str:
        return "slower" if self.low_s > 0 else "faster" if self.high_s < 0 else "same within chance"

    @property
    def text(self) -> str:
        change = f"{self.new_s - self.old_s:+.4f}, {self.low_s:+.4f} to {self.high_s:+.4f} s"
        return f"{self.what}: {self.old_s:.4f} -> {self.new_s:.4f} s ({change}): {self.verdict}"


def load_results(path: Path) -> dict[str, Any]:
    """A result of ``firmware-sim bench``: its folder or its ``results.json``.

    Raises
    ------
    InputError
        If it is none.
    """
    file = path / "results.json" if path.is_dir() else path
    try:
        facts: dict[str, Any] = json.loads(file.read_text("utf-8"))
        _ = [facts[name] for name in (*SAME, "latencies_ns", "outcome")]
        return facts
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{file}: no result of a bench ({type(error).__name__}: {error})") from None


def compare(old: dict[str, Any], new: dict[str, Any]) -> list[Difference]:
    """Differences of two results.

    Raises
    ------
    NotComparable
        If they are of other schedules, or the products of one are wrong.
    """
    for name in SAME:
        if old[name] != new[name]:
            raise NotComparable(f"{name} is {old[name]!r} in the one and {new[name]!r} in the other: not the same bench")
    for facts in (old, new):
        if facts["outcome"] == "INVALID":
            raise NotComparable(f"{facts['name']}: its products are not those of the ground: its latencies say nothing")
    return [
        _difference(f"{kind}, {100 * q:g} %", old["latencies_ns"][kind], new["latencies_ns"][kind], q)
        for kind in sorted(old["latencies_ns"]) for q in QUANTILES if old["latencies_ns"][kind] and new["latencies_ns"][kind]
    ]  # fmt: skip


def _difference(what: str, old: dict[str, int], new: dict[str, int], q: float) -> Difference:
    """By the bootstrap of both lists (Efron & Tibshirani 1993, ch. 8)."""
    rng = np.random.default_rng(1)
    lists = [np.array(list(one.values()), float) / NS_PER_S for one in (old, new)]
    before, after = (np.quantile(one[rng.integers(0, len(one), (RESAMPLES, len(one)))], q, axis=1) for one in lists)
    tail = 50.0 * (1.0 - CONFIDENCE)
    low, high = np.percentile(after - before, [tail, 100.0 - tail])
    then, now = (float(np.quantile(one, q)) for one in lists)
    return Difference(what, then, now, float(low), float(high))
