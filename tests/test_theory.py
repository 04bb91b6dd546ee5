"""Closed forms against small Monte Carlo and exact sums; tolerances are standard errors or stated approximations."""

import math

import numpy as np
import pytest
from scipy import ndimage, optimize, special

from sensorproc import theory

S = theory.sampled_sigma(2.0 / 2.3548)


def pixelised(s, x=0.0, y=0.0, half=8):
    edges = np.arange(-half, half + 2) - 0.5
    return np.diff(special.ndtr((edges - y) / s))[:, None] * np.diff(special.ndtr((edges - x) / s))[None, :]


def test_noise_area_of_a_pixelised_psf(rng):
    true_sigma = 2.0 / 2.3548
    areas = [1.0 / (pixelised(true_sigma, *rng.uniform(-0.5, 0.5, 2)) ** 2).sum() for _ in range(200)]
    assert np.mean(areas) == pytest.approx(theory.noise_pixels(S), rel=0.01)


def test_matched_filter_snr_is_the_scatter_of_fluxes(rng):
    p = pixelised(S)
    flux = 300.0
    images = flux * p + rng.normal(0.0, 7.0, (4000, *p.shape))
    fits = (images * p).sum(axis=(1, 2)) / (p * p).sum()
    assert flux / fits.std() == pytest.approx(theory.snr_point(flux, 7.0, S), rel=4 / math.sqrt(2 * 4000) + 0.02)


@pytest.mark.parametrize("length", [0.5, 3.0, 20.0])
def test_trail_energy_is_the_integral(length):
    a = np.linspace(-40, 40, 40001)
    profile = (special.ndtr((a + length / 2) / S) - special.ndtr((a - length / 2) / S)) / length
    assert theory.trail_energy(length, S) == pytest.approx((profile**2).sum() * (a[1] - a[0]), rel=1e-6)
    assert theory.trailing_loss_db(2.0, S) == pytest.approx(-0.78, abs=0.08)


def test_expected_false_alarms_of_a_search_in_one_frame(rng):
    ny = nx = 256
    s, u, n, count = 4.0, 3.4, 150, 0  # a wide filter, so that the grid samples the field's maxima
    for _ in range(n):
        field = ndimage.gaussian_filter(rng.normal(size=(ny, nx)), s, mode="wrap", truncate=6)
        field /= field.std()
        maxima = (field == ndimage.maximum_filter(field, 5, mode="wrap")) & (field > u)
        count += maxima.sum()
    expected = n * theory.expected_false_alarms(u, theory.search_curvatures(ny * nx, s, [0.0], 0.0))
    # maxima slightly outnumber the Euler characteristic at this height
    assert count == pytest.approx(expected, rel=0.15, abs=4 * math.sqrt(expected))


def test_threshold_inverts_the_expectation_and_matches_the_study():
    curvatures = theory.search_curvatures(1024 * 1024, S, range(16), 16.0)
    u = theory.threshold(0.01, curvatures)
    assert theory.expected_false_alarms(u, curvatures) == pytest.approx(0.01, rel=1e-6)
    assert u == pytest.approx(7.01, abs=0.01)
    assert theory.snr_for_pd(0.9, u, 4) == pytest.approx(8.03, abs=0.02)
    assert theory.threshold(0.01, curvatures, skewness=0.01) > u


def test_pd_of_a_maximised_search(rng):
    # a field with one bump: the maximum over position squared is noncentral chi-square with 3 degrees of freedom
    rho, u, n = 6.0, 6.0, 3000
    z2 = rng.noncentral_chisquare(3, rho**2, n)
    assert (z2 > u * u).mean() == pytest.approx(float(theory.pd_search(rho, u, 2)), abs=4 * 0.5 / math.sqrt(n))
    assert theory.pd_known(3.61, 0.01) == pytest.approx(0.9, abs=0.003)


