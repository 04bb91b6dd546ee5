"""Frames that have no say in the pattern of a pixel: what the others know of it is not what they themselves hold."""

import numpy as np
import pytest
from scipy import stats

from sensorproc.config import Config
from sensorproc.frames import Frame, SensorFacts
from sensorproc.onboard import pipeline
from sensorproc.onboard.state import PayloadState
from tests.skies import made

SHAPE = (120, 160)


def _processed(rng, n):
    facts = SensorFacts(gain_e_per_dn=1.0, read_noise_e=made.READ_E, bias_dn=made.BIAS_DN)
    images = made.frames(rng, n=n, shape=SHAPE, n_stars=25)
    counts = [np.rint(image).clip(0, 65535).astype(np.uint16) for image in images]
    clear = np.zeros(SHAPE, np.uint8)
    frames = [Frame(k, 0, str(k), dn, clear, 10**18 + k * 10**10, 1.0, facts) for k, dn in enumerate(counts)]
    return pipeline.process_set(frames, PayloadState(), None, Config())[0]


@pytest.mark.parametrize("n", [4, *(pytest.param(n, marks=pytest.mark.slow) for n in (3, 5, 6))])
def test_peaks_of_noise_in_short_stares_are_no_objects(n):
    """A peak that hides the pattern under it has the noise of the mean of others on top of its own; 0.01 a set are claimed."""
    n_sets = 25
    false = sum(len(_processed(np.random.default_rng(1000 * n + k), n).tracklets) for k in range(n_sets))
    assert stats.poisson.sf(false - 1, 0.02 * n_sets) > 0.01
