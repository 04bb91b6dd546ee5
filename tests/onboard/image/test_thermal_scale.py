"""How warm a detector is, from its own pixels, and what solving its pattern from the set takes of an object."""

import numpy as np
import pytest

from sensorproc.onboard.detector.projection import alike, kept_of_frames, kept_variance
from sensorproc.onboard.image.thermal_scale import sharp, spread_out, thermal_scale

N, S = 8, 1.2
AT_REST = np.tile([0.0, 1.0, 0.0], (N, 1))


@pytest.mark.parametrize("scale", [0.94, 1.0, 1.08])
def test_the_scale_comes_out_of_pixels_with_stars_and_hits(rng, scale):
    pattern = rng.gamma(0.6, 900.0, (200, 300)).astype(np.float32)
    image = rng.poisson(scale * pattern + 50.0) - 50.0
    image[:, 100:110] += 800.0  # light does not go with the pattern
    image[rng.random(image.shape) < 0.01] += 5000.0
    found = thermal_scale(image.astype(np.float32), pattern, np.ones(image.shape, bool))
    assert abs(found.value - scale) < max(5.0 * found.sigma, 2e-3)
    assert found.sigma < 3e-3


@pytest.mark.parametrize("level", [0.0, 100.0])
def test_a_pattern_of_one_level_tells_nothing(rng, level):
    pattern = np.full((60, 60), level, np.float32)
    found = thermal_scale(rng.normal(0.0, 5.0, pattern.shape).astype(np.float32), pattern, np.ones(pattern.shape, bool))
    assert found is None or found.sigma > 0.1


def path_of(rate):
    return np.stack([100.0 + rate * (np.arange(N) - 3.5), np.full(N, 50.0)], axis=1)


@pytest.mark.parametrize("rate", [0.3, 0.6, 1.5, 3.0])
def test_what_a_solved_pattern_leaves_of_noise_is_as_computed(rng, rate):
    """Matched-filter sums of noise whose mean over frames, each as warm as it is, was taken out: their variance, 20 000 times."""
    scales = 1.0 + 0.02 * (np.arange(N) - 3.5)
    x = np.arange(-25, 26)
    shapes = np.exp(-((x - (path_of(rate)[:, :1] - 100.0)) ** 2) / (2.0 * S * S))  # a line of pixels tells as much as a plane
    noise = rng.normal(size=(20_000, N, len(x)))
    left = noise - scales[None, :, None] * np.einsum("k,mkx->mx", scales, noise)[:, None, :] / (scales @ scales)
    sums = np.einsum("kx,mkx->m", shapes, left) / np.sqrt((shapes**2).sum())
    assert sums.var() == pytest.approx(kept_variance(path_of(rate), AT_REST, scales, S), rel=0.06)


def test_frames_that_had_no_say_take_nothing():
    phi, scales = np.ones(N), np.ones(N)
    taught = np.ones((N, N), bool)
    kept = kept_of_frames(path_of(0.5), AT_REST, phi, taught, S, (scales, 0.0))
    assert kept.mean() == pytest.approx(kept_variance(path_of(0.5), AT_REST, scales, S), rel=1e-9)
    assert kept_of_frames(path_of(0.5), AT_REST, phi, np.zeros((N, N), bool), S, (scales, 0.0)) == pytest.approx(np.ones(N))
    far = kept_of_frames(path_of(20.0), AT_REST, phi, taught, S, (scales, 0.0))
    assert far == pytest.approx(np.full(N, 1.0 - 1.0 / N))
    taught[np.eye(N, dtype=bool)] = False  # every frame is left out where it is bright itself
    assert kept_of_frames(path_of(20.0), AT_REST, phi, taught, S, (scales, 0.0)) == pytest.approx(np.ones(N))
    assert np.diag(alike(path_of(1.0), AT_REST, S)) == pytest.approx(np.ones(N))


def test_what_is_sharp_is_a_pixel_less_the_median_around_it(rng):
    image = rng.normal(0.0, 30.0, (40, 50)).astype(np.float32)
    chosen = rng.random(image.shape) < 0.3
    y, x = spread_out(chosen, 2, 200)
    boxes = [np.delete(image[v - 2 : v + 3, u - 2 : u + 3].reshape(-1), 12) for v, u in zip(y, x, strict=True)]
    assert sharp(image, y, x) == pytest.approx(image[y, x] - np.median(np.array(boxes, float), axis=1), abs=1e-4)
