"""What a bench leaves behind: ``results.json``, ``environment.json``, ``junit.xml`` and a page to look at."""

import html
import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from firmware_sim.bench.judgement.budget import Kept
from firmware_sim.bench.judgement.latency import Latencies
from firmware_sim.bench.run import Result
from firmware_sim.link.frame_link import Kind
from sensorproc.review.style import STYLE
from sensorproc.timescales import NS_PER_S

RESULTS, ENVIRONMENT, JUNIT, PAGE = "results.json", "environment.json", "junit.xml", "report.html"
RESULTS_VERSION = 1
WORST = 10
COLOURS = {"pass": "#2a7", "fail": "#c33", "INVALID": "#c33", "void": "#b80"}


def facts_of(result: Result, name: str) -> dict[str, Any]:
    """Everything as numbers: latencies are whole nanoseconds, all of them."""
    plan, found = result.plan, result.measured
    kinds = {"frames": found.frames, "last_stage": found.last_stage, "last_packet": found.last_packet}
    workers = {"frame_worker": found.frame_worker, "set_worker": found.set_worker}
    return {
        "version": RESULTS_VERSION, "name": name, "outcome": result.outcome,
        "validity": {
            "is_valid": result.validity.is_valid, "products_sha256": result.validity.digest,
            "ground_sha256": result.validity.reference, "n_records": result.validity.n_records,
            "reasons": list(result.validity.reasons),
        },
        "budget": [kept.row() for kept in result.kept],
        "latencies": [latencies.row() for latencies in kinds.values()],
        "latencies_ns": {name: {str(k): v for k, v in one.taken_ns.items()} for name, one in kinds.items()},
        "workers_ns": {name: [list(pair) for pair in pairs] for name, pairs in workers.items()},
        "frames": {
            "n_sent": plan.n_frames * len(plan.ring.frames), "n_different": plan.ring.n_frames, "verdicts": found.verdicts,
            "n_lost": len(found.lost), "n_unanswered": len(found.unanswered), "n_with_faults": len(result.played.faults),
        },
        "cadence_s": plan.ring.cadence_ns / NS_PER_S, "set_frames": plan.config.frame_set.max_frames,
        "config_digest": plan.config.digest().hex(), "machine": result.machine, "is_disturbed": result.is_disturbed,
        "cold_start_s": result.cold_start_s, "exit_code": result.exit_code,
    }  # fmt: skip


def write_report(result: Result, name: str, folder: Path) -> dict[str, Any]:
    """Write all files of a run; what ``results.json`` says."""
    facts = facts_of(result, name)
    (folder / RESULTS).write_text(json.dumps(facts, indent=1, allow_nan=False) + "\n", "utf-8")
    (folder / ENVIRONMENT).write_text(json.dumps(result.environment, indent=1) + "\n", "utf-8")
    (folder / JUNIT).write_text(_junit(facts), "utf-8")
    (folder / PAGE).write_text(_page(facts, result), "utf-8")
    _write_worst(result, folder / "worst")
    return facts


def text(facts: dict[str, Any]) -> str:
    """The result as it is printed."""
    frames, validity = facts["frames"], facts["validity"]
    lines = [
        f"{facts['name']}: {facts['outcome']}; {frames['n_sent']} frames ({frames['n_different']} different)"
        f" at {1 / facts['cadence_s']:.3g} Hz, sets of {facts['set_frames']}"
    ]
    lines += [latency_line(row) for row in facts["latencies"]]
    for kept in facts["budget"]:
        value = "not measured" if kept["value"] is None else f"{kept['value']:.4g}"
        lines.append(f"  {'ok  ' if kept['kept'] else 'FAIL'}  {kept['name']}: {value} of {kept['limit']:.4g} allowed")
    told = f"{validity['n_records']} records, sha256 {validity['products_sha256'][:16]}"
    lines.append(f"  products {'equal the ground, bit for bit' if validity['is_valid'] else 'INVALID'}: {told}")
    lines += [f"    {reason}" for reason in validity["reasons"]]
    machine = facts["machine"]
    if machine:
        stolen = machine.get("stolen")
        lines.append(
            f"  {machine['cores_used']:.2f} cores used, {machine['waited_for_core']:.2f} waited for,"
            f" {'unknown' if stolen is None else f'{100 * stolen:.1f} %'} stolen by others,"
            f" {machine['rss_max_bytes'] / 1e6:.0f} MB, {machine['rss_slope_bytes_min'] / 1e6:+.2f} MB/min"
        )
    return "\n".join(lines)


