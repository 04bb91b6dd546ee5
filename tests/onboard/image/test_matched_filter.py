"""The matched filter against its definition, and the SNR that theory gives a point or a trail of known flux."""

import numpy as np
import pytest

from sensorproc.onboard.image.matched_filter import correlate, filtered, template
from sensorproc.onboard.products import Trail

NOISE = 5.0


@pytest.mark.parametrize("trail", [Trail(), Trail(6.0, 3.0)], ids=["point", "trail"])
def test_a_source_has_the_snr_of_its_template(trail):
    """Flux times the root of the template's energy over the noise; to 1e-4, for float32 sums."""
    kernel, flux = template(trail, 1.1), 400.0
    assert kernel.sum() == pytest.approx(1.0, abs=2e-3)
    half_y, half_x = (n // 2 for n in kernel.shape)
    image = np.zeros((80, 90), np.float32)
    image[40 - half_y : 41 + half_y, 45 - half_x : 46 + half_x] = flux * kernel
    weight = np.full(image.shape, 1.0 / NOISE**2, np.float32)
    snr = filtered(image, weight, kernel, 0.15)
    assert float(snr[40, 45]) == pytest.approx(flux * float(np.sqrt((kernel**2).sum())) / NOISE, rel=1e-4)
    assert np.unravel_index(int(np.argmax(snr)), snr.shape) == (40, 45)


def test_noise_alone_has_unit_variance(rng):
    image = rng.normal(0.0, NOISE, (400, 400)).astype(np.float32)
    snr = filtered(image, np.full(image.shape, 1.0 / NOISE**2, np.float32), template(Trail(), 1.1), 0.15)
    inner = snr[20:-20, 20:-20]
    n_independent = inner.size / (4.0 * np.pi * 1.1**2)
    assert float(inner.std()) == pytest.approx(1.0, abs=4.0 / np.sqrt(2.0 * n_independent))


def test_where_most_of_the_template_is_masked_nothing_is_told(rng):
    image, sigma = rng.normal(0.0, NOISE, (60, 60)).astype(np.float32), np.full((60, 60), NOISE, np.float32)
    flags = np.zeros((60, 60), np.uint8)
    flags[20:40, 20:40] = 1
    weight = np.where(flags == 0, 1.0 / sigma**2, 0.0).astype(np.float32)
    assert (weight[flags > 0] == 0.0).all()
    snr = filtered(image, weight, template(Trail(), 1.1), 0.15)
    assert (snr[26:34, 26:34] == 0.0).all()
    assert (snr[5:15, 5:15] != 0.0).all()


def by_definition(image, weight, kernel, least):
    psi, phi = (np.zeros(image.shape) for _ in range(2))
    hy, hx = kernel.shape[0] // 2, kernel.shape[1] // 2
    padded = [np.pad(array, ((hy, hy), (hx, hx))).astype(float) for array in (image * weight, weight)]
    for dy, dx in np.ndindex(kernel.shape):
        window = np.s_[dy : dy + image.shape[0], dx : dx + image.shape[1]]
        psi += kernel[dy, dx] * padded[0][window]
        phi += kernel[dy, dx] ** 2 * padded[1][window]
    return np.where(phi > least, psi / np.sqrt(np.maximum(phi, 1e-30)), 0.0)


@pytest.mark.parametrize("trail", [Trail(), Trail(3.0, 0.0), Trail(2.0, -2.5)])
@pytest.mark.parametrize("s", [0.45, 0.6, 0.85, 1.5, 2.3])
@pytest.mark.parametrize("shape", [(31, 47), (9, 64), (3, 5)])
def test_snr_is_that_of_the_definition(rng, trail, s, shape):
    image, weight = rng.normal(size=shape).astype(np.float32), np.full(shape, 0.25, np.float32)
    weight[rng.uniform(size=shape) < 0.2] = 0.0
    weight[: shape[0] // 4] *= 0.5
    weight[0, 0] = 0.25
    kernel = template(trail, s)
    good = weight[::7, ::7]
    least = 0.3 * float(np.median(good[good > 0])) * float((kernel**2).sum())
    np.testing.assert_allclose(filtered(image, weight, kernel, 0.3), by_definition(image, weight, kernel, least), atol=2e-5)


def test_what_is_wholly_masked_has_no_snr(rng):
    image = rng.normal(size=(20, 20)).astype(np.float32)
    assert not filtered(image, np.zeros_like(image), template(Trail(), 0.9), 0.15).any()


def test_a_template_beside_the_middle_is_not_taken_for_a_round_one(rng):
    image, weight = rng.normal(size=(30, 30)).astype(np.float32), np.ones((30, 30), np.float32)
    kernel = template(Trail(), 1.0, (0.3, 0.0))
    expected = correlate(image, kernel) / np.sqrt(correlate(weight, kernel**2))
    np.testing.assert_allclose(filtered(image, weight, kernel, 0.1), expected, atol=1e-5)
