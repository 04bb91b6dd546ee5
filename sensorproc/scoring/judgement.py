"""A result of a suite judged by its gates and against a baseline, and written in every form."""

import json
import math
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from sensorproc.scoring.figures.metrics import METRICS, estimate
from sensorproc.scoring.presentation.plots import completeness_svg
from sensorproc.scoring.presentation.reports import AXES, bins, to_junit, to_markdown
from sensorproc.scoring.truth import Row
from sensorproc.scoring.verdict.baseline import compare
from sensorproc.scoring.verdict.blame import blamed
from sensorproc.scoring.verdict.gates import Gate, Verdict, judge

SIMULATED = "data mode SIMULATED"  # of every suite


def write_judgement(result: Row, gates: Sequence[Gate], old: Row | None, out: Path) -> Row:
    """Write ``result.json``, ``report.md``, ``junit.xml`` and plots, and return what is to be said; ``failed`` lists all
    gates and changes that fail.

    Raises
    ------
    NotComparable
        If the baseline is of other scenes; the result is written nevertheless.
    """
    rows, sets = result["targets"], result["sets"]
    known = {"targets": [_finite(row) for row in rows], "sets": [_finite(row) for row in sets]}
    (out / "result.json").write_text(json.dumps(result | known, allow_nan=False) + "\n", "utf-8")
    verdicts = [judge(gate, rows, sets) for gate in gates]
    changes = compare(old, result) if old else []
    (out / "report.md").write_text(to_markdown(rows, sets, verdicts, changes), "utf-8")
    (out / "junit.xml").write_text(to_junit(result["suite"], rows, sets, verdicts, changes), "utf-8")
    write_plots(out, rows, SIMULATED)
    return {
        **{key: result[key] for key in ("suite", "seed", "n_skies", "n_finished")},
        "n_targets": len(rows),
        "n_sets": len(sets),
        "figures": {name: asdict(estimate(name, rows, sets)) for name in METRICS},
        "gates": [gate_row(v, rows, sets) for v in verdicts],
        "baseline": [{"text": c.text, "is_worse": c.is_worse, "is_better": c.is_better} for c in changes],
        "failed": [v.text for v in verdicts if v.is_failed] + [c.text for c in changes if c.is_worse],
    }


def gate_row(verdict: Verdict, rows: list[Row], sets: list[Row]) -> Row:
    """A judged gate; one that is not passed names those it is about."""
    about = [] if verdict.outcome == "pass" else blamed(verdict.gate, rows, sets)
    return {"name": verdict.gate.name, "outcome": verdict.outcome, "text": verdict.text, "about": about}


def _finite(row: Row) -> Row:
    """The row as JSON can hold it: what is not a finite number becomes null."""
    return {key: None if isinstance(value, float) and not math.isfinite(value) else value for key, value in row.items()}


def write_plots(folder: Path, rows: list[Row], stated: str) -> None:
    """Completeness along every axis that the rows have, with the marking of the data."""
    folder.mkdir(parents=True, exist_ok=True)
    for axis in AXES:
        if bins(axis, rows):
            (folder / f"completeness_{axis}.svg").write_text(completeness_svg(axis, rows, stated), "utf-8")
