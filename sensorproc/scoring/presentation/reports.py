"""A judged result as Markdown for people and as JUnit for CI."""

import math
from itertools import pairwise
from typing import Any
from xml.etree import ElementTree as ET

from sensorproc.scoring.figures.cases import by_case, worst
from sensorproc.scoring.figures.intervals import Estimate
from sensorproc.scoring.figures.metrics import METRICS, demanded, estimate, select
from sensorproc.scoring.truth import Row
from sensorproc.scoring.verdict.baseline import Change
from sensorproc.scoring.verdict.blame import blamed
from sensorproc.scoring.verdict.gates import Verdict

INF = math.inf
MANY_CASES, WORST_SHOWN = 20, 10
AXES: dict[str, tuple[str, tuple[float, ...]]] = {  # title and edges of the bins of each axis
    "snr": ("set SNR", (0, 6, 8, 10, 14, 20, 30, 50, INF)),
    "rate_px_frame": ("rate over the detector [px/frame]", (0, 0.25, 0.5, 1, 2, 4, INF)),
    "streak_px": ("streak in one frame [px]", (0, 0.5, 1, 2, 5, 20, INF)),
    "stars_per_mpix": ("stars of SNR 5 per Mpixel", (0, 500, 1000, 2000, 5000, INF)),
    "hits_per_frame": ("particle hits per frame", (0, 10, 50, 200, 1000, INF)),
}
PLAIN_SNR = 8.0  # on the other axes only targets that are not lost for want of light


def bins(axis: str, rows: list[Row]) -> list[tuple[float, float, Estimate]]:
    """Completeness in the bins of an axis that hold a target."""
    found = [(low, high, estimate("completeness", members(axis, rows, low, high), [])) for low, high in pairwise(AXES[axis][1])]
    return [(low, high, e) for low, high, e in found if e.n]


def members(axis: str, rows: list[Row], low: float, high: float) -> list[Row]:
    """Demanded targets of a bin; on axes other than the SNR's, those it does not lose."""
    known = rows if axis == "snr" else [row for row in rows if row["snr"] >= PLAIN_SNR]
    return select(demanded(known), {axis: [low, high]})


def to_markdown(rows: list[Row], sets: list[Row], verdicts: list[Verdict], changes: list[Change]) -> str:
    """Tables of completeness along every axis, every figure, the gates' verdicts and the changes against a baseline."""
    lines = [f"{len(demanded(rows))} targets in {len(sets)} sets; each counted once per set. Intervals: 95 %."]
    for axis, (title, _) in AXES.items():
        table = bins(axis, rows)
        if not table:
            continue
        beyond = "" if axis == "snr" else f", set SNR >= {PLAIN_SNR:g}"
        lines += ["", f"| {title}{beyond} | found / n | completeness | interval |", "|---|---|---|---|"]
        lines += [
            f"| {_range(low, high)} | {round(e.value * e.n)} / {e.n} | {e.value:.3f} | {e.low:.3f} to {e.high:.3f} |"
            for low, high, e in table
        ]
    lines += ["", "| figure | value | interval | n |", "|---|---|---|---|"]
    for name in METRICS:
        e = estimate(name, rows, sets)
        if e.n and not math.isnan(e.value):
            lines.append(f"| {name} | {e.value:.4g} | {e.low:.4g} to {e.high:.4g} | {e.n} |")
    lines += worst_cases(rows, sets)
    if verdicts:
        lines += ["", "| gate (99 %) | outcome |", "|---|---|", *(f"| {v.text} | {v.outcome} |" for v in verdicts)]
    for v in verdicts:
        if v.is_failed:
            lines += ["", f"{v.gate.name}: {'; '.join(blamed(v.gate, rows, sets)) or 'no data'}"]
    if changes:
        lines += ["", "| against the baseline (99 %, paired) |", "|---|", *(f"| {c.text} |" for c in changes)]
    return "\n".join(lines) + "\n"


def worst_cases(rows: list[Row], sets: list[Row]) -> list[str]:
    """The worst of many cases, such as instruments."""
    cases = by_case(demanded(rows), sets)
    if len(cases) < MANY_CASES:
        return []
    head = "| worst cases | found / n | loss [dB] | false tracklets / sets | most in a set | false streaks / frames |"
    table = [
        f"| {c.name} | {c.n_found} / {c.n_targets} | {c.loss_db:.2f} +- {c.sigma_db:.2f} | {c.n_false} / {c.n_sets}"
        f" | {c.most_false} | {c.false_streaks} / {c.n_frames} |"
        for c in worst(cases, WORST_SHOWN)
    ]
    return ["", head, "|---|---|---|---|---|---|", *table]


def _range(low: float, high: float) -> str:
    return f"{low:g}-{high:g}" if math.isfinite(high) else f">= {low:g}"


def to_junit(suite: str, rows: list[Row], sets: list[Row], verdicts: list[Verdict], changes: list[Change]) -> str:
    """One test case per scenario, bin of SNR and figure (informative), per gate and per change against a baseline."""
    root = ET.Element("testsuites")
    figures = ET.SubElement(root, "testsuite", name=f"{suite}.figures")
    for case in sorted({str(row.get("case", suite)) for row in [*rows, *sets]}):
        mine, theirs = ([row for row in part if str(row.get("case", suite)) == case] for part in (rows, sets))
        for low, high, e in bins("snr", mine):
            _case(figures, f"{suite}.{case}", f"completeness[snr {_range(low, high)}]", e)
        for name in METRICS:
            e = estimate(name, mine, theirs)
            if e.n and not math.isnan(e.value):
                _case(figures, f"{suite}.{case}", name, e)
    gates = ET.SubElement(root, "testsuite", name=f"{suite}.gates")
    for v in verdicts:
        element = _case(gates, f"{suite}.gates", v.gate.name, v.estimate, floor=v.gate.floor, ceiling=v.gate.ceiling)
        if v.is_failed:
            ET.SubElement(element, "failure", message=v.text).text = "\n".join([v.gate.why, *blamed(v.gate, rows, sets)])
        elif v.outcome == "not proven":
            ET.SubElement(element, "skipped", message=f"not proven: {v.text}")
    paired = ET.SubElement(root, "testsuite", name=f"{suite}.baseline")
    for change in changes:
        element = _case(paired, f"{suite}.baseline", change.figure, change.difference)
        if change.is_worse:
            ET.SubElement(element, "failure", message=change.text)
    for element in root:
        element.set("tests", str(len(element)))
        element.set("skipped", str(len(element.findall("testcase/skipped"))))
        element.set("failures", str(len(element.findall("testcase/failure"))))
    ET.indent(root)
    return ET.tostring(root, encoding="unicode", xml_declaration=True) + "\n"


def _case(parent: ET.Element, group: str, name: str, e: Estimate, **more: float) -> ET.Element:
    element = ET.SubElement(parent, "testcase", classname=group, name=name)
    properties = ET.SubElement(element, "properties")
    values: dict[str, Any] = {"value": e.value, "low": e.low, "high": e.high, "n": e.n} | more
    for key, value in values.items():
        if not (isinstance(value, float) and not math.isfinite(value)):
            ET.SubElement(properties, "property", name=key, value=f"{value:.6g}" if isinstance(value, float) else str(value))
    return element
