"""The exposure that trails show: right where the header is right, and the header's error where it is wrong."""

from dataclasses import replace

import numpy as np
import pytest

from sensorproc.config import Config
from sensorproc.onboard.pipeline import prepare_or_reject
from sensorproc.onboard.pixel_ownership import HandOver
from sensorproc.onboard.registration.exposure_time import exposure_bias
from sensorproc.onboard.residual_set import register_set
from sensorproc.onboard.stage import call
from sensorproc.onboard.state import PayloadState
from tests.skies.cases import BODY_FIXED, SIDEREAL
from tests.skies.frames import frames_of

CASE = replace(
    BODY_FIXED, targets=(), crossings=(), shape=(256, 256), n_frames=8, star_rate=(10.0, 4.0), n_stars=120, star_log_e=(3.4, 5.0)
)


def registered(case, claimed: float = 1.0):
    """Frames of a case whose headers claim so many times the exposure, registered."""
    frames = [replace(frame, exposure_s=claimed * frame.exposure_s) for frame in frames_of(case)]
    items = [prepare_or_reject(frame, PayloadState(), Config()) for frame in frames]
    return register_set(HandOver(items), PayloadState(), Config(), case.cadence_s, call)[0]


@pytest.mark.parametrize("claimed", [1.0, 1.1])
def test_trails_tell_the_exposure_whatever_the_header_claims(claimed):
    bias, sigma = exposure_bias(registered(CASE, claimed))
    true_s = CASE.exposure_s * (1.0 - claimed)
    floor_s = 0.1 / np.hypot(*CASE.star_rate) * CASE.cadence_s
    assert 0.98 * floor_s <= sigma < 1.2 * floor_s
    assert abs(bias - true_s) < sigma


def test_stars_at_rest_tell_nothing():
    assert exposure_bias(registered(replace(SIDEREAL, targets=(), crossings=()))) == (0.0, 0.0)
