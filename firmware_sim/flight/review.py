"""What a flight amounts to: the printed summary, and the flight's own part of the report page."""

import html
import math
from pathlib import Path
from typing import Any

from firmware_sim.flight.fly import WINDOW_S, Flight
from sensorproc.downlink.dictionary import Apid
from sensorproc.review.report import figure_table, write_report
from sensorproc.review.view import SetViews
from sensorproc.scoring.fates import by_set, n_found, spans, with_bare_tracklets
from sensorproc.scoring.figures.intervals import poisson_interval, wilson
from sensorproc.scoring.frames import score
from sensorproc.scoring.truth import load_truth
from sensorproc.timescales import NS_PER_S

Facts = dict[str, Any]


def summary(flight: Flight, truth_path: Path, demanded_snr: float) -> Facts:
    """All figures of a flight; those that need the truth are left out where there is none, and of scans."""
    tables, payload = flight.outcome.decoded.tables, flight.payload
    ny, nx = flight.payload.shape
    raw_bytes = flight.outcome.n_frames * ny * nx * 2
    sent = payload.radio.ledger.n_bytes
    latencies = [payload.health.latencies_ns[k] / NS_PER_S for k in sorted(payload.health.latencies_ns)]
    sent_s = [payload.health.sent_ns[k] / NS_PER_S for k in sorted(payload.health.sent_ns)]
    deadlines = [payload.health.deadlines_ns[k] / NS_PER_S for k in sorted(payload.health.latencies_ns)]
    facts: Facts = {
        "scenario": flight.scenario.name,
        "seed": flight.scenario.scene.seed,
        "n_frames": flight.outcome.n_frames,
        "n_processed": flight.outcome.n_processed,
        "shape_px": [ny, nx],
        "n_sets": payload.ledger.n_planned,
        "dwells": dict(sorted(payload.ledger.counts.items())),
        "n_degraded": payload.output.n_degraded,
        "n_resets": len(payload.health.resets_ns),
        "n_faults": len(payload.injector.injected),
        "downlink_sha256": flight.downlink_sha256,
        "is_decoded": flight.scenario.operations.products,
        "n_tracklets": len(tables["tracklets"]) if flight.scenario.operations.products else payload.output.n_tracklets,
        "n_streaks": sum(row["tracklet_id"] < 0 for row in tables["detections"]),
        "raw_bytes": raw_bytes,
        "downlink_bytes": sent,
        "reduction": raw_bytes / max(sent, 1),
        "link_bit_s": flight.scenario.board.link_bit_s,
        "busiest_60_s_bit_s": flight.busiest_window_bits / WINDOW_S,
        "n_dropped_packets": sum(row["n_dropped_packets"] for row in tables["housekeeping"]),
        "n_missing_packets": flight.outcome.decoded.gaps.n_missing,
        "processor": flight.profile.name,
        "latency_s": latencies,
        "sent_s": sent_s,
        "deadline_s": deadlines,
        "n_slips": payload.health.n_slips,
        "memory_peak_bytes": payload.memory.peak_bytes,
        "memory_budget_bytes": payload.memory.budget_bytes,
        "energy_j": payload.health.energy_j,
        "is_operation": flight.scenario.operations.duration_s > 0,
        "n_frames_lost": payload.camera.n_lost,
        "n_frames_unsolved": sum(row["sky"] != "stars" for row in tables["frames"]),
    }
    if flight.scenario.operations.duration_s or not truth_path.is_file():  # a scan's frames come again and again at other times
        return facts
    facts |= _judged(tables, truth_path, demanded_snr)
    scene = flight.scenario.scene
    named = {n.name for n in scene.neighbours} | {f.name for f in scene.formations} | {c.name for c in scene.crossings}
    return facts | {"never_clear": sorted(named - {row["name"] for row in facts["targets"]})}


def _judged(tables: dict[str, list[dict[str, Any]]], truth_path: Path, demanded_snr: float) -> Facts:
    truth, detections = load_truth(truth_path), with_bare_tracklets(tables)
    targets = by_set(detections, truth, spans(tables["housekeeping"], len(truth)))
    scored = score(detections, truth)
    found, n = n_found(targets, demanded_snr)
    return {
        "demanded_snr": demanded_snr,
        "n_found": found,
        "n_demanded": n,
        "found_wilson_95": list(wilson(found, n)),
        "n_false_tracklets": scored["n_false_tracklets"],
        "false_tracklets_95": list(poisson_interval(scored["n_false_tracklets"])),
        "n_false_detections": scored["n_false_detections"],
        "n_bare": len(detections) - len(tables["detections"]),
        "targets": targets,
    }


