"""Residuals of a set, for tests of what stays with the detector."""

import pytest

from sensorproc.config import Config
from sensorproc.onboard import pipeline
from sensorproc.onboard.state import PayloadState
from tests.skies.cases import BODY_FIXED
from tests.skies.frames import made_up_frames


@pytest.fixture(scope="package")
def residuals():
    """Residuals of a body-fixed set, before what is fixed is looked for."""
    kept = {}

    def do(stage, *arguments):
        kept.setdefault(stage.__name__, arguments)
        return stage(*arguments)

    _, state = pipeline.process_set(made_up_frames(160, 8, BODY_FIXED), PayloadState(), None, Config(), do)
    assert state.warm_snr is not None
    assert state.warm_snr.std() == pytest.approx(1.0, abs=0.15)
    return kept["mask_fixed_pixels"][0]
