"""``sensorproc score``: a run against truth."""

from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from sensorproc.errors import ACCURACY_FAILED
from sensorproc.verbs.console import emit_json, note

MOST_SHOWN = 12  # strips of each kind in a gallery


def score(
    run: Path,
    json_to: Path | None = None,
    *,
    truth: Path,
    sequence: int | None = None,
    gate: Path | None = None,
    json: Annotated[bool, Parameter(name="--json")] = False,
    json_file: Path | None = None,
    junit: Path | None = None,
    md: Path | None = None,
    plots: Path | None = None,
    gallery: Path | None = None,
    recording: Path | None = None,
) -> int:
    """Who was found, what is false and how large the errors are, with intervals; gates where they are given.

    Parameters
    ----------
    run
        output folder of process or run.
    json_to
        with --json: write it to this file instead of printing it.
    truth
        truth JSON of ours or SatSim's, a folder of SatNet annotations, or spotGEO labels.
    sequence
        sequence of spotGEO labels.
    gate
        TOML file of gates; exit code 5 if one fails.
    json
        print as JSON.
    json_file
        also write the JSON here.
    junit
        also write JUnit XML here.
    md
        also write Markdown here.
    plots
        folder for SVG plots of completeness.
    gallery
        folder for image strips of the worst misses and false alarms.
    recording
        frames for the gallery; else those the run was made from.
    """
    import json as json_module
    from dataclasses import asdict

    from sensorproc.errors import InputError
    from sensorproc.run_folder.manifest import demand_whole
    from sensorproc.scoring.challenges import challenge_figures
    from sensorproc.scoring.fates import fates_and_sets, read_run
    from sensorproc.scoring.figures.metrics import METRICS, estimate
    from sensorproc.scoring.frames import score as score_frames
    from sensorproc.scoring.frames import to_markdown as frames_to_markdown
    from sensorproc.scoring.judgement import gate_row, write_plots
    from sensorproc.scoring.presentation.reports import to_junit, to_markdown
    from sensorproc.scoring.same_recording import demand_same
    from sensorproc.scoring.truth import load_truth
    from sensorproc.scoring.verdict.gates import judge, load_gates
    from sensorproc.verbs.console import plain

    facts = demand_whole(run)
    tables = read_run(run)
    detections = tables["detections"]
    known = load_truth(truth, sequence)
    try:
        demand_same(known, tables["frames"], facts)
    except InputError as error:
        raise InputError(f"{truth}: {error}") from None
    gates = load_gates(gate) if gate else []
    fates, per_set = fates_and_sets(tables, known, {"case": run.resolve().name})
    verdicts = [judge(g, fates, per_set) for g in gates]
    frames = score_frames(detections, known)
    result = frames | {
        "targets_per_set": fates,
        "sets": per_set,
        "figures": {name: asdict(estimate(name, fates, per_set)) for name in METRICS},
        "challenges": challenge_figures(detections, known),
        "gates": [gate_row(v, fates, per_set) for v in verdicts],
    }
    text = frames_to_markdown(frames) + "\n" + to_markdown(fates, per_set, verdicts, [])
    written = json_to if json else None
    for path in (written, json_file):
        if path:
            path.write_text(json_module.dumps(plain(result), indent=1) + "\n", "utf-8")
    if md:
        md.write_text(text, "utf-8")
    if junit:
        junit.write_text(to_junit(run.resolve().name, fates, per_set, verdicts, []), "utf-8")
    if plots:
        write_plots(plots, fates, _stated(tables["housekeeping"]))
    if gallery:
        _write_gallery(gallery, recording or _recording_of(run, facts), fates, per_set, known, detections)
    if json and not written:
        emit_json(result)
    elif not json:
        print(text, end="")
    for row in result["gates"]:
        if row["outcome"] != "pass":
            note("; ".join([f"gate: {row['text']}: {row['outcome']}", *row["about"]]))
    return ACCURACY_FAILED if any(verdict.is_failed for verdict in verdicts) else 0


def _stated(housekeeping: list[dict[str, Any]]) -> str:
    """What the sets of a run say of their marking and data mode."""
    from sensorproc.ground.evidence import Stated

    return "; ".join(sorted({str(Stated(row["marking"], row["data_mode"])) for row in housekeeping})) or "marking unknown"


def _recording_of(run: Path, facts: dict[str, Any]) -> Path:
    from sensorproc.errors import InputError

    path = facts.get("recording", {}).get("path")
    if path is None:
        raise InputError(f"{run}: its run.json names no recording (it was made from packets); give --recording")
    return Path(path)


def _write_gallery(folder: Path, recording: Path, fates: list, sets: list, truth, detections: list) -> None:  # type: ignore[no-untyped-def]
    from sensorproc.recording import open_recording
    from sensorproc.review.gallery import false_alarms, worst_misses, write_gallery

    items = worst_misses(fates, sets, truth, MOST_SHOWN) + false_alarms(detections, sets, MOST_SHOWN)
    for problem in write_gallery(folder, open_recording(recording), items):
        note(f"note: {problem}")
