"""Residuals of a set, for tests of what stays with the detector."""

import pytest

from tests.skies.cases import BODY_FIXED
from tests.skies.frames import made_up_frames
from tests.skies.stages import stages_of


@pytest.fixture(scope="package")
def residuals():
    """Residuals of a body-fixed set, before what is fixed is looked for."""
    kept = stages_of(made_up_frames(160, 8, BODY_FIXED))
    assert kept.state.warm_snr is not None
    assert kept.state.warm_snr.std() == pytest.approx(1.0, abs=0.15)
    return kept.arguments["mask_fixed_pixels"][0]
