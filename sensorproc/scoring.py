"""Products against truth: completeness, false alarms, centroid errors, each with its interval.

A detection matches a target if it lies within 2 px across the target's trail and within 0.35 of its length along it (at
least 2 px); assignment within a frame is one-to-one and minimises the distance. Targets at the edge, dead or below SNR 2
are neither demanded nor counted as false; blends are counted apart.
"""

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy import optimize, stats

from sensorproc.errors import InputError

GATE_ACROSS_PX = 2.0
GATE_ALONG = 0.35
MIN_SNR = 2.0
SNR_BINS = ((2.0, 4.0), (4.0, 6.0), (6.0, 10.0), (10.0, math.inf))
Row = dict[str, Any]


@dataclass(frozen=True)
class Match:
    """A target found in a frame, and the error of its detection along and across its trail [px]."""

    frame: int
    target: Row
    detection: Row
    along_px: float
    across_px: float


def wilson(found: int, n: int, confidence: float = 0.95) -> tuple[float, float]:
    """Wilson score interval of a proportion; (0, 1) for no trials.

    >>> [round(v, 3) for v in wilson(8, 10)]
    [0.49, 0.943]
    """
    if n == 0:
        return 0.0, 1.0
    z = float(stats.norm.isf((1 - confidence) / 2))
    p = found / n
    middle = (p + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    return max(middle - half, 0.0), min(middle + half, 1.0)


def poisson_interval(count: int, confidence: float = 0.95) -> tuple[float, float]:
    """Exact interval of a Poisson mean; a count of zero gives an upper limit, not zero.

    >>> [round(v, 2) for v in poisson_interval(0)]
    [0.0, 3.69]
    """
    tail = (1 - confidence) / 2
    low = float(stats.chi2.ppf(tail, 2 * count) / 2) if count else 0.0
    return low, float(stats.chi2.isf(tail, 2 * count + 2) / 2)


def load_truth(path: Path) -> list[list[Row]]:
    """Targets of every frame, by frame index: our truth JSON, or a folder of SatNet annotations in name order.

    Raises
    ------
    InputError
        If it is not of one of these forms, or names no frame.
    """
    try:
        truth = _truth(path)
        for target in (t for targets in truth for t in targets):
            float(target["x"] + target["y"] + target["x0"] + target["y0"] + target["x1"] + target["y1"] + target["snr"])
            _ = target["id"], list(target["flags"]), float(target["streak_px"])
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{path}: not a truth file of a known form ({type(error).__name__}: {error})") from None
    if not truth:
        raise InputError(f"{path}: truth of no frame")
    return truth


def _truth(path: Path) -> list[list[Row]]:
    try:
        if path.is_dir():
            files = sorted(path.glob("*.json"))
            return [_satnet(json.loads(file.read_text("utf-8"))) for file in files]
        values = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: no readable truth ({error})") from None
    if "data" in values:
        return [_satnet(values)]
    frames = values.get("frames")
    if not isinstance(frames, list):
        raise InputError(f"{path}: want a JSON object with frames[]")
    by_index: dict[int, list[Row]] = {frame["index"]: frame["targets"] for frame in frames}
    return [by_index.get(k, []) for k in range(max(by_index, default=-1) + 1)]


def _satnet(values: Row) -> list[Row]:
    """Targets of a SatNet annotation; its centres are fractions of the frame, x = x_center W - 0.5."""
    data = values["data"]
    width, height = data["file"].get("width") or data["sensor"]["width"], data["sensor"]["height"]
    targets = []
    for i, item in enumerate(data["objects"]):
        x0, x1 = (item[f"x_{end}"] * width - 0.5 for end in ("start", "end"))
        y0, y1 = (item[f"y_{end}"] * height - 0.5 for end in ("start", "end"))
        snr = math.sqrt(sum(s * s for s in item.get("snr") or [math.inf]))
        targets.append(
            {"id": item.get("seg_id", i), "x": item["x_center"] * width - 0.5, "y": item["y_center"] * height - 0.5}
            | {"x0": x0, "y0": y0, "x1": x1, "y1": y1, "streak_px": math.hypot(x1 - x0, y1 - y0), "snr": snr, "flags": []}
        )
    return targets


def match_frame(frame: int, detections: list[Row], targets: list[Row]) -> list[Match]:
    """One-to-one matches of a frame."""
    if not detections or not targets:
        return []
    cost = np.full((len(targets), len(detections)), 1e6)
    errors: dict[tuple[int, int], tuple[float, float]] = {}
    for i, target in enumerate(targets):
        for j, row in enumerate(detections):
            along, across = _error(target, row)
            if abs(across) <= GATE_ACROSS_PX and abs(along) <= max(GATE_ACROSS_PX, GATE_ALONG * target["streak_px"]):
                cost[i, j] = math.hypot(along, across)
                errors[i, j] = along, across
    rows, columns = optimize.linear_sum_assignment(cost)
    pairs = [(int(i), int(j)) for i, j in zip(rows, columns, strict=True) if (int(i), int(j)) in errors]
    return [Match(frame, targets[i], detections[j], *errors[i, j]) for i, j in pairs]


def match_all(detections: list[Row], truth: list[list[Row]]) -> list[Match]:
    """One-to-one matches of every frame with truth, in order of frames."""
    by_frame: dict[int, list[Row]] = {}
    for row in detections:
        by_frame.setdefault(row["frame"], []).append(row)
    return [m for k, targets in enumerate(truth) for m in match_frame(k, by_frame.get(k, []), targets)]


def _error(target: Row, row: Row) -> tuple[float, float]:
    dx, dy = row["x_px"] - target["x"], row["y_px"] - target["y"]
    ux, uy = target["x1"] - target["x0"], target["y1"] - target["y0"]
    length = math.hypot(ux, uy)
    if length < 1e-6:
        return dx, dy
    return (dx * ux + dy * uy) / length, (dy * ux - dx * uy) / length


def is_demanded(target: Row) -> bool:
    """Whether missing this target counts."""
    return target["snr"] >= MIN_SNR and not {"edge", "dead"} & set(target["flags"])


def score(detections: list[Row], truth: list[list[Row]]) -> Row:
    """All figures of a run: completeness by SNR, false detections and tracklets, centroid errors."""
    n_beyond = sum(row["frame"] >= len(truth) for row in detections)
    detections = [row for row in detections if row["frame"] < len(truth)]
    matches = match_all(detections, truth)
    matched = {id(m.detection) for m in matches}
    false = [row for row in detections if id(row) not in matched]
    members: dict[int, list[bool]] = {}
    for row in detections:
        if row["tracklet_id"] >= 0:
            members.setdefault(row["tracklet_id"], []).append(id(row) in matched)
    false_tracklets = sorted(i for i, hits in members.items() if sum(hits) < 0.5 * len(hits))
    found = {(m.frame, m.target["id"]) for m in matches}
    demanded = [(k, t) for k, targets in enumerate(truth) for t in targets if is_demanded(t)]
    clean = [(k, t) for k, t in demanded if "blend" not in t["flags"]]
    n_frames = max(len(truth), 1)
    return {
        "n_frames": len(truth),
        "n_detections_without_truth": n_beyond,
        "completeness": [_bin(demanded, found, *limits) for limits in SNR_BINS],
        "completeness_without_blends": [_bin(clean, found, *limits) for limits in SNR_BINS],
        "targets": _targets(demanded, found),
        "n_false_detections": len(false),
        "false_detections_per_frame": len(false) / n_frames,
        "false_detections_per_frame_95": [v / n_frames for v in poisson_interval(len(false))],
        "n_false_tracklets": len(false_tracklets),
        "false_tracklets_95": list(poisson_interval(len(false_tracklets))),
        "false_tracklet_ids": false_tracklets,
        "centroid": _centroids(matches),
    }


def _bin(demanded: list[tuple[int, Row]], found: set, low: float, high: float) -> Row:
    inside = [(k, t["id"]) for k, t in demanded if low <= t["snr"] < high]
    n_found = sum(key in found for key in inside)
    low_95, high_95 = wilson(n_found, len(inside))
    return {"snr_min": low, "snr_max": high if math.isfinite(high) else None, "n": len(inside), "found": n_found,
            "completeness": n_found / len(inside) if inside else None, "wilson_95": [low_95, high_95]}  # fmt: skip


def _targets(demanded: list[tuple[int, Row]], found: set) -> list[Row]:
    rows = []
    for name in sorted({t["id"] for _, t in demanded}):
        mine = [(k, t) for k, t in demanded if t["id"] == name]
        n_found = sum((k, name) in found for k, _ in mine)
        rows.append({"id": name, "snr": float(np.mean([t["snr"] for _, t in mine])), "n": len(mine), "found": n_found})
    return rows


def _centroids(matches: list[Match]) -> Row:
    if not matches:
        return {"n": 0, "along_rms_px": None, "across_rms_px": None, "along_bias_px": None, "across_bias_px": None}
    along, across = np.array([m.along_px for m in matches]), np.array([m.across_px for m in matches])
    chi = np.array([_reduced(m) for m in matches])
    return {
        "n": len(matches),
        "along_rms_px": float(np.sqrt(np.mean(along**2))),
        "across_rms_px": float(np.sqrt(np.mean(across**2))),
        "along_bias_px": float(along.mean()),
        "across_bias_px": float(across.mean()),
        "reduced_chi2_of_claimed_sigma": float(chi.mean()),
    }


def _reduced(match: Match) -> float:
    dx = match.detection["x_px"] - match.target["x"]
    dy = match.detection["y_px"] - match.target["y"]
    return 0.5 * ((dx / match.detection["sigma_x_px"]) ** 2 + (dy / match.detection["sigma_y_px"]) ** 2)


def to_markdown(result: Row) -> str:
    """The score as a short Markdown page."""
    lines = ["| SNR per frame | found / n | completeness | 95 % |", "|---|---|---|---|"]
    for row in result["completeness"]:
        name = f"{row['snr_min']:g}-{row['snr_max']:g}" if row["snr_max"] else f"> {row['snr_min']:g}"
        value = f"{row['completeness']:.3f}" if row["n"] else "-"
        lines.append(f"| {name} | {row['found']} / {row['n']} | {value} | {row['wilson_95'][0]:.3f}-{row['wilson_95'][1]:.3f} |")
    c = result["centroid"]
    if result["n_detections_without_truth"]:
        lines += ["", f"{result['n_detections_without_truth']} detections lie in frames without truth and are not judged."]
    low, high = result["false_detections_per_frame_95"]
    lines += ["", f"False detections per frame: {result['false_detections_per_frame']:.3f} (95 %: {low:.3f}-{high:.3f})."]
    low, high = result["false_tracklets_95"]
    lines.append(f"False tracklets: {result['n_false_tracklets']} (95 %: {low:.2f}-{high:.2f}) in {result['n_frames']} frames.")
    if c["n"]:
        lines.append(f"Centroid rms: {c['along_rms_px']:.3f} px along, {c['across_rms_px']:.3f} px across (n = {c['n']}).")
        lines.append(f"Reduced chi-squared of the claimed sigmas: {c['reduced_chi2_of_claimed_sigma']:.2f}.")
    return "\n".join(lines) + "\n"
