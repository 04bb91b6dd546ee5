"""What stares without a map teach of the detector, set after set under other stars, while it warms."""

import math

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from sensorproc.config import Config, parse
from sensorproc.frames import Frame, SensorFacts
from sensorproc.onboard.detector.fixed_pattern import subtract_fixed_pattern
from sensorproc.onboard.detector.projection import kept_variance
from sensorproc.onboard.pipeline import process_set
from sensorproc.onboard.products import Flattened, FrameFacts
from sensorproc.onboard.state import LearntDark, PayloadState
from tests.skies import made

SHAPE, N, N_SETS = (160, 160), 8, 5


def frames_of(rng, dark, scales, lights=()):
    drift = np.cumsum(rng.normal(0.0, 0.05, (N, 2)), axis=0)
    images = made.frames(rng, lights, n=N, shape=SHAPE, n_stars=40, drift=drift, dark=dark[None] * scales[:, None, None])
    facts, flags = SensorFacts(gain_e_per_dn=1.0, read_noise_e=made.READ_E), np.zeros(SHAPE, np.uint8)
    counts = [np.rint(image).clip(0, 65535).astype(np.uint16) for image in images]
    return [Frame(k, 0, str(k), count, flags, 10**18 + k * 10**10, 1.0, facts) for k, count in enumerate(counts)]


@pytest.fixture(scope="module")
def taught():
    """Dark charge of a detector, how warm it is in every frame of five sets, the states after them and the sets' products."""
    rng = np.random.default_rng(5)
    dark = made.warm_pattern(rng, SHAPE)
    scales = np.linspace(1.0, 1.42, N_SETS * N).reshape(N_SETS, N)  # three kelvins
    states, products = [PayloadState()], []
    for k in range(N_SETS):
        processed, after = process_set(frames_of(rng, dark, scales[k]), states[-1], None, parse({}))
        states.append(after)
        products.append(processed)
    return dark, scales, states, products


def test_the_pattern_is_known_better_with_every_set_at_every_temperature(taught):
    dark, scales, states, _ = taught
    first = scales[0].mean()  # the pattern is told at the temperature of the first set
    errors = []
    for state in states[1:]:
        known = state.learnt.information > 0
        error = (state.learnt.dark_e_s - first * (dark - np.median(dark)))[known]
        errors.append(1.4826 * np.median(np.abs(error - np.median(error))))
    assert errors[-1] < 0.65 * errors[0]  # of the noise of 8 frames that of 40, but for pixels that differ in how they warm
    assert (np.diff([np.median(state.learnt.information) for state in states[1:]]) > 0).all()


def test_frames_say_how_warm_they_are_against_what_was_learnt(taught):
    _, scales, _, products = taught
    for k, processed in enumerate(products[1:], 1):
        told = [residual.facts.dark_scale for residual in processed.residuals]
        assert told == pytest.approx(scales[k] / scales[0].mean(), rel=0.02)


def test_what_is_known_before_takes_the_loss_away(taught):
    _, _, _, products = taught
    losses = [processed.calibration_loss_db for processed in products]
    assert losses[0] > 1.0
    assert losses[-1] < 0.4 * losses[0]
    assert (np.diff(losses) < 0).all()


@pytest.mark.parametrize(("stars_e", "least", "most"), [(0.0, 0.85, 1.0), (3.0, 0.01, 0.3)])
def test_earlier_sets_count_as_far_as_they_have_come_true(rng, stars_e, least, most):
    """What was learnt as well as is claimed keeps its say; what holds faint stars as wide as the PSF loses it."""
    noise_e, learnt_e = 4.0, 1.5
    wrong = gaussian_filter(rng.normal(0.0, 1.0, SHAPE), 1.1)
    wrong *= stars_e / wrong.std()
    known = LearntDark(np.zeros(SHAPE, np.float32), np.full(SHAPE, 1.0 / learnt_e**2, np.float32))
    error = rng.normal(0.0, learnt_e, SHAPE) + wrong
    frames = []
    for k in range(N):
        image = (rng.normal(0.0, noise_e, SHAPE) + error).astype(np.float32)
        facts = FrameFacts(k, 0, 10**18 + k * 10**10, 1.0, SHAPE, SensorFacts(gain_e_per_dn=1.0), None, None, True)
        frames.append(Flattened(facts, image, np.full(SHAPE, noise_e**-2, np.float32), np.zeros(SHAPE, np.uint8)))
    _, own = subtract_fixed_pattern(frames, Config().flatten, 2.6, known)
    assert least <= np.median(own.prior) * learnt_e**2 <= most


def test_a_new_hot_pixel_is_learnt_anew_and_the_others_stay(taught):
    dark, scales, states, _ = taught
    rng = np.random.default_rng(6)
    hot = dark.copy()
    places = rng.integers(20, 140, (5, 2))
    hot[places[:, 1], places[:, 0]] += 3000.0
    _, after = process_set(frames_of(rng, hot, scales[-1]), states[-1], None, parse({}))
    at = after.learnt.dark_e_s[places[:, 1], places[:, 0]] - states[-1].learnt.dark_e_s[places[:, 1], places[:, 0]]
    told = after.learnt.information[places[:, 1], places[:, 0]] > 0
    assert told.sum() >= 3  # not under a star
    assert at[told] == pytest.approx(np.full(told.sum(), 3000.0 * scales[0].mean()), rel=0.05)


@pytest.mark.parametrize("prior", [0.0, 10.0, 100.0])
def test_what_a_prior_leaves_of_noise_is_as_computed(rng, prior):
    """Matched-filter sums of noise along a path, the pattern solved with what earlier sets know of it: their variance."""
    s, x, n = 1.4, np.arange(-20, 21), 8
    path = np.stack([0.6 * (np.arange(n) - 3.5), np.zeros(n)], axis=1)
    shapes = np.exp(-((x - path[:, :1]) ** 2) / (2.0 * s * s))
    noise = rng.normal(size=(20_000, n, len(x)))
    pattern = rng.normal(size=(20_000, len(x))) / math.sqrt(prior) if prior else np.zeros((20_000, len(x)))
    seen = noise + pattern[:, None, :]
    left = seen - (seen.sum(axis=1) / (n + prior))[:, None, :]
    sums = np.einsum("kx,mkx->m", shapes, left) / math.sqrt(float((shapes**2).sum()))
    at_rest = np.tile([0.0, 1.0, 0.0], (n, 1))
    assert sums.var() == pytest.approx(kept_variance(path, at_rest, np.ones(n), s, prior), rel=0.06)
