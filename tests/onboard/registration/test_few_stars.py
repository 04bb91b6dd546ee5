"""Registration where stars are few or faint, where the PSF was told wrong, and of two looks at the same frames."""

from dataclasses import replace

import numpy as np
import pytest

from sensorproc.config import Config
from sensorproc.conventions import FWHM_PER_SIGMA
from sensorproc.frames import Frame, SensorFacts
from sensorproc.onboard.pipeline import prepare_or_reject
from sensorproc.onboard.products import Transform
from sensorproc.onboard.registration.register import register
from sensorproc.onboard.registration.second_look import at_first_places, is_first_right, places
from sensorproc.onboard.state import PayloadState
from tests.skies import made

SHAPE, N = (200, 200), 8


def flattened(rng, drift, **sky):
    images = made.frames(rng, n=N, shape=SHAPE, drift=drift, **sky)
    facts, flags = SensorFacts(gain_e_per_dn=1.0, read_noise_e=made.READ_E, bias_dn=made.BIAS_DN), np.zeros(SHAPE, np.uint8)
    counts = [np.rint(image).clip(0, 65535).astype(np.uint16) for image in images]
    frames = [Frame(k, 0, str(k), count, flags, 10**18 + k * 10**10, 1.0, facts) for k, count in enumerate(counts)]
    return [prepare_or_reject(frame, PayloadState(), Config()) for frame in frames]


def drift_of(placed):
    return np.array([r.transform.to_detector(np.float64(100.0), np.float64(100.0)) for r in placed]) - 100.0


@pytest.mark.parametrize("seed", range(6))
def test_a_field_of_a_few_faint_stars_is_registered(seed):
    """A dozen stars of which two or three reach a single-frame SNR of ten: every frame is placed to a quarter of a pixel."""
    rng = np.random.default_rng(800 + seed)
    drift = np.cumsum(rng.normal(0.0, 0.6, (N, 2)), axis=0)
    drift -= drift[N // 2]
    frames = flattened(rng, drift, n_stars=16, faintest=450.0, brightest=900.0)
    placed, rejected = register(frames, Config().register, None, 2.7, 10.0)
    assert not rejected
    error = drift_of(placed) - drift
    error -= error.mean(axis=0)
    assert np.sqrt((error**2).mean()) < 0.3


@pytest.mark.parametrize("told", [0.75, 1.0, 1.35])
def test_a_width_told_wrong_is_measured(rng, told):
    frames = flattened(rng, np.zeros((N, 2)), n_stars=40)
    true_px = np.hypot(2.6 / FWHM_PER_SIGMA, np.sqrt(1 / 12))
    placed, _ = register(frames, Config().register, None, told * true_px * FWHM_PER_SIGMA, 10.0)
    assert placed[0].psf_sigma_px == pytest.approx(true_px, rel=0.13)


def test_the_look_whose_places_hold_the_stars_is_right(rng):
    drift = np.cumsum(rng.normal(0.0, 0.4, (N, 2)), axis=0)
    frames = flattened(rng, drift, n_stars=40)
    good, rejected = register(frames, Config().register, None, 2.7, 10.0)
    assert not rejected

    def astray(r):
        dx, dy = (rng.normal(0.0, 1.0, 2)) if r.t_frames else (0.0, 0.0)
        moved = ((1.0, 0.0, dx), (0.0, 1.0, dy), (0.0, 0.0, 1.0))
        back = ((1.0, 0.0, -dx), (0.0, 1.0, -dy), (0.0, 0.0, 1.0))
        return replace(r, transform=Transform(moved, back))

    bad = [astray(r) for r in good]
    radius = Config().register.match_radius_px
    assert is_first_right(places(good), bad, radius)
    assert not is_first_right(places(bad), good, radius)
    assert not is_first_right(places(good), good, radius)  # none is better: the later look has the cleaner frames
    assert not is_first_right(places(good[:-2]), bad, radius)  # a look that could not place two frames
    kept = at_first_places(places(good), [r.flattened for r in bad])
    np.testing.assert_allclose(drift_of(kept), drift_of(good))


@pytest.mark.parametrize("n_satellites", [2, 3, 4])
@pytest.mark.parametrize("rate_px", [0.7, 2.0])
def test_satellites_side_by_side_are_no_stars(rng, n_satellites, rate_px):
    """A cluster of bright satellites that move alike among four times as many fainter stars: the sky is where most are."""
    lights = [made.mover(60.0 + 30.0 * (i % 3), 70.0 + 40.0 * (i // 3), rate_px, 0.0, 12000.0) for i in range(n_satellites)]
    frames = flattened(rng, np.zeros((N, 2)), lights=lights, n_stars=20, faintest=1800.0, brightest=2500.0)
    placed, rejected = register(frames, Config().register, None, 2.6, 10.0)
    assert not rejected
    assert placed[0].is_stare
    assert np.abs(drift_of(placed)).max() < 0.3
