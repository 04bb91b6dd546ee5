"""The predicted memory of a frame set against the allocator's own count."""

import tracemalloc

import pytest

from sensorproc.config import Config
from sensorproc.onboard.footprint import footprint
from sensorproc.onboard.pipeline import process_set
from sensorproc.onboard.state import PayloadState
from tests.skies.cases import BODY_FIXED, SIDEREAL
from tests.skies.frames import made_up_frames


@pytest.mark.parametrize(("size", "n_frames", "case", "has_dark_map"), [(256, 8, BODY_FIXED, True), (320, 16, SIDEREAL, False)])
def test_the_peak_is_as_predicted(size, n_frames, case, has_dark_map):
    """Of trailing stars, and of a stare without a dark map, whose fixed pattern is taken out."""
    frames = made_up_frames(size, n_frames, case)
    process_set(frames, PayloadState(), None, Config())  # what is loaded once is not the set's
    tracemalloc.start()
    try:
        process_set(frames, PayloadState(), None, Config())
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    predicted = footprint((size, size), n_frames, has_dark_map).set_peak
    assert 0.95 * predicted < peak < 1.05 * predicted
