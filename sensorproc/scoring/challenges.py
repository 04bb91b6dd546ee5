"""Published scoring rules, exactly, so that figures compare with published ones."""

import math
from dataclasses import dataclass

import numpy as np
from scipy import optimize
from scipy.spatial.distance import cdist

from sensorproc.scoring.truth import Row, Truth

SPOTGEO_GATE_PX, SPOTGEO_DEAD_PX = 10.0, 3.0
SATNET_GATE_PX = 8.0
FAR = 1000.0  # what the published scorer puts where the gate forbids


@dataclass(frozen=True)
class Tally:
    """Counts and summed error of a frame, a sequence or all."""

    true_positives: int = 0
    false_negatives: int = 0
    false_positives: int = 0
    error: float = 0.0

    def __add__(self, other: "Tally") -> "Tally":
        return Tally(
            self.true_positives + other.true_positives,
            self.false_negatives + other.false_negatives,
            self.false_positives + other.false_positives,
            self.error + other.error,
        )

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall, NaN where nothing is there and nothing reported."""
        total = 2 * self.true_positives + self.false_negatives + self.false_positives
        return 2 * self.true_positives / total if total else math.nan

    @property
    def mean_error(self) -> float:
        """The challenge's "MSE" of a sequence: summed error over matches, misses and false alarms; 0 without any."""
        n = self.true_positives + self.false_negatives + self.false_positives
        return self.error / n if n else 0.0


def spotgeo_frame(found: np.ndarray, true: np.ndarray) -> Tally:
    """One frame by the rule of the spotGEO challenge (Chen et al. 2021, CVPR workshops; its published scorer).

    One-to-one assignment of least summed distance, pairs beyond 10 px refused; a match nearer than 3 px costs nothing,
    others their distance (not squared, whatever the name says), at exactly 10 px nothing; each miss and each false
    alarm costs 100. ``found`` (n, 2), ``true`` (m, 2) in px.
    """
    return _frame(found, true, SPOTGEO_GATE_PX, SPOTGEO_DEAD_PX)


def _frame(found: np.ndarray, true: np.ndarray, gate: float, dead: float) -> Tally:
    found, true = np.reshape(found, (-1, 2)), np.reshape(true, (-1, 2))
    if not len(found) or not len(true):
        return Tally(0, len(true), len(found), gate**2 * (len(true) + len(found)))
    distance = cdist(found, true)
    distance[distance > gate] = FAR
    rows, columns = optimize.linear_sum_assignment(distance)
    matched = distance[rows, columns]
    n = int((matched <= gate).sum())
    costly = matched[(matched < gate) & (matched >= dead)]
    missed, false = len(true) - n, len(found) - n
    return Tally(n, missed, false, float(costly.sum()) + gate**2 * (missed + false))


def spotgeo(sequences: list[list[tuple[np.ndarray, np.ndarray]]]) -> tuple[float, float, Tally]:
    """F1 over all sequences of (found, true) per frame, the summed "MSE" of sequences, and the pooled counts."""
    tallies = [sum((spotgeo_frame(found, true) for found, true in frames), Tally()) for frames in sequences]
    pooled = sum(tallies, Tally())
    return pooled.f1, sum(tally.mean_error for tally in tallies), pooled


def satnet(frames: list[tuple[np.ndarray, np.ndarray]]) -> Tally:
    """Counts over frames with a gate of 8 px between centres, as SatNet detectors are compared."""
    return sum((_frame(found, true, SATNET_GATE_PX, 0.0) for found, true in frames), Tally())


def places(detections: list[Row], truth: Truth) -> list[tuple[np.ndarray, np.ndarray]]:
    """(found, true) places of every judged frame; every target counts, whatever its SNR or flags."""
    pairs = []
    for k, targets in enumerate(truth.frames):
        if k not in truth.unjudged:
            found = [(row["x_px"], row["y_px"]) for row in detections if row["frame"] == k]
            pairs.append((np.array(found, float).reshape(-1, 2), np.array([(t["x"], t["y"]) for t in targets]).reshape(-1, 2)))
    return pairs


def challenge_figures(detections: list[Row], truth: Truth) -> Row:
    """Both rules on one recording, taken as one sequence."""
    frames = places(detections, truth)
    f1, mse, pooled = spotgeo([frames])
    at_8_px = satnet(frames)
    return {
        "spotgeo_f1": f1,
        "spotgeo_mse": mse,
        "spotgeo_counts": [pooled.true_positives, pooled.false_negatives, pooled.false_positives],
        "satnet_f1": at_8_px.f1,
        "satnet_counts": [at_8_px.true_positives, at_8_px.false_negatives, at_8_px.false_positives],
    }
