"""Stares of a warm detector whose platform drifts by parts of a pixel, through the command line; skies that are not the
renderer's."""

import math

import numpy as np
import pytest

from tests.skies import made
from tests.test_strangers import processed

DRIFT = np.array([(-0.75, 0.4), (-0.2, 0.1), (-0.1, 0.05), (0.0, 0.0), (0.1, -0.05), (0.2, -0.15), (0.3, -0.1), (0.35, -0.2)])
WIDE = made.Optics(4.2, 0.0)
seeds = pytest.mark.parametrize("seed", [0, *(pytest.param(k, marks=pytest.mark.slow) for k in range(1, 10))])


def warming(rng, shape, n):
    """Dark charge (n, ny, nx) of a sensor that cools by a kelvin."""
    return made.warm_pattern(rng, shape)[None] * np.linspace(1.07, 0.93, n)[:, None, None]


@seeds
def test_stars_that_the_pattern_hides_make_no_tracks_as_they_drift(request, tmp_path, seed):
    if seed == 8:
        request.applymarker(
            pytest.mark.xfail(reason="half of a star on the edge of the field, 6 sigma in one frame, is not fitted")
        )
    rng = np.random.default_rng(300 + seed)
    shape = (220, 220)
    tracklets, *_ = processed(tmp_path, made.frames(
        rng, shape=shape, n_stars=160, optics=WIDE, drift=DRIFT, dark=warming(rng, shape, 8), faintest=3000.0
    ))  # fmt: skip
    assert not [tracklet for tracklet in tracklets if tracklet["log10_pfa"] < -3.0]


@seeds
def test_a_mover_among_them_is_found(tmp_path, seed):
    rng = np.random.default_rng(320 + seed)
    shape, angle = (220, 220), rng.uniform(0.0, 2.0 * math.pi)
    vx, vy = 2.5 * math.cos(angle), 2.5 * math.sin(angle)
    x, y = 110.0 - 3.5 * vx, 110.0 - 3.5 * vy
    lights = [made.mover(x, y, vx, vy, 4000.0, drift=DRIFT)]
    tracklets, *_ = processed(tmp_path, made.frames(
        rng, lights, shape=shape, n_stars=160, optics=WIDE, drift=DRIFT, dark=warming(rng, shape, 8), faintest=3000.0
    ))  # fmt: skip
    assert any(math.hypot(t["vx_px_frame"] - vx, t["vy_px_frame"] - vy) < 0.3 for t in tracklets)


@seeds
def test_bright_objects_that_hardly_leave_their_place_are_found(tmp_path, seed):
    rng = np.random.default_rng(380 + seed)
    shape, corners = (260, 260), [(70.0, 70.0), (190.0, 75.0), (65.0, 190.0), (185.0, 185.0)]
    motions = []
    for speed in (1.0, 1.3, 1.6, 2.0):
        angle = rng.uniform(0.0, 2.0 * math.pi)
        motions.append((speed * math.cos(angle), speed * math.sin(angle)))
    lights = [
        made.mover(x - 3.5 * vx, y - 3.5 * vy, vx, vy, 4500.0, drift=DRIFT)
        for (x, y), (vx, vy) in zip(corners, motions, strict=True)
    ]
    tracklets, *_ = processed(tmp_path, made.frames(
        rng, lights, shape=shape, n_stars=160, optics=WIDE, drift=DRIFT, dark=warming(rng, shape, 8), faintest=3000.0
    ))  # fmt: skip
    found = [any(math.hypot(t["vx_px_frame"] - vx, t["vy_px_frame"] - vy) < 0.2 for t in tracklets) for vx, vy in motions]
    assert sum(found) >= 3  # one may lie behind a star
    assert len([tracklet for tracklet in tracklets if tracklet["log10_pfa"] < -3.0]) <= 4


@seeds
@pytest.mark.parametrize("n", [3, 4])
def test_a_bright_object_slower_than_a_pixel_is_found_in_a_few_frames(tmp_path, n, seed):
    rng = np.random.default_rng(340 + seed)
    angle = rng.uniform(0.0, 2.0 * math.pi)
    vx, vy = 0.45 * math.cos(angle), 0.45 * math.sin(angle)
    drift = -DRIFT[1 : n + 1]
    lights = [made.mover(83.0, 76.0, vx, vy, 200000.0, drift=drift)]
    frames = made.frames(rng, lights, n=n, shape=(220, 220), n_stars=60, optics=WIDE, drift=drift, faintest=9000.0)
    tracklets, *_ = processed(tmp_path, frames)
    (one,) = [t for t in tracklets if math.hypot(t["x_px"] - 83.0, t["y_px"] - 76.0) < 3.0]
    assert one["n_frames"] == n
    assert math.hypot(one["vx_px_frame"] - vx, one["vy_px_frame"] - vy) < 0.15


@seeds
def test_a_patch_of_hot_pixels_is_no_mover(tmp_path, seed):
    rng = np.random.default_rng(360 + seed)
    shape = (160, 160)
    dark = np.zeros(shape)
    dark[70:78, 80:88] = np.where(rng.uniform(size=(8, 8)) < 0.5, 3000.0 * rng.uniform(0.1, 1.0, (8, 8)), 300.0)
    frames = made.frames(rng, n=4, n_stars=60, optics=WIDE, drift=4.0 * DRIFT[:4], dark=np.repeat(dark[None], 4, axis=0))
    tracklets, *_ = processed(tmp_path, frames)
    assert not [t for t in tracklets if math.hypot(t["x_px"] - 84.0, t["y_px"] - 74.0) < 12.0]