def fitted_offsets(rng, rho, n=300):
    flux, sigma = 1000.0, 1000.0 / (rho * math.sqrt(theory.noise_pixels(S)))
    offsets = []
    for _ in range(n):
        data = flux * pixelised(S) + rng.normal(0.0, sigma, pixelised(S).shape)
        fit = optimize.least_squares(lambda p, d=data: (p[2] * pixelised(S, p[0], p[1]) - d).ravel(), [0.0, 0.0, flux])
        offsets.append(fit.x[:2])
    return np.array(offsets)


def test_centroid_bound(rng):
    scatter = fitted_offsets(rng, 25.0).std()
    true = math.sqrt(S * S + 1 / 12)  # this draw integrates a Gaussian of sigma S over the pixel once more
    assert scatter == pytest.approx(theory.point_bound(25.0 * S / true, true), rel=0.1)


def test_track_and_registration_bounds():
    position, rate = theory.track_bounds(10.0, range(16), S)
    assert rate == pytest.approx(math.sqrt(24) * S / (10.0 * math.sqrt(16**2 - 1)), rel=1e-9)
    assert position == pytest.approx(theory.point_bound(10.0, S))
    shift, turn = theory.registration_bound(20, 0.05, 1024, 1024)
    assert shift == pytest.approx(0.0112, abs=1e-4)
    assert turn == pytest.approx(2.7e-5, rel=0.02)


def test_streak_bounds_against_numeric_fisher():
    length, rho = 30.0, 1.0
    a, c = np.meshgrid(np.arange(-30, 30.1, 0.2), np.arange(-6, 6.1, 0.2))

    def draw(x=0.0, y=0.0, turn=0.0):
        u = (a - x) * math.cos(turn) + (c - y) * math.sin(turn)
        v = (c - y) * math.cos(turn) - (a - x) * math.sin(turn)
        along = (special.ndtr((u + length / 2) / S) - special.ndtr((u - length / 2) / S)) / length
        return along * np.exp(-0.5 * (v / S) ** 2)

    norm = (draw() ** 2).sum()
    numeric = {
        "along": 1 / math.sqrt((((draw(x=1e-3) - draw(x=-1e-3)) / 2e-3) ** 2).sum() / norm),
        "cross": 1 / math.sqrt((((draw(y=1e-3) - draw(y=-1e-3)) / 2e-3) ** 2).sum() / norm),
        "angle": 1 / math.sqrt((((draw(turn=1e-4) - draw(turn=-1e-4)) / 2e-4) ** 2).sum() / norm),
    }
    for name, value in theory.streak_bounds(rho, length, S).items():
        assert value == pytest.approx(numeric[name], rel=0.05), name


def test_static_sky_loss():
    """A fast mover keeps all but its own share of the mean; slow ones go with it (dB by Monte Carlo, 16 frames)."""
    assert theory.static_sky_loss(50.0, range(16), S) == pytest.approx(math.sqrt(1 - 1 / 16), rel=1e-3)
    for speed, loss_db in ((2.0, 0.44), (1.0, 0.90), (0.5, 1.86), (0.3, 3.2), (0.1, 9.4)):
        assert -20 * math.log10(theory.static_sky_loss(speed, range(16), S)) == pytest.approx(loss_db, rel=0.08)


def test_poisson_skewness_multiplies_false_alarms():
    skewness = theory.poisson_skewness(30.0, 5.0, S, 16)
    assert math.exp(skewness * 6.5**3 / 6) == pytest.approx(1.4, rel=0.05)
    assert theory.poisson_skewness(0.0, 0.0, S, 16) == 0.0
    assert theory.magnitude_bound(10.0) == pytest.approx(0.1086, abs=1e-4)
    assert theory.jitter_loss(0.3, 2 / 2.3548) == pytest.approx(10 ** (-0.53 / 20), rel=0.01)
    assert theory.point_bound_photon(1e4, S) == pytest.approx(S / 100)
