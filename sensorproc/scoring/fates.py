"""What became of every target in every frame set: one row each, with its SNR over the set and its errors."""

import itertools
import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from sensorproc.ground.table_columns import COLUMNS
from sensorproc.ground.table_reader import read_table
from sensorproc.scoring.errors import errors, mean, rms, sky_error
from sensorproc.scoring.frame_facts import frame_facts
from sensorproc.scoring.match import Match, false_tracklets, judged, match_all
from sensorproc.scoring.truth import Row, Truth

STANDS_FOR = "stands_for"  # how many frames of its tracklet a row speaks for, where it is not one
WHOLE = 0.5  # of a set's frames in which a target must be clear of the edge to be demanded


def read_run(run: Path) -> dict[str, list[Row]]:
    """The tables of a run's folder that are judged.

    Raises
    ------
    InputError
        If one is missing or damaged.
    """
    tables = {name: read_table(run / f"{name}.ecsv") for name in ("detections", "tracklets", "housekeeping", "frames")}
    return tables | {"detections": with_bare_tracklets(tables)}


def with_bare_tracklets(tables: dict[str, list[Row]]) -> list[Row]:
    """All detections, and a row for every tracklet that came without any (a thin link leaves them out first): the tracklet itself
    is judged, by its place at its epoch; the row stands for all its frames."""
    held = {row["tracklet_id"] for row in tables["detections"]}
    columns = {name: math.nan for name, datatype in COLUMNS["detections"].items() if datatype != "string"}
    bare = [
        columns
        | {name: row[name] for name in ("tracklet_id", "detector", "x_px", "y_px", "snr", "log10_pfa", "mag", "sigma_mag")}
        | {"frame": row["epoch_frame"], "flags": row["flags"], "kind": "point", STANDS_FOR: row["n_frames"]}
        | {f"sigma_{axis}_px": math.sqrt(max(row[f"cov_{axis}{axis}"], 0.0)) for axis in "xy"}
        for row in tables["tracklets"]
        if row["tracklet_id"] not in held
    ]
    return [*tables["detections"], *bare]


def fates_and_sets(tables: dict[str, list[Row]], truth: Truth, about: Row) -> tuple[list[Row], list[Row]]:
    """:func:`by_set` and :func:`set_rows` of a run, with ``about`` and the truth's own facts in every row."""
    sets = spans(tables["housekeeping"], len(truth))
    about = about | {key: truth.facts[key] for key in ("hits_per_frame", "stars_per_mpix") if key in truth.facts}
    fates = by_set(tables["detections"], truth, sets, tables["tracklets"])
    facts = [frame_facts(tables["frames"], truth, first, n) for first, n in sets]
    found = set_rows(tables["detections"], truth, sets)
    nulls = [_nulls(tables["housekeeping"], first, n) for first, n in sets]
    return [about | row for row in fates], [about | row | f | n for row, f, n in zip(found, facts, nulls, strict=True)]


def _nulls(housekeeping: list[Row], first: int, n: int) -> Row:
    """What a set's null searches have found, and what they should have."""
    rows = [row for row in housekeeping if first <= row["first_frame"] < first + n]
    return {name: sum(row.get(name, 0.0) for row in rows) for name in ("null_found", "null_expected")}


def by_set(detections: list[Row], truth: Truth, sets: list[tuple[int, int]], tracklets: list[Row] | None = None) -> list[Row]:
    """Fate of every target of every set (first frame, number of frames).

    A target is found if one tracklet holds it in at least half of the frames in which it lies clear of the edge. Its
    set SNR adds those frames in quadrature. Errors are means over the frames in which it is held: pixels along and
    across its motion, arcseconds on the sky between reported and geometric direction, flux, magnitude, rate and time;
    each ``chi2_`` is the reduced one of the claimed sigma. NaN where a figure does not exist.
    """
    covariances = {row["tracklet_id"]: row for row in tracklets or []}
    rows, matches = [], match_all(detections, truth)
    for number, (first, n) in enumerate(sets):
        frames = range(first, min(first + n, len(truth)))
        clear = [(k, t) for k in frames for t in truth.frames[k] if not {"edge", "dead"} & set(t["flags"])]
        places = {(k, t["id"]) for k, t in clear}
        mine = [m for m in matches if (m.frame, m.target["id"]) in places]
        n_judged = sum(k not in truth.unjudged for k in frames)
        for name in sorted({t["id"] for _, t in clear}):
            seen = [(k, t) for k, t in clear if t["id"] == name]
            found = [m for m in mine if m.target["id"] == name]
            rows.append({"set": number} | _fate(seen, found, n_judged, truth, covariances))
    return rows


