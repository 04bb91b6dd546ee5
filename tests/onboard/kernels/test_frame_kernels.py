"""Kernels that go over a whole frame in one pass, and what is built on them, against plain numpy."""

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import ndimage

from sensorproc.onboard.image.components import components
from sensorproc.onboard.image.lines import LineSums, line_means
from sensorproc.onboard.image.smooth_map import SmoothMap
from sensorproc.onboard.kernels.filtered import above, add_star_noise, likeness, take_clutter, to_half, to_weights
from sensorproc.onboard.kernels.lines import median_of
from sensorproc.onboard.kernels.psf_scan import width_misfits
from sensorproc.onboard.kernels.trail import draw_trail
from sensorproc.onboard.pixel_ownership import SetRoom, as_cube

finite = st.floats(-1e6, 1e6, width=32)


@given(st.lists(finite, min_size=1, max_size=60), st.booleans())
def test_a_median_needs_no_order(values, are_whole):
    numbers = np.array(values, np.float32)
    numbers = np.rint(numbers / np.float32(1e5)) if are_whole else numbers
    assert median_of(numbers) == pytest.approx(float(np.median(numbers.astype(float))), rel=1e-6, abs=1e-30)


def test_line_sums_are_those_of_halves(rng):
    image, sigma = rng.normal(0.0, 30.0, (51, 64)).astype(np.float32), np.full((51, 64), 10.0, np.float32)
    flags = (rng.random((51, 64)) < 0.1).astype(np.uint8)
    image[flags > 0] = np.nan  # whatever a bad pixel holds
    z = np.where(flags == 0, np.clip(np.nan_to_num(image) / sigma, -2.0, 2.0), 0.0)
    found = LineSums.of(image, sigma, flags, 2.0)
    upper, left = np.s_[:25], np.s_[:, :32]
    assert found.columns[0] == pytest.approx(z[upper].sum(axis=0), abs=1e-4)
    assert found.rows[0] == pytest.approx(z[left].sum(axis=1), abs=1e-4)
    assert (found.n_columns[1] == (flags[25:] == 0).sum(axis=0)).all()
    assert found.power == pytest.approx((z * z).sum() / (flags == 0).sum(), rel=1e-5)
    assert np.isnan(found.levels(True, 33)).all()


def test_line_means_leave_out_what_is_far_and_what_is_unknown(rng):
    part = rng.normal(5.0, 1.0, (200, 4)).astype(np.float32)
    part[:20, 1], part[::2, 2], part[:, 3] = 500.0, np.nan, np.nan
    means = line_means(part, 1.5)
    assert means[:3] == pytest.approx(5.0, abs=0.5)
    assert np.isnan(means[3])


@pytest.mark.parametrize("cells", [(4, 7), (9, 9), (43, 21)])
def test_a_smooth_map_is_a_cubic_through_its_cells(cells, rng):
    """By OpenCV inside; beyond the outermost middles it goes on, and of some pixels it is the same."""
    values, shape = rng.normal(100.0, 5.0, cells).astype(np.float32), tuple(24 * n for n in cells)
    found, expected = SmoothMap.of(values, shape).drawn(), cv2.resize(values, shape[::-1], interpolation=cv2.INTER_CUBIC)
    inner = np.s_[48:-48, 48:-48]
    assert found[inner] == pytest.approx(expected[inner], abs=1e-3)
    assert (SmoothMap.of(values, shape).drawn(3) == found[::3, ::3]).all()
    image = np.zeros(shape, np.float32)
    SmoothMap.of(values, shape).subtract_from(image)
    assert image == pytest.approx(-found, rel=1e-6)


def test_few_cells_are_joined_by_straight_lines(rng):
    values = rng.normal(size=(3, 2)).astype(np.float32)
    expected = cv2.resize(values, (80, 90), interpolation=cv2.INTER_LINEAR)
    assert SmoothMap.of(values, (90, 80)).drawn() == pytest.approx(expected, abs=1e-6)


def test_halves_are_rounded_to_the_nearest(rng):
    image = np.concatenate([10.0 ** rng.uniform(-4.0, 5.0, 3000), [0.0, 65504.0, 1e9]]).astype(np.float32).reshape(1, -1)
    made = np.empty(image.shape, np.float16)
    to_half(image, 1.0, made.view(np.uint16))
    assert (made == np.minimum(image, 65504.0).astype(np.float16)).all()


def test_noise_adds_up_in_weights(rng):
    """Of a pixel without weight nothing is told, with light on it or without."""
    shape = 20, 30
    sigma, light, clutter = rng.uniform(2.0, 5.0, shape), rng.uniform(0.0, 900.0, shape), rng.uniform(-5.0, 5.0, shape)
    flags, near = (rng.random(shape) < 0.2).astype(np.uint8), rng.random(shape) < 0.5
    weight = sigma.astype(np.float32)
    to_weights(flags, weight)
    assert (weight[flags > 0] == 0.0).all()
    add_star_noise(light.astype(np.float32), clutter.astype(np.float32), near, 1.2, 0.5, (0.03, 0.2, 0.5), weight)
    model = np.maximum(np.where(near, 0.2, 0.03) * light, 0.5 * np.abs(clutter))
    expected = np.where(flags > 0, 0.0, 1.0 / ((1.2 * sigma) ** 2 + 0.5 * light + model**2))
    assert weight == pytest.approx(expected, rel=1e-4)


