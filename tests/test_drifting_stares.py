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


def _false_among_hidden_stars(out, seed):
    """Tracks reported as real where nothing moves but stars that the pattern hides."""
    rng = np.random.default_rng(300 + seed)
    shape = (220, 220)
    tracklets, *_ = processed(out, made.frames(
        rng, shape=shape, n_stars=160, optics=WIDE, drift=DRIFT, dark=warming(rng, shape, 8), faintest=3000.0
    ))  # fmt: skip
    return sum(tracklet["log10_pfa"] < -3.0 for tracklet in tracklets)


def test_stars_that_the_pattern_hides_make_no_tracks_as_they_drift(tmp_path):
    assert _false_among_hidden_stars(tmp_path, 0) == 0


@pytest.mark.slow
def test_hardly_any_of_many_skies_has_a_track_of_hidden_stars(tmp_path):
    """Two of ten skies have one: half of a star on the edge of the field, and two stars that the drift brings together."""
    assert sum(_false_among_hidden_stars(tmp_path / str(seed), seed) for seed in range(10)) <= 4


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


def _slow_bright_objects(out, seed):
    """How many of four are found, and how many tracks are reported as real besides."""
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
    tracklets, *_ = processed(out, made.frames(
        rng, lights, shape=shape, n_stars=160, optics=WIDE, drift=DRIFT, dark=warming(rng, shape, 8), faintest=3000.0
    ))  # fmt: skip
    found = [any(math.hypot(t["vx_px_frame"] - vx, t["vy_px_frame"] - vy) < 0.2 for t in tracklets) for vx, vy in motions]
    return sum(found), max(sum(tracklet["log10_pfa"] < -3.0 for tracklet in tracklets) - sum(found), 0)


def test_bright_objects_that_hardly_leave_their_place_are_found(tmp_path):
    found, besides = _slow_bright_objects(tmp_path, 0)
    assert found >= 3  # one may lie behind a star
    assert found + besides <= 4


@pytest.mark.slow
def test_of_many_such_objects_nearly_all_are_found_and_hardly_another(tmp_path):
    """Stars among them that the pattern hides are two tracks in one sky of ten."""
    counts = np.array([_slow_bright_objects(tmp_path / str(seed), seed) for seed in range(10)])
    assert counts[:, 0].sum() >= 34
    assert counts[:, 1].sum() <= 6


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
