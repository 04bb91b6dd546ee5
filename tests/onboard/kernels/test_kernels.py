"""Each kernel against its slow twin or an independent library."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import ndimage

from sensorproc.onboard.image.matched_filter import template
from sensorproc.onboard.image.stripes import subtract_stripes
from sensorproc.onboard.kernels.cholesky import solve_symmetric
from sensorproc.onboard.kernels.link_pairs import linked_pairs
from sensorproc.onboard.kernels.mesh import cell_moments, cell_statistics
from sensorproc.onboard.kernels.peaks import local_maxima
from sensorproc.onboard.kernels.radon import best_pieces, join_blocks
from sensorproc.onboard.kernels.sharpness import flag_sharp
from sensorproc.onboard.kernels.sorting import sort_columns, temporal_median
from sensorproc.onboard.kernels.track_fit import fit_track, subtract_trail
from sensorproc.onboard.products import Trail
from tests.oracles import slow


def test_local_maxima_equal_maximum_filter(rng):
    image = rng.normal(size=(40, 53)).astype(np.float32)
    expected = np.argwhere((image == ndimage.maximum_filter(image, 5, mode="nearest")) & (image > 1.0))
    found = np.empty((200, 2), np.int64)
    n = local_maxima(image, 1.0, 2, found)
    assert found[:n].tolist() == expected.tolist()
    assert local_maxima(image, 1.0, 2, np.empty((1, 2), np.int64)) == n  # counted though not kept


def test_temporal_median_ignores_invalid(rng):
    cube = rng.normal(size=(7, 20, 30)).astype(np.float32)
    invalid = (rng.uniform(size=cube.shape) < 0.3).astype(np.uint8)
    median, count = np.empty((20, 30), np.float32), np.empty((20, 30), np.uint8)
    temporal_median(cube, invalid, median, count)
    masked = np.where(invalid == 0, cube, np.nan)
    assert (count == (invalid == 0).sum(axis=0)).all()
    seen = count > 0
    np.testing.assert_allclose(median[seen], np.nanmedian(masked[:, seen], axis=0), rtol=1e-6)
    assert (median[~seen] == 0).all()


def test_cell_statistics(rng):
    image = rng.normal(100.0, 5.0, (60, 64)).astype(np.float32)
    image[rng.integers(0, 60, 80), rng.integers(0, 64, 80)] += 500
    flags = (rng.uniform(size=image.shape) < 0.1).astype(np.uint8)
    edges_y, edges_x = np.array([0, 30, 60]), np.array([0, 32, 64])
    center, sigma = (np.empty((2, 2), np.float32) for _ in range(2))
    cell_statistics(image, flags, edges_y, edges_x, 3.0, 0.0, center, sigma, np.empty((2, 2), np.int64))
    for j in range(2):
        for i in range(2):
            box = np.s_[edges_y[j] : edges_y[j + 1], edges_x[i] : edges_x[i + 1]]
            expected = slow.cell(image[box][flags[box] == 0], 3.0)
            np.testing.assert_allclose((center[j, i], sigma[j, i]), (expected[0], expected[2]), atol=0.1 * 5.0)
    assert sigma.mean() == pytest.approx(5.0, rel=0.1)


def test_cell_moments_are_those_of_skewed_noise(rng):
    """Photon noise is skewed: the mean is what counts, and clipping must not bend it by 0.005 sigma."""
    image = (rng.poisson(30.0, (480, 480)) + rng.normal(0.0, 5.0, (480, 480))).astype(np.float32)
    sigma = math.sqrt(55.0)
    edges = np.array([0, 240, 480])
    mean, noise, count = np.empty((2, 2), np.float32), np.empty((2, 2), np.float32), np.empty((2, 2), np.int64)
    cell_moments(image, np.zeros(image.shape, np.uint8), edges, edges, 2.0 * sigma, 3.5, 0.99694, mean, noise, count)
    assert mean.mean() == pytest.approx(30.0, abs=4.0 * sigma / 480)
    assert noise.mean() == pytest.approx(sigma, rel=0.01)
    assert (count == 240 * 240).all()


def _levels(image, sign):
    """Radon levels of an image by height."""
    levels, h = {1: image}, 1
    while 2 * h <= len(image):
        upper = np.empty_like(image)
        join_blocks(levels[h], h, sign, 0, upper)
        h *= 2
        levels[h] = upper
    return levels


@pytest.mark.parametrize("sign", [1, -1])
def test_radon_equals_the_definition_of_its_lines(rng, sign):
    image = rng.integers(-120, 120, (16, 24)).astype(np.int16)
    sums = _levels(image, sign)[16]
    mirrored = image if sign > 0 else image[:, ::-1]
    for shift in (0, 5, 15):
        for x in (0, 7, 20):
            column = x if sign > 0 else 23 - x
            assert sums[shift, column] == slow.line_sum(mirrored.T, 0, 16, x, shift)


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize(("first", "second", "start"), [(8, 0, 0), (4, 4, 4), (8, 4, 0), (4, 8, 4)])
def test_best_pieces_are_the_best_lines_across_two_blocks(rng, sign, first, second, start):
    image = rng.integers(-120, 120, (32, 24)).astype(np.int16)
    levels = _levels(image, sign)
    height = first + second
    found = np.empty((50, 5))
    limits = np.full(height, 300.0, np.float32)
    lower = levels[second] if second else levels[first]
    n = best_pieces(levels[first], lower, first, second, start, 8, sign, 0, 0, limits, 0, found)
    assert n > 0
    mirrored = image if sign > 0 else image[:, ::-1]
    best: dict[tuple[int, int], float] = {}
    for top in range(start, 32 - height + 1, 8):
        for shift in range(height):
            one, two = shift * first // height, shift * second // height
            rest = shift - two if second else 0
            for x in range(24 - rest):
                upper = slow.line_sum(mirrored.T, top, first, x, one)
                total = upper + (slow.line_sum(mirrored.T, top + first, second, x + rest, two) if second else 0)
                column = x if sign > 0 else 23 - x
                cell = top, column // height
                best[cell] = max(best.get(cell, 0.0), total / 300.0)
    wanted = sorted(v for v in best.values() if v > 1.0)
    np.testing.assert_allclose(sorted(found[:n, 0]), wanted, rtol=1e-6)


@pytest.mark.parametrize(("length", "angle"), [(0.0, 0.0), (9.0, 0.4), (22.0, -1.2)])
def test_trail_equals_a_sum_of_points(length, angle):
    image = template(Trail(length * math.cos(angle), length * math.sin(angle)), 0.9)
    ny, nx = image.shape
    expected = slow.trail(nx // 2, ny // 2, length, angle, 0.9, image.shape)
    assert np.abs(image - expected).max() < 1e-4 * expected.max() + 1e-6
    assert image.sum() == pytest.approx(1.0, abs=2e-3)


def test_cholesky_against_numpy(rng):
    a = rng.normal(size=(4, 4))
    a = a @ a.T + np.eye(4)
    b, x = rng.normal(size=4), np.zeros(4)
    assert solve_symmetric(a, b, np.zeros((4, 4)), x)
    np.testing.assert_allclose(x, np.linalg.solve(a, b), rtol=1e-9)
    assert not solve_symmetric(-a, b, np.zeros((4, 4)), x)


@pytest.mark.parametrize("s", [0.75, 1.2, 2.0])
def test_stars_are_never_sharp_and_pixels_always_are(s, rng):
    weight, none = np.full((31, 31), 5.0**-2, np.float32), np.zeros((31, 31), np.uint8)
    for _ in range(40):
        x, y, flux = 15 + rng.uniform(-0.5, 0.5), 15 + rng.uniform(-0.5, 0.5), 10 ** rng.uniform(2.5, 5)
        trail = slow.trail(x, y, rng.choice([0.0, 6.0]), rng.uniform(0, 3), s, (31, 31), 60)
        star = rng.poisson(flux * trail) + rng.normal(0, 5, (31, 31))
        marked = none.copy()
        flag_sharp(star.astype(np.float32), weight, none, s, 5.0, 0.45, 1.0, np.uint8(16), marked)
        assert not marked[12:19, 12:19].any()
        spike = rng.normal(0, 5, (31, 31)).astype(np.float32)
        spike[15, 15] += 300
        marked = none.copy()
        flag_sharp(spike, weight, none, s, 5.0, 0.45, 1.0, np.uint8(16), marked)
        assert marked[15, 15] == 16


def test_fit_track_recovers_track_and_error_bar(rng):
    n, s, flux, pulls = 8, 0.9, 150.0, []
    times, trails = np.arange(n) - 3.5, np.tile([0.0, 1.0, 0.0], (n, 1))
    for _ in range(60):
        truth = np.array([30.0, 25.0, 1.3, -0.7]) + rng.uniform(-0.3, 0.3, 4) * [1, 1, 0.2, 0.2]
        image = rng.normal(0.0, 10.0, (n, 50, 60)).astype(np.float32)
        for k in range(n):
            x, y = truth[:2] + truth[2:] * times[k]
            subtract_trail(image[k], x, y, -flux, 0.0, 1.0, 0.0, s, 8.0)
        base = np.array([[30.0, 25.0]]) + np.array([[1.3, -0.7]]) * times[:, None]
        step, summary, psi_phi, normal = np.zeros(4), np.zeros(2), np.zeros(2 * n), np.zeros((5, 5))
        weight = np.full(image.shape, 0.01, np.float32)
        fit_track(image, weight, base, times, trails, s, 4 * s, 20, 2.0, step, summary, psi_phi, normal)
        matrix = np.tril(normal[:4, :4]) + np.tril(normal[:4, :4], -1).T
        pulls.append((step + [30.0, 25.0, 1.3, -0.7] - truth) / np.sqrt(np.diag(np.linalg.inv(matrix))))
    assert (np.array(pulls) ** 2).mean() == pytest.approx(1.0, abs=4 * math.sqrt(2 / 240) + 0.1)


def test_linked_pairs_needs_hits():
    t = np.arange(6.0)
    line = np.stack([10 + 3 * t, 20 - t, np.full(6, 9.0)], axis=1)
    found, first = np.empty((100, 3), np.int64), np.arange(7)
    assert linked_pairs(line, first, t, 2, 0.5, 10.0, 1.0, 6, found) == 9  # 5 + 4 pairs, all fully supported
    line[3, 0] += 30
    assert linked_pairs(line, first, t, 2, 0.5, 10.0, 1.0, 6, found) == 0


@given(st.integers(1, 33), st.integers(0, 2**32 - 1))
def test_columns_are_sorted_whatever_their_length(n, seed):
    rows = np.random.default_rng(seed).normal(size=(n, 5)).astype(np.float32)
    expected = np.sort(rows, axis=0)
    sort_columns(rows)
    np.testing.assert_array_equal(rows, expected)


@pytest.mark.parametrize("alive", [40, 85, 250])
def test_a_partly_dead_column_lifts_no_other_pixel(rng, alive):
    """The median of a column that is dead for the most part is the dead part's: it must not be taken from the rest."""
    image = rng.normal(0.0, 5.0, (384, 200)).astype(np.float32)
    image[:, 40] += 20.0  # an offset of the read-out
    image[alive:, 90] = -30.0
    clean = image.copy()
    subtract_stripes(clean, *np.zeros((2, *image.shape), np.uint8), 1.0)
    assert abs(np.median(clean[:, 40])) < 2.0
    assert abs(np.median(clean[:alive, 90])) < 2.0
    assert np.median(clean[alive:, 90]) < -25.0
