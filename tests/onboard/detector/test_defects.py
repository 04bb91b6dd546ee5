"""What stays with the detector: warm pixels add up over sets, objects at rest over the detector are left alone."""

from dataclasses import replace

import numpy as np
import pytest

from sensorproc.flags import PixelFlag
from sensorproc.onboard.detector.defects import mask_clusters, mask_fixed_pixels
from sensorproc.onboard.detector.lines import mask_lines
from sensorproc.onboard.detector.pattern_noise import pattern_sigma, rest_sigma
from sensorproc.onboard.image.matched_filter import template
from sensorproc.onboard.products import Trail
from tests.skies.residuals import lit

WARM, OBJECT = (40, 60), (90, 100)  # y, x


def noisy(residuals, rng):
    """New noise, a pixel of SNR 0.9 in a frame, 2.5 in a set, and an object of SNR 20 in a set at rest."""
    s = residuals[0].registration.psf_sigma_px
    shape = template(Trail(), s)
    shape *= 20.0 / np.sqrt(8.0 * (shape * shape).sum())
    h = shape.shape[0] // 2
    made = []
    for r in residuals:
        z = rng.normal(size=r.image_e.shape)
        z[WARM] += 0.9
        z[OBJECT[0] - h : OBJECT[0] + h + 1, OBJECT[1] - h : OBJECT[1] + h + 1] += shape
        weight = np.full(z.shape, 0.04, np.float32)
        made.append(replace(r, image_e=(5.0 * z).astype(np.float32), weight=weight, flags=np.zeros(z.shape, np.uint8)))
    return made


def _as_stare(residual):
    return replace(residual, registration=replace(residual.registration, is_stare=True))


def test_a_warm_pixel_adds_up_and_an_object_at_rest_is_no_pixel(residuals, rng):
    warm, seen = None, []
    for _ in range(12):
        masked, warm = mask_fixed_pixels(noisy(residuals, rng), warm)
        hot = masked[0].flags & PixelFlag.HOT > 0
        seen.append(bool(hot[WARM]))
        assert not hot[OBJECT[0] - 3 : OBJECT[0] + 4, OBJECT[1] - 3 : OBJECT[1] + 4].any()
        assert hot.mean() < 5e-4
    assert not seen[0]
    assert all(seen[-3:])
    assert warm.std() == pytest.approx(1.0, abs=0.1)


def test_a_stare_knows_what_was_learned_and_adds_nothing(residuals, rng):
    warm = None
    for _ in range(12):
        _, warm = mask_fixed_pixels(noisy(residuals, rng), warm)
    stare = [_as_stare(r) for r in noisy(residuals, rng)]
    masked, same = mask_fixed_pixels(stare, warm)
    assert same is warm
    assert all(r.flags[WARM] & PixelFlag.HOT and r.weight[WARM] == 0.0 for r in masked)
    assert mask_fixed_pixels(stare, None) == (stare, None)


CLUSTER = (60, 40), (60, 41), (61, 42), (62, 40), (62, 42), (60, 39)  # y, x


@pytest.mark.parametrize("is_stare", [False, True])
def test_warm_pixels_side_by_side_are_pixels_and_dead_ones_too(residuals, rng, is_stare):
    """Together they pass for a point, one by one they do not; an object at rest stays, if anything can be at rest."""
    s = residuals[0].registration.psf_sigma_px
    y, x = np.mgrid[: residuals[0].image_e.shape[0], : residuals[0].image_e.shape[1]]
    light = 5.0 * np.exp(-((x - 100.3) ** 2 + (y - 90.4) ** 2) / (2.0 * s * s))
    for place in CLUSTER:
        light[place] += 4.0
    light[120:126, 120:125] -= 3.0
    frames = [_as_stare(r) if is_stare else r for r in lit(residuals, rng, lambda k: light)]
    hot = mask_clusters(frames)[0].flags & PixelFlag.HOT > 0
    assert np.mean([hot[place] for place in CLUSTER]) > 0.8
    assert not hot[85:96, 95:106].any()
    assert hot[120:126, 120:125].all() != is_stare
    assert hot.mean() < 5e-3