def test_clutter_and_starlight_are_told(rng):
    shape = 12, 17
    clutter, light = (rng.uniform(0.0, 3.0, shape).astype(np.float32) * (rng.random(shape) < 0.4) for _ in range(2))
    weight, lone = np.full(shape, 0.25, np.float32), rng.random(shape) < 0.2
    flags, image = (rng.random(shape) < 0.1).astype(np.uint8), rng.normal(size=shape).astype(np.float32)
    expected = image - clutter
    flagged, starlit = np.empty(shape, np.uint8), np.empty(shape, np.uint8)
    take_clutter(clutter, light, weight, lone, 0.3, np.uint8(32), flags, image, flagged, starlit)
    assert (image == expected).all()
    assert (flagged == flags | lone * np.uint8(32)).all()
    assert ((starlit > 0) == ((flagged > 0) | (light * 0.5 > 0.3) | (clutter != 0))).all()


def test_what_is_above_a_level_is_bright_and_what_is_not_seen_is_not(rng):
    image, weight = rng.normal(0.0, 4.0, (30, 30)).astype(np.float32), np.full((30, 30), 0.25, np.float32)
    weight[10:20] = 0.0
    bright = np.empty((30, 30), np.bool_)
    above(image, weight, 1.5, bright)
    assert (bright == (image > 3.0) & (weight > 0.0)).all()


@pytest.mark.parametrize("density", [0.02, 0.2, 0.6])
def test_components_are_those_of_a_library(rng, density):
    mask = rng.random((60, 45)) < density
    labels, n = ndimage.label(mask, np.ones((3, 3), int))
    areas = sorted(np.bincount(labels.ravel())[1:].tolist(), reverse=True)
    parts = components(mask, 1, n)
    assert [part.area for part in parts] == areas
    drawn = np.zeros(mask.shape, int)
    for k, part in enumerate(parts, 1):
        drawn[part.box][part.mine] = k
        assert len(np.unique(labels[part.box][part.mine])) == 1
    assert ((drawn > 0) == mask).all()
    assert [part.area for part in components(mask, 3, 2)] == [area for area in areas if area >= 3][:2]
    assert components(np.zeros((5, 5), bool), 1, 9) == []


def test_frames_of_a_cube_are_not_copied_and_others_are():
    room = SetRoom([(4, 5)] * 3)
    frames = [room.of(k)[0] for k in range(3)]
    for k, frame in enumerate(frames):
        frame[:] = k
    assert np.shares_memory(as_cube(frames), frames[0])
    assert np.shares_memory(as_cube(frames[1:]), frames[1])
    for others in (frames[::-1], [frames[0], frames[2]], [frame.copy() for frame in frames]):
        copied = as_cube(others)
        assert not np.shares_memory(copied, frames[0])
        assert (copied == np.stack(others)).all()
    assert SetRoom([(4, 5), (3, 5)]).of(1)[0].shape == (3, 5)


@pytest.mark.parametrize(("dx", "dy"), [(0, 0), (3, -2), (-4, 5), (60, 0)])
def test_likeness_is_the_correlation_of_bright_pixels(dx, dy, rng):
    a, b = (rng.gamma(2.0, 3.0, (40, 52)).astype(np.float32) for _ in range(2))
    ys, xs = np.arange(max(0, -dy), 40 - max(0, dy), 2), np.arange(max(0, -dx), 52 - max(0, dx))
    p, q = a[np.ix_(ys, xs)].astype(float), b[np.ix_(ys + dy, xs + dx)].astype(float)
    bright = (p > 8.0) | (q > 8.0)
    norm = np.sqrt((p[bright] ** 2).sum() * (q[bright] ** 2).sum())
    assert likeness(a, b, dx, dy, 8.0) == pytest.approx((p * q)[bright].sum() / norm if norm else 0.0, rel=1e-6)


def test_misfits_of_widths_are_those_of_templates_fitted_one_by_one(rng):
    image = rng.normal(0.0, 1.0, (40, 50)).astype(np.float32)
    flags = (rng.random((40, 50)) < 0.05).astype(np.uint8)
    places, widths, half = np.array([[20.3, 18.7], [30.0, 20.5]]), np.array([0.6, 1.0, 2.5]), np.array([9, 8])
    length, cos, sin = 3.0, 0.8, 0.6
    for x, y in places:
        light = np.empty(image.shape)
        draw_trail(x, y, length, cos, sin, 1.0, light)
        image += (500.0 * light).astype(np.float32)
    misfit = np.empty((2, 3))
    width_misfits(image, flags, places, half, length, cos, sin, widths, misfit)
    for m, (x, y) in enumerate(places):
        box = np.s_[round(y) - 8 : round(y) + 9, round(x) - 9 : round(x) + 10]
        good = flags[box] == 0
        for i, s in enumerate(widths):
            model = np.empty(image.shape)
            draw_trail(x, y, length, cos, sin, s, model)
            d, t = image[box][good].astype(float), model[box][good]
            assert misfit[m, i] == pytest.approx(((d - (t @ d) / (t @ t) * t) ** 2).sum() / (d @ d), rel=1e-6)
    assert misfit[0].argmin() == 1
