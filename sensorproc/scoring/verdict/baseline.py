"""Two runs on the same noise: what one changed, target by target (paired bootstrap)."""

import json
import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from sensorproc.errors import InputError, NotComparable
from sensorproc.scoring.figures.intervals import CONFIDENCE, Estimate, bootstrap_ratio, resampled_means
from sensorproc.scoring.figures.metrics import HEAVIEST, groups_of
from sensorproc.scoring.truth import Row

KEY = ("case", "seed", "set")
UNSELECTED_SNR = 12.0  # of a set: so far above the threshold those are found, too, whose noise made them fainter


@dataclass(frozen=True)
class Change:
    """Mean difference new minus old of a figure over pairs, and whether it is worse beyond chance."""

    figure: str
    difference: Estimate
    old: float
    new: float
    is_worse: bool
    is_better: bool

    @property
    def text(self) -> str:
        d = self.difference
        verdict = "worse" if self.is_worse else "better" if self.is_better else "same within chance"
        change = f"{d.value:+.4g}, {d.low:+.4g} to {d.high:+.4g}, n = {d.n}"
        return f"{self.figure}: {self.old:.4g} -> {self.new:.4g} ({change}): {verdict}"


def compare(old: Row, new: Row) -> list[Change]:
    """Changes between two results of ``validate``.

    Raises
    ------
    NotComparable
        If they are not of the same suite, seed and cases.
    """
    demand_comparable(old, new)
    sets = _pairs(old["sets"], new["sets"], KEY)
    rows = _pairs(old["targets"], new["targets"], (*KEY, "id"))
    if not sets or len(sets) != len(old["sets"]) or len(sets) != len(new["sets"]):
        raise NotComparable(f"baseline has {len(old['sets'])} sets, this run {len(new['sets'])}: not the same scenes")
    whole = [(a, b) for a, b in rows if a["is_whole"]]
    both = [(a, b) for a, b in whole if a["is_found"] and b["is_found"]]
    bright = [(a, b) for a, b in both if a["snr"] >= UNSELECTED_SNR]
    return [
        _change("completeness", whole, lambda row: float(row["is_found"]), +1),
        _change("false tracklets per set", sets, lambda row: float(row["n_false"]), -1),
        _change("false streaks per set", sets, lambda row: float(row["n_false_streaks"]), -1),
        _change("position error of those found in both [px]", both, lambda row: row["error_px"], -1),
        _change("distance of position chi-squared from 1", both, lambda row: abs(min(row["chi2_position"], HEAVIEST) - 1), -1),
        _change("flux error, absolute", both, lambda row: abs(row["flux_error"]), -1),
        _change("magnitude error, absolute", both, lambda row: abs(row["mag_error"]), -1),
        _change("sky error of those found in both [arcsec]", both, lambda row: row["error_arcsec"], -1),
        _change("distance of rate chi-squared from 1", both, lambda row: abs(min(row["chi2_rate"], HEAVIEST) - 1), -1),
        _change("share of frames used", sets, lambda row: row.get("frames_used", math.nan), +1),
        _change("error of time tags, absolute [s]", sets, lambda row: abs(row.get("late_s", math.nan)), -1),
        _change("error of exposure times, absolute", sets, lambda row: abs(row.get("longer", math.nan)), -1),
        _change("error of the noise, absolute", sets, lambda row: abs(row.get("noisier", math.nan)), -1),
        _bias("bias of places along the motion [px]", both, "along_px"),
        _bias("bias of places across it [px]", both, "across_px"),
        _bias("bias of fluxes of bright ones", bright, "flux_error"),
        _bias("bias of their magnitudes", bright, "mag_error"),
    ]


def demand_comparable(old: Row, new: Row) -> None:
    """Refuse a baseline of another suite, other scenes or another seed: known before anything is run.

    Raises
    ------
    NotComparable
        Naming what differs.
    """
    for key in ("suite", "suite_digest", "seed"):
        if old.get(key) != new.get(key):
            raise NotComparable(f"baseline has {key} {old.get(key)!r}, this run {new.get(key)!r}: not the same scenes")


def load_result(path: Path) -> Row:
    """An earlier result of ``validate``, a file or its folder.

    Raises
    ------
    InputError
        If it is none.
    """
    file = path / "result.json" if path.is_dir() else path
    try:
        values = json.loads(file.read_text("utf-8"))
        rows, sets = ([_numbers(row) for row in values[kind]] for kind in ("targets", "sets"))
        _ = [row["id"] for row in rows], [row["n_false"] for row in sets]
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(f"{file}: no result of validate ({type(error).__name__}: {error})") from None
    return dict(values) | {"targets": rows, "sets": sets}


def _numbers(row: Row) -> Row:
    """The row with what JSON could not hold as the number that it is not."""
    return {key: math.nan if value is None else value for key, value in row.items()}


def _pairs(old: list[Row], new: list[Row], key: tuple[str, ...]) -> list[tuple[Row, Row]]:
    known = {tuple(row[k] for k in key): row for row in old}
    return [(known[name], row) for row in new if (name := tuple(row[k] for k in key)) in known]


def _bias(figure: str, pairs: list[tuple[Row, Row]], key: str) -> Change:
    """How far a mean error is from 0, before and after: a shift that is small beside the scatter of single targets shows so."""
    known = [(a, b) for a, b in pairs if math.isfinite(a[key]) and math.isfinite(b[key])]
    values = np.array([(a[key], b[key]) for a, b in known], float).reshape(-1, 2)
    means = resampled_means(values, groups_of([b for _, b in known]))
    if not len(means):
        return Change(figure, Estimate(math.nan, -math.inf, math.inf, 0), math.nan, math.nan, False, False)
    old, new = np.abs(values.mean(axis=0))
    tail = 50.0 * (1.0 - CONFIDENCE)
    low, high = np.percentile(np.abs(means[:, 1]) - np.abs(means[:, 0]), [tail, 100.0 - tail])
    found = Estimate(float(new - old), float(low), float(high), len(known))
    return Change(figure, found, float(old), float(new), bool(low > 0), bool(high < 0))


def _change(figure: str, pairs: list[tuple[Row, Row]], value, good: int) -> Change:  # type: ignore[no-untyped-def]
    """``good`` +1: more is better. Nothing that differs is no change, whatever the bootstrap says of zeros."""
    known = [(a, b) for a, b in pairs if math.isfinite(value(a)) and math.isfinite(value(b))]
    values = np.array([(value(a), value(b)) for a, b in known], float).reshape(-1, 2)
    difference = values[:, 1] - values[:, 0]
    found = bootstrap_ratio(difference, np.ones_like(difference), groups_of([b for _, b in known]), CONFIDENCE)
    old, new = values.mean(axis=0) if len(values) else (math.nan, math.nan)
    worse, better = (found.high < 0, found.low > 0) if good > 0 else (found.low > 0, found.high < 0)
    return Change(figure, found, float(old), float(new), bool(worse), bool(better))