@pytest.mark.parametrize("rows", [False, True])
@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_a_long_faint_line_is_masked(residuals, rng, sign, rows):
    """Half a sigma in a frame, too little for a short run of pixels."""
    line = np.zeros(residuals[0].image_e.shape)
    line[(70, slice(10, 150)) if rows else (slice(10, 150), 70)] = sign * 0.5
    hot = mask_lines(lit(residuals, rng, lambda k: line))[0].flags & PixelFlag.HOT > 0
    assert hot[line != 0].mean() > 0.8
    assert hot[line == 0].mean() < 2e-3


@pytest.mark.parametrize("is_stare", [False, True])
def test_part_of_a_column_a_little_too_dark_is_found_and_a_shadow_is_not(residuals, rng, is_stare):
    frames = []
    for r in noisy(residuals, rng):
        image = r.image_e.copy()
        image[70:, 30] -= 1.2 * 5.0
        image[20:60, 110:122] -= 1.2 * 5.0  # dust
        image[100:104, 140:144] -= 5.0 * 5.0  # a star, over-subtracted
        frames.append(replace(_as_stare(r) if is_stare else r, image_e=image))
    hot = mask_lines(frames)[0].flags & PixelFlag.HOT > 0
    assert hot[85:, 30].all()
    assert not hot[:50, 30].any()
    assert hot[:, 29].sum() + hot[:, 31].sum() == 0
    assert not hot[:, 100:].any()


@pytest.mark.parametrize("sign", [1.0, -1.0])
@pytest.mark.parametrize("rows", [False, True])
@pytest.mark.parametrize("level", [1.2, 30.0])
def test_lasting_parts_of_columns_and_rows_are_masked(residuals, rng, sign, rows, level):
    line = np.zeros(residuals[0].image_e.shape)
    line[(70, slice(20, 90)) if rows else (slice(20, 90), 70)] = sign * level
    hot = mask_lines(lit(residuals, rng, lambda k: line))[0].flags & PixelFlag.HOT > 0
    assert hot[line != 0].mean() > 0.9
    assert hot[line == 0].mean() < 2e-3


def test_objects_and_streaks_are_no_lines_of_readout(residuals, rng):
    """A bright object at rest, one that moves along a column, and a streak of one frame along another."""
    shape, s = residuals[0].image_e.shape, residuals[0].registration.psf_sigma_px
    y, x = np.mgrid[: shape[0], : shape[1]]

    def light(k):
        points = [(40.0, 30.0, 200.0), (40.0 + 8.0 * k, 80.0, 30.0)]
        made = sum(f * np.exp(-((x - u) ** 2 + (y - v) ** 2) / (2.0 * s * s)) for v, u, f in points)
        return made + (20.0 * np.exp(-((x - 120.3) ** 2) / (2.0 * s * s)) if k == 3 else 0.0)

    assert not (mask_lines(lit(residuals, rng, light))[0].flags & PixelFlag.HOT).any()


@pytest.mark.parametrize("n", [3, 4, 6])
def test_a_line_of_one_frame_is_not_taken_for_one_of_all(residuals, rng, n):
    """However bright: what is masked of it in parts would leave streaks."""
    line = np.zeros(residuals[0].image_e.shape)
    line[70], line[:, 40] = 30.0, -30.0
    for _ in range(5):
        frames = lit(residuals[:n], rng, lambda k: line if k == 1 else 0.0)
        assert not (mask_lines(frames)[0].flags & PixelFlag.HOT).any()


def test_noise_that_is_the_same_in_all_frames_is_counted_where_an_object_stays(residuals, rng):
    shape, s = residuals[0].image_e.shape, residuals[0].registration.psf_sigma_px
    n = len(residuals)
    assert rest_sigma(lit(residuals, rng, lambda k: 0.0)) == pytest.approx(1.0, abs=0.03)
    pattern = 0.25 * rng.normal(size=shape)
    sigma = rest_sigma(lit(residuals, rng, lambda k: pattern))
    assert sigma == pytest.approx(np.sqrt(1.0 + n * 0.25**2), rel=0.05)
    still, fast = np.zeros((n, 2)), np.arange(n)[:, None] * [20.0, 0.0]
    assert pattern_sigma(still, s, sigma) == pytest.approx(sigma)
    assert pattern_sigma(fast, s, sigma) == pytest.approx(np.sqrt(1.0 + (sigma**2 - 1.0) / n))
