"""A recorded frame that is the one before once more is told in flight as on the ground, whether faults are injected or not."""

from dataclasses import replace

import numpy as np
import pytest

from firmware_sim.components.frame_store import FrameStore
from firmware_sim.ports import Readout
from sensorproc.frames import Rejection
from sensorproc.onboard.frame.stuck import repeats
from sensorproc.recording.pixels import make_frame


class Opened:
    """As much of an open set as the store looks at."""

    def __init__(self):
        self.items, self.slots, self.set_id, self.sigma_time_s = [], {}, 0, 0.0


@pytest.fixture
def frames(rng):
    """Five frames of a recording, the third of which is the second once more."""
    pixels = [rng.normal(300.0, 10.0, (64, 48)).astype(np.uint16) for _ in range(4)]
    data = [pixels[0], pixels[1], pixels[1].copy(), pixels[2], pixels[3]]
    return [replace(make_frame(one, f"f{k}", k * 10**9, 1.0), index=k) for k, one in enumerate(data)]


def stored(frames):
    store, opened = FrameStore(None), Opened()
    store.event, store.out, store.is_up = (lambda *_: None), (lambda *_: None), (lambda: True)
    store.sets[0] = opened
    for frame in frames:
        store.put(0, Readout(frame))
    return opened.items


def test_a_recorded_frame_that_repeats_is_rejected_in_flight(frames):
    items = stored(frames)
    assert [k for k, item in enumerate(items) if isinstance(item, Rejection)] == [2]
    assert items[2].reason == "FRAME_STUCK"


def test_one_recorded_frame_taken_again_and_again_is_no_stuck_camera(frames):
    ring = [replace(frames[0], index=k) for k in range(5)]
    assert not any(isinstance(item, Rejection) for item in stored(ring))


@pytest.mark.parametrize("lost_rows", [0, 5, 25])
def test_most_rows_tell_whatever_rows_are_looked_at_first(rng, lost_rows):
    data = rng.normal(300.0, 10.0, (200, 48)).astype(np.uint16)
    other = data.copy()
    other[rng.choice(200, lost_rows, replace=False)] = 0
    frame, again = (make_frame(one, "x", 0, 1.0) for one in (data, other))
    assert repeats(again, frame)
    assert not repeats(make_frame(rng.normal(300.0, 10.0, (200, 48)).astype(np.uint16), "x", 0, 1.0), frame)