def text(facts: Facts, out: Path) -> str:
    """The summary as it is printed."""
    ny, nx = facts["shape_px"]
    latest = max(facts["latency_s"], default=0.0)
    streaks = f"{facts['n_streaks']} single-frame streaks" if facts["is_decoded"] else "not decoded"
    lines = [
        f"{facts['scenario']}: {facts['n_frames']} frames of {nx} x {ny} px in {facts['n_sets']} sets,"
        f" {facts['n_processed']} processed, {facts['n_tracklets']} tracklets, {streaks}"
    ]
    if "targets" in facts:
        low, high = facts["found_wilson_95"]
        lines.append(
            f"found {facts['n_found']} of {facts['n_demanded']} targets of set SNR >= {facts['demanded_snr']:g}"
            f" (95 %: {low:.2f}-{high:.2f}), {facts['n_false_tracklets']} false tracklets"
        )
    lines += [
        f"{facts['raw_bytes'] / 1e6:.1f} MB of pixels became {facts['downlink_bytes'] / 1e3:.1f} kB"
        f" (1 : {facts['reduction']:.0f});"
        f" at most {facts['busiest_60_s_bit_s'] / 1e3:.1f} kbit/s over any 60 s of {facts['link_bit_s'] / 1e3:g} allowed;"
        f" {facts['n_dropped_packets']} packets left out, {facts['n_missing_packets']} missing",
        f"on {facts['processor']}, modelled: {latest:.1f} s from the last exposure to the last stage of"
        f" {max(facts['deadline_s'], default=0.0):.0f} allowed, {max(facts['sent_s'], default=0.0):.1f} s to the last packet,"
        f" {facts['n_slips']} slips, {facts['memory_peak_bytes'] / 1e6:.0f} of {facts['memory_budget_bytes'] / 1e6:.0f} MB,"
        f" {facts['energy_j'] / 1e3:.1f} kJ",
    ]
    if facts["is_operation"]:
        lines += _operation_lines(facts)
    if "targets" in facts:
        lines += ["", *_target_lines(facts["targets"])]
    return "\n".join([*lines, "", f"report in {out / 'report.html'}"])


def _operation_lines(facts: Facts) -> list[str]:
    """What became of the scan, and what went wrong."""
    missed = ", ".join(f"{n} {reason}" for reason, n in facts["dwells"].items() if reason != "done") or "none missed"
    return [
        f"{facts['n_sets']} dwells: {facts['dwells'].get('done', 0)} done, of them {facts['n_degraded']} degraded; {missed}",
        f"{facts['n_faults']} faults injected, {facts['n_resets']} resets; downlink sha256 {facts['downlink_sha256'][:16]}",
    ]


def remarks(facts: Facts) -> list[str]:
    """What a reader of the summary must not miss."""
    said = [
        (facts["n_frames_lost"], "frames lost for want of memory (events.ecsv)"),
        (facts["n_dropped_packets"], "packets left out for want of link: their content is in no table"),
        (facts.get("n_bare", 0), "tracklets judged by their place at their epoch: their detections were left out"),
        (facts["n_frames_unsolved"], "frames not solved on stars: their directions rest on the recorded attitude"),
    ]
    absent = facts.get("never_clear", [])
    lines = [f"{n} {text}" for n, text in said if n]
    return lines + ([f"never clear of the edge, or never lit: {', '.join(absent)}"] if absent else [])


def shortfalls(facts: Facts) -> list[str]:
    """What the flight did not do that it was to do: a line each, none of a good one."""
    lost = {reason: n for reason, n in facts["dwells"].items() if reason != "done"}
    why = ", ".join(f"{n} {reason}" for reason, n in lost.items())
    return [
        *([f"{facts['n_slips']} deadlines missed"] if facts["n_slips"] else []),
        *([f"{sum(lost.values())} of {facts['n_sets']} sets lost: {why}"] if lost else []),
    ]


def _target_lines(targets: list[Facts]) -> list[str]:
    """A line per target, its sets taken together, brightest first."""
    by_id: dict[int, list[Facts]] = {}
    for row in targets:
        by_id.setdefault(row["id"], []).append(row)
    head = f"{'target':31s} {'mag':>5s} {'set SNR':>8s} {'in sets':>8s} {'frames':>7s} {'error':>8s} {'on the sky':>11s}"
    return [head, *(_target_line(rows) for rows in sorted(by_id.values(), key=lambda rows: -rows[0]["snr"]))]


