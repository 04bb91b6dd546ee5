"""Counts to electrons: what is taken off, what is flagged, and what is refused."""

from dataclasses import replace

import numpy as np
import pytest

from sensorproc.config import Config
from sensorproc.errors import FrameSetRejected
from sensorproc.flags import PixelFlag
from sensorproc.frames import Frame, SensorFacts
from sensorproc.onboard.frame.calibrate import calibrate
from sensorproc.onboard.state import PayloadState

CONFIG = Config().calibrate
FACTS = SensorFacts(gain_e_per_dn=2.0, bias_dn=100.0, full_well_e=50_000.0)


def frame(rng, **over) -> Frame:
    data = rng.poisson(300.0, (64, 80)).astype(np.uint16)
    made = Frame(0, 0, "made up", data, np.zeros(data.shape, np.uint8), 10**18, 2.0, FACTS)
    return replace(made, **over)


def test_electrons_are_counts_above_bias_times_gain_less_the_dark(rng):
    raw = frame(rng)
    dark = rng.uniform(0.0, 5.0, raw.data_dn.shape).astype(np.float32)
    made = calibrate(raw, PayloadState(dark_e_s=dark), CONFIG)
    expected = (raw.data_dn - 100.0) * 2.0 - dark * 2.0  # electrons a second over two seconds
    assert np.abs(made.image_e - expected).max() < 1e-3
    assert made.facts.is_gain_known
    assert made.facts.shape == (64, 80)


def test_the_overscan_of_each_row_wins_over_the_known_level(rng):
    levels = rng.uniform(90.0, 110.0, 64).astype(np.float32)
    raw = frame(rng, bias_rows_dn=levels)
    made = calibrate(raw, PayloadState(), CONFIG)
    assert np.abs(made.image_e - (raw.data_dn - levels[:, None]) * 2.0).max() < 1e-2


def test_an_unknown_gain_counts_as_one_and_is_said_so(rng):
    made = calibrate(frame(rng, facts=SensorFacts()), PayloadState(), CONFIG)
    assert not made.facts.is_gain_known
    assert float(np.median(made.image_e)) == pytest.approx(300.0, abs=2.0)


def test_neighbours_of_a_saturated_pixel_are_not_trusted(rng):
    raw = frame(rng)
    raw.data_dn[30, 40] = 40_000
    made = calibrate(raw, PayloadState(), CONFIG)
    saturated = made.flags & PixelFlag.SATURATED > 0
    assert saturated[29:32, 39:42].all()
    assert saturated.sum() == 9


def test_bad_pixels_of_the_payload_are_added_to_the_frames_own(rng):
    bad = np.zeros((64, 80), np.uint8)
    bad[5, 6] = PixelFlag.DEAD
    own = np.zeros((64, 80), np.uint8)
    own[7, 8] = PixelFlag.NO_DATA
    made = calibrate(frame(rng, flags=own), PayloadState(bad=bad), CONFIG)
    assert made.flags[5, 6] == PixelFlag.DEAD
    assert made.flags[7, 8] == PixelFlag.NO_DATA


def test_frames_that_hold_nothing_are_refused_by_name(rng):
    with pytest.raises(FrameSetRejected) as saturated:
        calibrate(frame(rng, data_dn=np.full((64, 80), 60_000, np.uint16)), PayloadState(), CONFIG)
    assert saturated.value.reason == "SATURATED"
    with pytest.raises(FrameSetRejected) as nothing:
        calibrate(frame(rng, flags=np.full((64, 80), PixelFlag.NO_DATA, np.uint8)), PayloadState(), CONFIG)
    assert nothing.value.reason == "NO_DATA"