def latency_line(row: dict[str, Any]) -> str:
    """A kind of latency in words; a percentile stands there only where there are enough values for it."""
    told = [f"{key[:-2]} {value:.3f}" for key, value in row.items() if key.startswith("p") and value is not None]
    n = f"max of {row['n']} {row['max_s']:.3f} s"
    return f"  {row['what']}: {', '.join(told)}{', ' if told else ''}{n}; {row['n_missed']} over {row['allowed_s']:.3g} s"


def _junit(facts: dict[str, Any]) -> str:
    suite = ElementTree.Element("testsuite", name=facts["name"])
    checks = [(row["name"], row["kept"], f"{row['value']} of {row['limit']}") for row in facts["budget"]]
    checks.append(("products", facts["validity"]["is_valid"], "; ".join(facts["validity"]["reasons"])))
    for name, is_kept, told in checks:
        case = ElementTree.SubElement(suite, "testcase", classname="bench", name=name)
        if not is_kept:
            ElementTree.SubElement(case, "failure", message=told)
    suite.set("tests", str(len(checks)))
    suite.set("failures", str(sum(not is_kept for _, is_kept, _ in checks)))
    return ElementTree.tostring(suite, encoding="unicode", xml_declaration=True)


def _page(facts: dict[str, Any], result: Result) -> str:
    rows = "".join(_kept_row(kept) for kept in result.kept)
    pictures = "".join(_picture(one) for one in (result.measured.frames, result.measured.last_packet))
    return (
        f"<!doctype html><html lang='en'><meta charset='utf-8'><title>{html.escape(facts['name'])}</title><style>{STYLE}</style>"
        f"<h1>{html.escape(facts['name'])} <span style='color:{COLOURS[facts['outcome']]}'>{facts['outcome']}</span></h1>"
        f"<pre>{html.escape(text(facts))}</pre>"
        f"<table><tr><th>limit</th><th>measured</th><th>allowed</th></tr>{rows}</table>{pictures}"
        f"<h2>Machine</h2><pre>{html.escape(json.dumps({**result.environment, **facts['machine']}, indent=1))}</pre></html>\n"
    )


def _kept_row(kept: Kept) -> str:
    value = "not measured" if kept.value is None else f"{kept.value:.4g}"
    colour = COLOURS["pass" if kept.is_kept else "fail"]
    return f"<tr style='color:{colour}'><td>{html.escape(kept.name)}</td><td>{value}</td><td>{kept.limit:.4g}</td></tr>"


def _picture(latencies: Latencies, width: int = 900, height: int = 160) -> str:
    """Every latency in its order, with what is allowed."""
    if not latencies.taken_ns:
        return ""
    values = [latencies.taken_ns[k] for k in sorted(latencies.taken_ns)]
    top = 1.05 * max(*values, latencies.allowed_ns)
    points = "".join(
        f"<circle cx='{width * (i + 0.5) / len(values):.1f}' cy='{height * (1 - max(v, 0) / top):.1f}' r='1.5'"
        f" fill='{COLOURS['fail' if v > latencies.allowed_ns else 'pass']}'/>"
        for i, v in enumerate(values)
    )
    allowed = height * (1 - latencies.allowed_ns / top)
    line = f"<line x1='0' x2='{width}' y1='{allowed:.1f}' y2='{allowed:.1f}' stroke='#888' stroke-dasharray='4'/>"
    title = f"{latencies.what}, each in its order; dashed: {latencies.allowed_ns / NS_PER_S:g} s allowed"
    return f"<h3>{html.escape(title)}</h3><svg width='{width}' height='{height}' role='img'>{line}{points}</svg>"


def _write_worst(result: Result, folder: Path) -> None:
    """The frames that took longest, as they were sent, with who was to blame: what can be tried again."""
    import numpy as np

    ring, frames = result.plan.ring, result.measured.frames
    worst = sorted(frames.taken_ns, key=lambda number: -frames.taken_ns[number])[:WORST]
    folder.mkdir(exist_ok=True)
    told = []
    detectors = sorted(ring.frames)
    for number in worst:
        turn = ring.turn(detectors[number % len(detectors)], number // len(detectors))
        name = f"frame_{turn.detector}_{turn.number:06d}.npy"
        np.save(folder / name, turn.data)
        told.append({"file": name, "detector": turn.detector, "frame": turn.number, "latency_ns": frames.taken_ns[number]})
    (folder / "worst.json").write_text(json.dumps({"kind": Kind.PREPARED.name, "frames": told}, indent=1) + "\n", "utf-8")