def _target_line(rows: list[Facts]) -> str:
    found = [row for row in rows if row["is_found"]]
    mag, snr = (sum(row[key] for row in rows) / len(rows) for key in ("mag", "snr"))
    held, seen = sum(row["n_held"] for row in found), sum(row["n_frames"] for row in rows)
    start = f"{rows[0]['name'][:31]:31s} {mag:5.1f} {snr:8.1f} {len(found):4d}/{len(rows)}   {held:3d}/{seen:<3d}"
    if not found:
        return f"{start} {'-':>8s} {'-':>11s}"
    px, arcsec = (_pooled(found, key) for key in ("error_px", "error_arcsec"))
    return f"{start} {px:5.2f} px " + (f"{arcsec:4.2f} arcsec" if not math.isnan(arcsec) else f"{'-':>11s}")


def _pooled(rows: list[Facts], key: str) -> float:
    """Rms over the frames of several sets."""
    return math.sqrt(sum(row["n_held"] * row[key] ** 2 for row in rows) / sum(row["n_held"] for row in rows))


def write_flight_report(path: Path, flight: Flight, facts: Facts, views: SetViews) -> None:
    """``report.html`` of a flight: the figures first, then targets, board and link, then what every run shows."""
    sections = [_cards(facts)]
    if "targets" in facts:
        sections += ["<h2>Targets and what became of them</h2>", _targets(facts)]
    sections += ["<h2>Link</h2>", _link(flight), "<h2>Processor</h2>", _timeline(flight), "<h2>Memory</h2>", _memory(flight)]
    write_report(path, f"Flight: {flight.scenario.name}", flight.outcome, views, sections)


def _cards(facts: Facts) -> str:
    failed = [(text.split(":")[0], "not done as planned") for text in shortfalls(facts)]
    cards = [
        (
            f"1 : {facts['reduction']:.0f}",
            f"{facts['raw_bytes'] / 1e6:.0f} MB of pixels in {facts['downlink_bytes'] / 1e3:.1f} kB",
        ),
        (f"{facts['busiest_60_s_bit_s'] / 1e3:.1f} kbit/s", f"busiest 60 s of a {facts['link_bit_s'] / 1e3:g} kbit/s link"),
        (
            f"{max(facts['latency_s'], default=0.0):.1f} s",
            f"last exposure to last stage, {max(facts['deadline_s'], default=0.0):.0f} s allowed",
        ),
    ]
    if "targets" in facts:
        demanded = f"targets of set SNR &ge; {facts['demanded_snr']:g} found"
        false = f"false tracklets (95 %: below {facts['false_tracklets_95'][1]:.1f})"
        cards = [(f"{facts['n_found']} / {facts['n_demanded']}", demanded), (str(facts["n_false_tracklets"]), false), *cards]
    red = "".join(f"<div class='failed'><b>{html.escape(value)}</b><span>{what}</span></div>" for value, what in failed)
    return (
        f"<div class='cards'>{red}" + "".join(f"<div><b>{value}</b><span>{what}</span></div>" for value, what in cards) + "</div>"
    )


def _targets(facts: Facts) -> str:
    rows = [
        {
            "target": t["name"], "set": t["set"], "magnitude": f"{t['mag']:.1f}", "set SNR": f"{t['snr']:.1f}",
            "held": f"{t['n_held']} of {t['n_frames']}",
            "tracklet": f"T{t['tracklet_id']}" if t["is_found"] else "not found",
            "error [px]": _figure(t["error_px"]), "error on the sky [arcsec]": _figure(t["error_arcsec"]),
        }
        for t in sorted(facts["targets"], key=lambda t: (t["set"], -t["snr"]))
    ]  # fmt: skip
    note = "<p class='note'>SNR: clairvoyant matched filter over the set. Errors: rms over the tracklet's frames.</p>"
    return figure_table(rows) + note


def _figure(value: float) -> str:
    return "-" if math.isnan(value) else f"{value:.2f}"


def _link(flight: Flight) -> str:
    """Bits per second over the flight, second by second, and what they carried."""
    ledger = flight.payload.radio.ledger
    if not len(ledger):
        return "<p class='note'>Nothing was sent.</p>"
    end_s = ledger.end_ns / NS_PER_S
    by_kind = {apid.name: sum(s.n_bytes for s in ledger if s.apid == apid) for apid in Apid}
    bars = [_bar(s.start_ns / NS_PER_S, s.end_ns / NS_PER_S, end_s, 0, 24, "#35d0ba") for s in ledger]
    shares = ", ".join(f"{name} {n / 1e3:.1f} kB" for name, n in by_kind.items() if n)
    return _strip(bars, end_s, 24) + f"<p class='note'>Radio on the air ({html.escape(shares)}).</p>"


