"""Truth files of three forms: our own JSON, SatNet annotations as SatSim writes them, and spotGEO's labels."""

import json
import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sensorproc.errors import InputError
from sensorproc.recording.files import number_key
from sensorproc.timescales import NS_PER_S, tai_ns_from_utc

Row = dict[str, Any]
FACTS = ("exposure_s", "cadence_s", "hits_per_frame", "stars_per_mpix", "seed", "shape_px")
NUMBERS = ("x", "y", "x0", "y0", "x1", "y1", "snr", "streak_px")


@dataclass(frozen=True)
class Truth:
    """Targets by frame index; frames that are not judged, for their pixels are not of their time; facts of the whole; times of
    mid-exposure [TAI ns] and noise of a typical pixel by frame, as far as they are told; whether it has every frame of its
    recording, empty or not."""

    frames: list[list[Row]]
    unjudged: frozenset[int] = frozenset()
    facts: Row = field(default_factory=dict)
    mid_tai_ns: dict[int, int] = field(default_factory=dict)
    noise_e: dict[int, float] = field(default_factory=dict)
    is_of_all_frames: bool = True

    def __len__(self) -> int:
        return len(self.frames)


def load_truth(path: Path, sequence: int | None = None) -> Truth:
    """Truth of a recording: a JSON file of one of the three forms, or a folder of SatNet annotations in name order.

    Parameters
    ----------
    path
        file or folder.
    sequence
        of spotGEO labels, which hold many; needed only there.

    Raises
    ------
    InputError
        If it is not of one of these forms, or names no frame.
    """
    try:
        truth = _truth(path, sequence)
        for target in (t for targets in truth.frames for t in targets):
            if not all(math.isfinite(float(target[key])) for key in NUMBERS if key != "snr"):
                raise InputError(f"{path}: target {target['id']!r} has a place that is not a number")
            _ = float(target["snr"]), target["id"], list(target["flags"])
    except InputError:
        raise
    except (KeyError, TypeError, AttributeError, ValueError, OverflowError) as error:
        raise InputError(f"{path}: not a truth file of a known form ({type(error).__name__}: {error})") from None
    if not truth.frames:
        raise InputError(f"{path}: truth of no frame")
    return truth


def _truth(path: Path, sequence: int | None) -> Truth:
    if path.is_dir():
        return Truth([_satnet(_read(file)) for file in sorted(path.glob("*.json"), key=lambda file: number_key(file.name))])
    values = _read(path)
    if isinstance(values, list):
        return Truth(_spotgeo(path, values, sequence), is_of_all_frames=False)
    if "data" in values:
        return Truth([_satnet(values)])
    frames = values.get("frames")
    if not isinstance(frames, list):
        raise InputError(f"{path}: want a JSON object with frames[], SatNet annotations, or spotGEO labels")
    by_index = {int(frame["index"]): frame for frame in frames}
    ordered = [by_index.get(k, {"targets": []}) for k in range(max(by_index, default=-1) + 1)]
    unjudged = frozenset(k for k, frame in enumerate(ordered) if "repeated" in frame.get("faults", ()))
    targets = [[] if k in unjudged else frame["targets"] for k, frame in enumerate(ordered)]
    noise_e = {k: float(frame["noise_e"]) for k, frame in by_index.items() if "noise_e" in frame}
    return Truth(targets, unjudged, _facts(values, frames), _times(by_index), noise_e)


def _facts(values: Row, frames: list[Row]) -> Row:
    """What the file says of the whole, the times completed from its frames."""
    facts = {name: values[name] for name in FACTS if name in values}
    starts = [tai_ns_from_utc(f["t_start_utc"]) for f in frames if "t_start_utc" in f]
    if "exposure_s" not in facts and starts and "t_end_utc" in frames[0]:
        facts["exposure_s"] = (tai_ns_from_utc(frames[0]["t_end_utc"]) - starts[0]) / NS_PER_S
    if "cadence_s" not in facts and len(starts) > 1:
        facts["cadence_s"] = (starts[-1] - starts[0]) / NS_PER_S / (len(starts) - 1)
    return facts


def _times(frames: dict[int, Row]) -> dict[int, int]:
    """Middle of the exposure by frame, where both its ends are told."""
    ends = {
        k: (frame["t_start_utc"], frame["t_end_utc"]) for k, frame in frames.items() if {"t_start_utc", "t_end_utc"} <= set(frame)
    }
    return {k: (tai_ns_from_utc(start) + tai_ns_from_utc(end)) // 2 for k, (start, end) in ends.items()}


def _read(path: Path) -> Any:
    try:
        return json.loads(path.read_text("utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"{path}: no readable truth ({error})") from None


def _satnet(values: Row) -> list[Row]:
    """Targets of a SatNet annotation; its centres are fractions of the frame, x = x_center W - 0.5."""
    data = values["data"]
    width, height = data["file"].get("width") or data["sensor"]["width"], data["file"].get("height") or data["sensor"]["height"]
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


def _spotgeo(path: Path, labels: list[Row], sequence: int | None) -> list[list[Row]]:
    """Targets of one sequence of spotGEO labels: points without brightness; frames count from 1."""
    mine = {int(label["frame"]): label["object_coords"] for label in labels if label["sequence_id"] == sequence}
    if not mine:
        known = sorted({label["sequence_id"] for label in labels})
        told = f"{known[0]} to {known[-1]}" if known else "none"
        raise InputError(f"{path}: spotGEO labels of many sequences: give --sequence N (has {told}; given {sequence})")
    frames: list[list[Row]] = [[] for _ in range(max(mine))]
    for frame, places in mine.items():
        frames[frame - 1] = [
            {"id": i, "x": x, "y": y, "x0": x, "y0": y, "x1": x, "y1": y, "streak_px": 0.0, "snr": math.inf, "flags": []}
            for i, (x, y) in enumerate(places)
        ]
    return frames
