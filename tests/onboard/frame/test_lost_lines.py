"""Lines, blocks and ends of frames that were lost and filled with one number."""

import numpy as np
import pytest

from sensorproc.config import Calibrate, Config
from sensorproc.flags import PixelFlag
from sensorproc.frames import Frame, SensorFacts
from sensorproc.onboard import pipeline
from sensorproc.onboard.frame.calibrate import calibrate
from sensorproc.onboard.frame.lost_lines import lost_lines
from sensorproc.onboard.state import PayloadState
from tests.skies import made

SHAPE = (120, 160)
LOST = {
    "row": np.s_[33],
    "column": np.s_[:, 71],
    "part of a row": np.s_[50, 20:90],
    "part of a column": np.s_[60:, 5],
    "block": np.s_[40:56, 64:80],
    "rest of the frame": np.s_[100:],
    "padding": np.s_[:, 150:],
}


def _noise(rng, sigma, shape=(256, 300)):
    return np.rint(rng.normal(300.0, sigma, shape)).astype(np.uint16)


@pytest.mark.parametrize("sigma", [1.0, 3.0, 15.0, 200.0])
@pytest.mark.parametrize("fill", [0, 300, "mean"])
@pytest.mark.parametrize("lost", LOST)
def test_what_is_filled_with_one_number_is_told_and_nothing_else(sigma, fill, lost):
    frame = _noise(np.random.default_rng(3), sigma)
    frame[10, 10] = 65535  # the highest number is saturated, not lost
    frame[LOST[lost]] = int(frame.mean()) if fill == "mean" else fill
    if lost == "block" and sigma < 3.0:
        pytest.skip("chance makes runs of 16 pixels of so little noise")
    told, expected = lost_lines(frame), np.zeros(frame.shape, bool)
    expected[LOST[lost]] = True
    assert told[expected].all()
    # chance makes a pixel beside it the same, seldom two
    assert (told & ~expected).sum() <= 0.4 * (sum(expected.shape) + expected.any(axis=0).sum() + expected.any(axis=1).sum())


@pytest.mark.parametrize("sigma", [0.0, 0.1, 0.3, 0.5, 1.0, 5.0, 50.0])
def test_no_noise_is_taken_for_lost(sigma):
    rng = np.random.default_rng(5)
    for _ in range(5):
        assert not lost_lines(_noise(rng, sigma)).any()


def test_saturated_trails_and_pixels_twice_as_large_are_not_lost():
    rng = np.random.default_rng(6)
    frame = _noise(rng, 5.0)
    frame[20:120, 40] = 4095
    assert not lost_lines(frame).any()
    assert not lost_lines(np.kron(_noise(rng, 5.0, (128, 128)), np.ones((2, 2), np.uint16))).any()
    assert not lost_lines(rng.normal(0.0, 1.0, (64, 64)).astype(np.float32)).any()


def _frame(k, image, facts):
    counts = np.rint(image).clip(0, 65535).astype(np.uint16)
    return Frame(k, 0, str(k), counts, np.zeros(SHAPE, np.uint8), 10**18 + k * 10**10, 1.0, facts)


def test_calibration_flags_what_is_lost():
    image = made.frames(np.random.default_rng(0), n=1, shape=SHAPE)[0]
    image[33] = 0.0
    flags = calibrate(_frame(0, image, SensorFacts(gain_e_per_dn=1.0)), PayloadState(), Calibrate()).flags
    assert ((flags[33] & PixelFlag.NO_DATA) > 0).all()
    assert not (np.delete(flags, 33, axis=0) & PixelFlag.NO_DATA).any()


@pytest.mark.parametrize("n", [3, 4, 8])
@pytest.mark.parametrize("lost", LOST)
def test_a_line_lost_in_one_frame_makes_no_object(lost, n):
    """The one mover is found; of false tracklets 0.03 are expected in three sets."""
    false = 0
    for seed in range(3):
        rng = np.random.default_rng(100 * n + seed)
        images = made.frames(rng, [made.mover(40.0, 60.0, 3.0, -1.0, 3000.0)], n=n, shape=SHAPE, n_stars=25)
        images[-1][LOST[lost]] = 0.0
        facts = SensorFacts(gain_e_per_dn=1.0, read_noise_e=made.READ_E, bias_dn=made.BIAS_DN)
        frames = [_frame(k, image, facts) for k, image in enumerate(images)]
        processed, _ = pipeline.process_set(frames, PayloadState(), None, Config())
        found = [t for t in processed.tracklets if abs(t.vx_px_frame - 3.0) < 0.2 and abs(t.vy_px_frame + 1.0) < 0.2]
        assert len(found) == 1
        assert not processed.streaks
        false += len(processed.tracklets) - 1
    assert false == 0
