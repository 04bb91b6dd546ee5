"""Is a truth that of the recording a run was made from? Figures of two different skies would be believed."""

import math
from typing import Any

from sensorproc.errors import InputError
from sensorproc.ground.table_columns import UNTIMED
from sensorproc.scoring.truth import Row, Truth
from sensorproc.timescales import NS_PER_S, tai_ns_from_utc

SAME_S = 1.0  # at least; half a cadence where that is more


def demand_same(truth: Truth, frames: list[Row], run_facts: dict[str, Any]) -> None:
    """Demand that nothing in a truth contradicts a run's frames and its ``run.json``: times, size, number of frames.

    Raises
    ------
    InputError
        Naming what differs.
    """
    recording = run_facts.get("recording", {})
    n, shape = recording.get("n_frames", 1 + max((row["frame"] for row in frames), default=-1)), recording.get("shape_px")
    said = truth.facts.get("shape_px")
    if said and shape and list(said) != list(shape):
        raise InputError(f"this truth is of another recording: its frames have {_size(said)}, the run's {_size(shape)}")
    if shape and any(_is_beyond(target, shape) for targets in truth.frames for target in targets):
        raise InputError(f"this truth is of another recording: it has targets beyond the run's frames of {_size(shape)}")
    pairs = [(row["time_utc"], truth.mid_tai_ns[row["frame"]]) for row in frames if row["frame"] in truth.mid_tai_ns]
    known = [(tai_ns_from_utc(text), true) for text, true in pairs if text != UNTIMED]
    if known:
        apart = max(SAME_S, 0.5 * truth.facts.get("cadence_s", 0.0)) * NS_PER_S
        n_same = sum(abs(ours - true) <= apart for ours, true in known)
        if 2 * n_same < len(known):
            off_s = (known[0][0] - known[0][1]) / NS_PER_S
            raise InputError(f"this truth is of another recording: the run's frames were taken {off_s:+.1f} s from its times")
    elif truth.is_of_all_frames and n != len(truth):
        raise InputError(f"this truth is of another recording: it has {len(truth)} frames, the run {n}, and it tells no times")


def _size(shape: list[int]) -> str:
    return f"{shape[1]} x {shape[0]} px"


def _is_beyond(target: Row, shape: list[int]) -> bool:
    """Whether a target in view lies where the run has no pixels: one at the edge may lie a little beyond."""
    inside = "edge" not in target["flags"] and math.isfinite(target["snr"])
    return inside and not (-1.0 <= target["x"] <= shape[1] and -1.0 <= target["y"] <= shape[0])
