"""Frames that are the one before once more, under a time of their own."""

import numpy as np
import pytest

from sensorproc.cli import main
from sensorproc.frames import Frame
from sensorproc.ground.table_reader import read_table
from sensorproc.onboard.frame.stuck import repeats
from tests.skies import made

SHAPE = 60, 80


def frame(data, index=0):
    counts = np.rint(data).clip(0, 65535).astype(np.uint16)
    return Frame(index, 0, str(index), counts, np.zeros(counts.shape, np.uint8), 10**18 + index, 1.0)


@pytest.mark.parametrize("noise_dn", [0.4, 1.0, 20.0])
def test_noise_never_repeats(rng, noise_dn):
    """Not even where most pixels of two frames are alike."""
    one, other = (frame(100.0 + rng.normal(0.0, noise_dn, SHAPE)) for _ in range(2))
    assert not repeats(one, other)
    assert repeats(frame(one.data_dn, 1), one)


@pytest.mark.parametrize("lost", [10, 25])
def test_a_repeat_that_has_lost_lines_is_one(rng, lost):
    data = 100.0 + rng.normal(0.0, 5.0, SHAPE)
    damaged = data.copy()
    damaged[20 : 20 + lost] = 0.0
    assert repeats(frame(damaged, 1), frame(data))
    assert repeats(frame(data, 1), frame(damaged))
    fresh = 100.0 + rng.normal(0.0, 5.0, SHAPE)
    fresh[20 : 20 + lost] = 0.0
    assert not repeats(frame(fresh, 1), frame(damaged))


def test_frames_of_one_number_or_another_size_tell_nothing(rng):
    assert not repeats(frame(np.full(SHAPE, 7.0), 1), frame(np.full(SHAPE, 7.0)))
    assert not repeats(frame(rng.normal(100.0, 5.0, (30, 40))), frame(rng.normal(100.0, 5.0, SHAPE)))


@pytest.mark.parametrize("repeated", [[5], [1, 2, 20], [16]])
def test_they_are_told_and_move_nothing(tmp_path, rng, repeated):
    """A mover of 3 px/frame would be put a frame behind where a repeat shows it; a set is sixteen frames at most."""
    frames = made.frames(rng, [made.mover(40.0, 60.0, 3.0, 1.0, 1500.0)], n=24)
    for k in repeated:
        frames[k] = frames[k - 1]
    recording = made.write(tmp_path / "rec", frames)
    out = tmp_path / "out"
    assert main(["process", str(recording), "-o", str(out), "--marking", "U", "--data-mode", "TEST"]) == 0
    told = [row["frame"] for row in read_table(out / "frames.ecsv") if "FRAME_STUCK" in row["status"]]
    assert told == repeated
    tracklets = read_table(out / "tracklets.ecsv")
    assert len(tracklets) == 2
    for row in tracklets:
        pulls = (row["vx_px_frame"] - 3.0) / np.sqrt(row["cov_uu"]), (row["vy_px_frame"] - 1.0) / np.sqrt(row["cov_vv"])
        assert np.abs(pulls).max() < 4.0
        assert np.sqrt(row["cov_uu"]) < 0.05