CORES_PX = 80  # all of them
STAGE_COLOURS = ("#7aa2f7", "#ffb454", "#9ece6a", "#f7768e", "#bb9af7", "#7dcfff", "#e0af68", "#35d0ba")


def _timeline(flight: Flight) -> str:
    """When the cores worked on what."""
    trace = flight.payload.processor.trace
    if not trace:
        return "<p class='note'>Nothing ran.</p>"
    end_s = max(max(s.end_ns for s in trace), flight.payload.radio.ledger.end_ns) / NS_PER_S
    total: dict[str, int] = {}
    for s in trace:
        total[s.stage] = total.get(s.stage, 0) + s.end_ns - s.start_ns
    order = sorted(total, key=lambda stage: -total[stage])
    colour = {stage: STAGE_COLOURS[min(i, len(STAGE_COLOURS) - 1)] for i, stage in enumerate(order)}
    row_px = CORES_PX / flight.profile.cores
    bars = [
        _bar(s.start_ns / NS_PER_S, s.end_ns / NS_PER_S, end_s, row_px * s.core, 0.8 * row_px, colour[s.stage], s.stage)
        for s in trace
    ]
    keys = "".join(
        f"<span><i style='background:{colour[stage]}'></i>{stage} {total[stage] / NS_PER_S:.1f} s</span>" for stage in order[:8]
    )
    deadline = max(flight.payload.health.deadlines_ns.values(), default=0) / NS_PER_S
    note = (
        f"<p class='note'>A row for each core: frames as they arrive, sets once complete, {deadline:.0f} s allowed. Times are"
        f" modelled for {html.escape(flight.profile.name)} ({len(flight.profile.unverified)} of its figures are estimates),"
        " not measured on it.</p>"
    )
    return _strip(bars, end_s, CORES_PX) + f"<p class='keys'>{keys}</p>" + note


def _memory(flight: Flight) -> str:
    samples, memory = flight.payload.health.samples, flight.payload.memory
    end_s = max(samples[-1]["t_s"], 1e-9)
    top = max(memory.budget_bytes, 1)
    points = " ".join(f"{1000 * p['t_s'] / end_s:.1f},{90 - 80 * p['memory_bytes'] / top:.1f}" for p in samples)
    line = f"<polyline points='{points}' fill='none' stroke='#35d0ba' stroke-width='2'/>"
    limit = "<line x1='0' x2='1000' y1='10' y2='10' stroke='#f7768e' stroke-dasharray='6 4'/>"
    needs = "; ".join(f"{name} {n / 1e6:.1f} MB" for name, n in flight.payload.needs.items())
    plot = f"<svg class='plot' viewBox='0 0 1000 100' preserveAspectRatio='none'>{limit}{line}</svg>"
    peak = f"Red: the budget, {top / 1e6:.0f} MB; the peak was {memory.peak_bytes / 1e6:.0f} MB. At worst: {needs}."
    return f"{plot}<p class='note'>{peak}</p>"


def _bar(start_s: float, stop_s: float, end_s: float, y: float, height: float, colour: str, title: str = "") -> str:
    x, width = 1000 * start_s / end_s, max(1000 * (stop_s - start_s) / end_s, 0.4)
    tip = f"<title>{html.escape(title)} {stop_s - start_s:.2f} s</title>" if title else ""
    return f"<rect x='{x:.2f}' y='{y:g}' width='{width:.2f}' height='{height:g}' fill='{colour}'>{tip}</rect>"


def _strip(bars: list[str], end_s: float, height: int) -> str:
    step = next(s for s in (1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 3600, 1e9) if end_s / s <= 12)
    ticks = [i * step for i in range(int(end_s / step) + 1) if i * step < 0.97 * end_s]  # the last label has to fit
    marks = "".join(
        f"<line x1='{1000 * t / end_s:.1f}' x2='{1000 * t / end_s:.1f}' y1='0' y2='{height}' stroke='#262c35'/>"
        f"<text x='{1000 * t / end_s + 3:.1f}' y='{height + 14}'>{t:g} s</text>"
        for t in ticks
    )
    return f"<svg class='plot' viewBox='0 0 1000 {height + 20}'>{marks}{''.join(bars)}</svg>"
