"""Tables against functions, NaN under free sums, and fits that begin off their object."""

import math

import numpy as np
import pytest
from scipy import special, stats

from sensorproc.onboard.kernels.jit import boolean, f8, kernel, ro
from sensorproc.onboard.kernels.standard_normal import standard_normal
from sensorproc.onboard.kernels.track_fit import N_SUMS, fit_track, frame_sums, normal_equations, subtract_trail
from sensorproc.onboard.kernels.trail import trail_value


def test_the_table_is_the_standard_normal():
    z = np.linspace(-12.0, 12.0, 24001)
    density, distribution = np.array([standard_normal(one) for one in z]).T
    np.testing.assert_allclose(density, stats.norm.pdf(z), atol=1e-8)
    np.testing.assert_allclose(distribution, special.ndtr(z), atol=1e-10)


@pytest.mark.parametrize("length", [0.0, 0.15, 0.4, 3.0, 40.0])
def test_derivatives_of_a_trail_are_those_of_its_density(rng, length):
    s, step = 0.9, 1e-4
    for _ in range(50):
        dx, dy = rng.uniform(-3.0, 3.0, 2)
        way = length, math.cos(0.7), math.sin(0.7), s
        p, px, py = trail_value(dx, dy, *way)
        assert (trail_value(dx - step, dy, *way)[0] - p) / step == pytest.approx(px, abs=1e-3)
        assert (trail_value(dx, dy - step, *way)[0] - p) / step == pytest.approx(py, abs=1e-3)
        assert p >= 0.0


def test_what_is_no_number_stays_so_where_sums_are_free(rng):
    @kernel(boolean(ro(f8, 1)))
    def finds(values):
        total = 0.0
        for i in range(len(values)):
            total += values[i] * values[i]
        return total != total and math.isnan(total) and not total > 0.0 and not total <= 0.0

    values = rng.normal(size=1000)
    assert not finds(values)
    values[517] = math.nan
    assert finds(values)


def _set(rng, snr, place, rate, n=12, size=64):
    times, trail = np.arange(n) - 0.5 * (n - 1), np.tile([0.7, 0.8, 0.6], (n, 1))
    one = np.zeros((size, size), np.float32)
    subtract_trail(one, *place, -1.0, *trail[0], 0.85, 8.0)
    flux = snr / math.sqrt(n * float((one**2).sum()))
    image = rng.normal(size=(n, size, size)).astype(np.float32)
    for k, t in enumerate(times):
        subtract_trail(image[k], *(place + rate * t), -flux, *trail[k], 0.85, 8.0)
    return image, np.ones_like(image), times, trail


def _fitted_snr(image, weight, times, trail, place, rate, n_iterations=14):
    n = len(times)
    step, summary, psi_phi, normal = np.zeros(4), np.zeros(2), np.zeros(2 * n), np.zeros((5, 5))
    base = place + rate * times[:, None]
    fit_track(image, weight, base, times, trail, 0.85, 3.4, n_iterations, 2.0, step, summary, psi_phi, normal)
    assert summary[0] == pytest.approx(psi_phi[::2].sum() / math.sqrt(psi_phi[1::2].sum()))
    return summary[0]


def test_a_step_too_far_is_not_the_end(rng):
    """Faint objects from half a pixel off: where a step makes it worse, a shorter one from the same place is tried."""
    short = []
    for _ in range(200):
        place, rate = 32.0 + rng.uniform(-0.5, 0.5, 2), rng.uniform(-1.0, 1.0, 2)
        work = _set(rng, 7.5, place, rate)
        best = max(_fitted_snr(*work, place + d, rate, 60) for d in (0.0, 0.1))
        short.append(best - _fitted_snr(*work, place + rng.uniform(-0.5, 0.5, 2), rate + rng.uniform(-0.15, 0.15, 2)))
    assert np.mean(np.array(short) > 0.05) < 0.04
    assert max(short) < 0.8


def test_normal_equations_are_slopes_and_curvature_of_chi_squared(rng):
    place, rate, flux = np.array([31.6, 30.2]), np.array([0.4, -0.7]), 60.0
    image, weight, times, trail = _set(rng, 30.0, place, rate)

    def residual(step):
        path = place + step[:2] + (rate + step[2:]) * times[:, None]
        left = image.astype(float)
        v, u = np.mgrid[: left.shape[1], : left.shape[2]]
        for k, (x, y) in enumerate(path):
            across = (v - y) * trail[k, 1] - (u - x) * trail[k, 2]
            model = np.vectorize(lambda dx, dy: trail_value(dx, dy, *trail[0], 0.85)[0])(u - x, v - y)
            left[k] -= flux * np.where(abs(across) < 6.0, model, 0.0)
        return left

    sums, normal = np.empty((len(times), N_SUMS)), np.empty((5, 5))
    frame_sums(image, weight, place + rate * times[:, None], trail, 0.85, 6.0, sums)
    normal_equations(sums, times, flux, normal)
    h = 1e-3
    jacobian = [(residual(-h * e) - residual(h * e)) / (2.0 * h) for e in np.eye(4)]
    expected = [[float((a * b).sum()) for b in jacobian] for a in jacobian]
    np.testing.assert_allclose(np.tril(normal[:4, :4]), np.tril(expected), rtol=2e-3, atol=1e-3 * normal[3, 3])
    slopes = [float((a * residual(np.zeros(4))).sum()) for a in jacobian]
    np.testing.assert_allclose(normal[4, :4], slopes, rtol=2e-3, atol=1e-2 * math.sqrt(normal[3, 3]))
