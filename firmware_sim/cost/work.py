"""How much work a call of a stage is, counted from what it was given: frames, pixels, and what else its time grows with."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from sensorproc.frames import Frame
from sensorproc.onboard.pixel_ownership import HandOver
from sensorproc.onboard.products import FrameFacts, pattern_scales
from sensorproc.onboard.stack import Stack

TOUCHED_BYTES_PX = 8  # of one frame at a time: an image read and an image written, float32


@dataclass(frozen=True)
class Work:
    """Of one call: frames, pixels of all frames, items of the stage's own kind, bytes of one frame in use at a time."""

    frames: float
    pixels: float
    items: float
    resident_bytes: float


def work_before(stage: str, arguments: Sequence[Any]) -> Work:
    """What a call's arguments tell of its work. Stages take over the frames they are given, so it is counted before the call."""
    if _is_idle(stage, arguments):
        return Work(0.0, 0.0, 0.0, 0.0)
    n_frames, frame_px = _size(arguments)
    items = 0.0
    if stage == "accept":
        items = float(len(arguments[1]) * len(arguments[0].times))  # candidates, each fitted in all frames
    elif stage == "subtract_stars":
        items = float(sum(len(solved.registered.stars) for solved in arguments[0]))
    elif stage == "solve":
        items = float(sum(len(registered.stars) for registered in arguments[0]))
    return Work(n_frames, n_frames * frame_px, items, TOUCHED_BYTES_PX * frame_px)


def work_after(work: Work, stage: str, result: Any) -> Work:
    """The same with what only the result tells."""
    if stage == "search":
        return replace(work, items=float(result.n_velocities) * work.pixels)  # velocities, each summed over all pixels
    if stage == "register":
        return replace(work, items=float(sum(len(registered.stars) for registered in result[0])))
    return work


def _is_idle(stage: str, arguments: Sequence[Any]) -> bool:
    """Whether a stage has nothing to do: those that see to a set's own dark pattern where none was solved."""
    if stage in ("refine_pattern", "without_drifting_stars", "learn"):
        return arguments[1] is None
    return stage == "passing_points" and pattern_scales(arguments[0]) is None


def _size(arguments: Sequence[Any]) -> tuple[int, int]:
    """Number of frames and pixels of one, from the first argument that holds any."""
    for argument in arguments:
        if isinstance(argument, Stack):
            return len(argument.times), argument.image_e[0].size
        items = list(argument) if isinstance(argument, list | tuple | HandOver) else [argument]
        shape = _shape(items[0]) if items else None
        if shape:
            return len(items), shape[0] * shape[1]
    return 1, 0


def _shape(item: Any) -> tuple[int, int] | None:
    """Shape of a frame, or of the one behind a product, which may have given up its pixels."""
    facts = FrameFacts.of(item) if isinstance(item, Frame) else getattr(item, "facts", None)
    return facts.shape if isinstance(facts, FrameFacts) else None