def set_rows(detections: list[Row], truth: Truth, sets: list[tuple[int, int]]) -> list[Row]:
    """Every set with its false tracklets and what they claim (log10 of the expected false alarms as strong), false
    single-frame streaks and length in hours."""
    known = judged(detections, truth)
    matches = match_all(known, truth)
    matched = {id(m.detection) for m in matches}
    false = set(false_tracklets(known, matches))
    cadence_s = truth.facts.get("cadence_s", math.nan)
    rows = []
    for number, (first, n) in enumerate(sets):
        inside = [row for row in known if first <= row["frame"] < first + n]
        ids = {row["tracklet_id"] for row in inside if row["tracklet_id"] >= 0}
        streaks = [row for row in inside if row["tracklet_id"] < 0 and id(row) not in matched]
        rows.append(
            {"set": number, "first_frame": first, "n_frames": n, "hours": n * cadence_s / 3600.0}
            | {"n_tracklets": len(ids), "n_false": len(ids & false), "false_ids": sorted(ids & false)}
            | {"false_log10_pfa": [_claim(inside, name) for name in sorted(ids & false)]}
            | {"n_false_streaks": len(streaks)}
        )
    return rows


def _claim(rows: list[Row], tracklet_id: int) -> float:
    return float(next(row.get("log10_pfa", math.nan) for row in rows if row["tracklet_id"] == tracklet_id))


def _fate(seen: list[tuple[int, Row]], found: list[Match], n_judged: int, truth: Truth, covariances: dict[int, Row]) -> Row:
    target = seen[0][1]
    ids = [m.detection["tracklet_id"] for m in found if m.detection["tracklet_id"] >= 0]
    best = max(sorted(set(ids)), key=ids.count, default=-1)
    held = [m for m in found if m.detection["tracklet_id"] == best and best >= 0]
    n_held = min(sum(m.detection.get(STANDS_FOR, 1) for m in held), len(seen))
    is_blend = sum("blend" in t["flags"] for _, t in seen) >= 0.5 * len(seen)
    return {
        "id": target["id"],
        "name": target.get("name", str(target["id"])),
        "mag": mean([t.get("mag", math.nan) for _, t in seen]),
        "snr": math.sqrt(sum(t["snr"] ** 2 for _, t in seen)),
        "rate_px_frame": _rate(seen),
        "star_rate_px_frame": mean([t.get("star_rate_px_frame", math.nan) for _, t in seen]),
        "streak_px": mean([t["streak_px"] for _, t in seen]),
        "is_blend": is_blend,
        "is_saturated": any("saturated" in t["flags"] for _, t in seen),
        "is_whole": len(seen) >= WHOLE * n_judged,
        "n_frames": len(seen),
        "tracklet_id": best,
        "n_held": n_held,
        "is_found": n_held >= 0.5 * len(seen),
        "error_px": rms([math.hypot(m.along_px, m.across_px) for m in held]),
        "error_arcsec": rms([sky_error(m.detection, m.target) for m in held]),
    } | errors(held, truth.facts, covariances.get(best))


def _rate(seen: list[tuple[int, Row]]) -> float:
    """Speed over the detector [px/frame] of a straight line through the true places; NaN from one frame."""
    t = np.array([k for k, _ in seen], float)
    if len(t) < 2:
        return math.nan
    t -= t.mean()
    places = np.array([[target["x"], target["y"]] for _, target in seen])
    return float(np.hypot(*((t[:, None] * places).sum(axis=0) / (t * t).sum())))


def spans(housekeeping: list[Row], n_frames: int) -> list[tuple[int, int]]:
    """(first frame, number of frames) of every set: up to the next set's first, for unreadable frames count too.

    Where frames of half a set and more lie in none, sets have been lost: they are as large as the largest that is there, and
    what was to be found in them was not.
    """
    known = {row["first_frame"]: row.get("n_frames", 0) for row in housekeeping if row["first_frame"] < n_frames}
    usual = max(known.values(), default=0) or n_frames
    ends = [*sorted(known), n_frames]
    found = list(_lost(0, ends[0], usual)) if 2 * ends[0] >= usual else []
    for first, stop in itertools.pairwise(ends):
        n = known[first] or stop - first
        is_lost = 2 * (stop - first - n) >= usual
        found += [(first, n), *_lost(first + n, stop, usual)] if is_lost else [(first, stop - first)]
    return found


def _lost(first: int, stop: int, usual: int) -> Iterator[tuple[int, int]]:
    """Sets of frames that lie in none."""
    return ((k, min(usual, stop - k)) for k in range(first, stop, usual))


def n_found(rows: list[Row], at_least_snr: float) -> tuple[int, int]:
    """Found and all targets whose set SNR reaches a value, counted once per set."""
    demanded = [row for row in rows if row["snr"] >= at_least_snr]
    return sum(row["is_found"] for row in demanded), len(demanded)
