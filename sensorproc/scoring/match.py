"""Which detection is which target: one to one within a frame.

A detection matches a target if it lies within 2 px across the target's trail and within 0.35 of its length along it (at
least 2 px); the assignment minimises the summed distance. Targets at the edge, dead or below SNR 2 are neither demanded
nor counted as false.
"""

import math
from dataclasses import dataclass

import numpy as np
from scipy import optimize

from sensorproc.scoring.truth import Row, Truth

GATE_ACROSS_PX = 2.0
GATE_ALONG = 0.35
MIN_SNR = 2.0
FORBIDDEN = 1e6


@dataclass(frozen=True)
class Match:
    """A target found in a frame, and the error of its detection along and across its trail [px]."""

    frame: int
    target: Row
    detection: Row
    along_px: float
    across_px: float


def match_frame(frame: int, detections: list[Row], targets: list[Row]) -> list[Match]:
    """One-to-one matches of a frame."""
    if not detections or not targets:
        return []
    cost = np.full((len(targets), len(detections)), FORBIDDEN)
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


def match_all(detections: list[Row], truth: Truth) -> list[Match]:
    """One-to-one matches of every frame with truth, in order of frames."""
    by_frame: dict[int, list[Row]] = {}
    for row in detections:
        by_frame.setdefault(row["frame"], []).append(row)
    return [m for k, targets in enumerate(truth.frames) for m in match_frame(k, by_frame.get(k, []), targets)]


def judged(detections: list[Row], truth: Truth) -> list[Row]:
    """Detections in frames that have a truth and are judged."""
    return [row for row in detections if row["frame"] < len(truth) and row["frame"] not in truth.unjudged]


def false_tracklets(detections: list[Row], matches: list[Match]) -> list[int]:
    """Tracklets fewer than half of whose detections are matches."""
    matched = {id(m.detection) for m in matches}
    members: dict[int, list[bool]] = {}
    for row in detections:
        if row["tracklet_id"] >= 0:
            members.setdefault(row["tracklet_id"], []).append(id(row) in matched)
    return sorted(i for i, hits in members.items() if sum(hits) < 0.5 * len(hits))


def is_demanded(target: Row) -> bool:
    """Whether missing this target counts."""
    return target["snr"] >= MIN_SNR and not {"edge", "dead"} & set(target["flags"])


def _error(target: Row, row: Row) -> tuple[float, float]:
    dx, dy = row["x_px"] - target["x"], row["y_px"] - target["y"]
    ux, uy = target["x1"] - target["x0"], target["y1"] - target["y0"]
    length = math.hypot(ux, uy)
    if length < 1e-6:
        return dx, dy
    return (dx * ux + dy * uy) / length, (dy * ux - dx * uy) / length
