"""Whether the light of a track's frames is one object's: what two frames alone make is none, a faint object's noise is."""

import numpy as np
import pytest

from sensorproc.config import Config
from sensorproc.onboard.products import Candidate
from sensorproc.onboard.search.accept import _is_steady
from sensorproc.onboard.search.track import Track


def track(snr, phi):
    """A track of per-frame SNRs (n,) and information ``phi`` (n,)."""
    psi = snr * np.sqrt(phi)
    n, total = len(snr), float(psi.sum() / np.sqrt(phi.sum()))
    candidate = Candidate.at(np.zeros(2), np.zeros(2), total, "detector")
    return Track(candidate, float(psi.sum() / phi.sum()), psi, phi, np.eye(4), np.zeros((n, 2)), np.zeros((n, 3)))


def is_steady(snr, phi):
    return _is_steady(track(snr, phi), np.ones(len(snr), bool), Config().accept)


@pytest.mark.parametrize("n", [5, 8, 16])
@pytest.mark.parametrize("height", [8.0, 12.0, 25.0])
def test_two_bright_frames_make_no_object(rng, n, height):
    """Noise everywhere but in two frames, whose pixels may tell ten times as much as the others'."""
    kept = 0
    for _ in range(200):
        snr, phi = rng.normal(size=n), np.exp(rng.uniform(np.log(0.1), 0.0, n))
        some = rng.choice(n, 2, replace=False)
        snr[some] += height
        phi[some] = 1.0
        kept += is_steady(snr, phi)
    assert kept < 8


@pytest.mark.parametrize("n", [4, 8, 16])
@pytest.mark.parametrize("set_snr", [7.0, 12.0, 30.0])
def test_an_object_of_even_light_is_kept(rng, n, set_snr):
    phi = np.ones(n)
    kept = [is_steady(set_snr / np.sqrt(n) + rng.normal(size=n), phi) for _ in range(400)]
    assert np.mean(kept) > 0.97
