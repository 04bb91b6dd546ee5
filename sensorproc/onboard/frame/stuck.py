"""Frames that are the one before once more: a buffer that was read twice. Noise never repeats."""

from collections.abc import Sequence

import numpy as np

from sensorproc.errors import FrameSetRejected
from sensorproc.frames import Frame, Rejection
from sensorproc.onboard.products import Flattened, Prepared

SAME_ROWS = 0.5  # Of the rows with any noise; lines may be lost on the way in either frame.
SAMPLED_ROWS = 32  # Where none of so many is the same, most of them are not.


def without_stuck(prepared: Sequence[Prepared], frames: Sequence[Frame], before: Frame | None) -> list[Prepared]:
    """A set's prepared frames; those whose raw pixels are those of the frame before are rejected, for they show another time.

    ``frames`` are the same as they were read, in order of time, ``before`` the last one of their detector in earlier sets.
    """
    told: list[Prepared] = []
    for one, frame, last in zip(prepared, frames, [before, *frames], strict=False):
        is_stuck = isinstance(one, Flattened) and last is not None and repeats(frame, last)
        told.append(Rejection.of(frame, FrameSetRejected("FRAME_STUCK")) if is_stuck else one)
    return told


def repeats(frame: Frame, before: Frame) -> bool:
    """Whether most rows of a frame's pixels, but those of one number, are those of another frame."""
    now, then = frame.data_dn, before.data_dn
    if now.shape != then.shape:
        return False
    some = np.s_[:: max(now.shape[0] // SAMPLED_ROWS, 1)]
    if not (now[some] == then[some]).all(axis=1).any():
        return False
    tells = (now != now[:, :1]).any(axis=1) & (then != then[:, :1]).any(axis=1)
    return bool(tells.any()) and float((now == then).all(axis=1)[tells].mean()) > SAME_ROWS
