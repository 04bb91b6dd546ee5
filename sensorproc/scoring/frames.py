"""Per frame, whatever the sets: completeness by the SNR of a target in that frame, false detections, centroid errors."""

import math

import numpy as np

from sensorproc.scoring.errors import position_chi2
from sensorproc.scoring.figures.intervals import poisson_interval, wilson
from sensorproc.scoring.match import Match, false_tracklets, is_demanded, judged, match_all
from sensorproc.scoring.truth import Row, Truth

SNR_BINS = ((2.0, 4.0), (4.0, 6.0), (6.0, 10.0), (10.0, math.inf))


def score(detections: list[Row], truth: Truth) -> Row:
    """Figures per frame: completeness by SNR, false detections and tracklets, centroid errors."""
    n_beyond = sum(row["frame"] >= len(truth) for row in detections)
    detections = judged(detections, truth)
    matches = match_all(detections, truth)
    matched = {id(m.detection) for m in matches}
    false = [row for row in detections if id(row) not in matched]
    false_ids = false_tracklets(detections, matches)
    found = {(m.frame, m.target["id"]) for m in matches}
    demanded = [(k, t) for k, targets in enumerate(truth.frames) for t in targets if is_demanded(t)]
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
        "n_false_tracklets": len(false_ids),
        "false_tracklets_95": list(poisson_interval(len(false_ids))),
        "false_tracklet_ids": false_ids,
        "centroid": _centroids(matches),
    }


def _bin(demanded: list[tuple[int, Row]], found: set, low: float, high: float) -> Row:
    inside = [(k, t["id"]) for k, t in demanded if low <= t["snr"] < high or t["snr"] == high == math.inf]
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
    chi = np.array([position_chi2(m) for m in matches])
    return {
        "n": len(matches),
        "along_rms_px": float(np.sqrt(np.mean(along**2))),
        "across_rms_px": float(np.sqrt(np.mean(across**2))),
        "along_bias_px": float(along.mean()),
        "across_bias_px": float(across.mean()),
        "reduced_chi2_of_claimed_sigma": float(chi.mean()),
    }


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
