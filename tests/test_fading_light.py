"""A comet in stray light that fades through the set, through the command line: reported once, in most frames."""

import math

import numpy as np
import pytest

from tests.skies import made
from tests.test_strangers import processed

N, SHAPE = 12, (200, 220)
SEEDS = [0, 1, *(pytest.param(k, marks=pytest.mark.slow) for k in range(2, 25))]


def comet(x, y, vx, vy, flux, fwhm, drift):
    """A coma and, with a third of the light, a core as wide as the PSF."""
    wide = made.Optics(fwhm, 0.1)

    def light(k, shape, optics):
        place = (x + vx * k + drift[k, 0], y + vy * k + drift[k, 1])
        return sum(made.trail(shape, place, place, part * flux, of) for part, of in ((0.67, wide), (0.33, optics)))

    return light


def stray_light(rng, first_e, last_e):
    """Charge (N, ny, nx) [e-] of light from beyond one side, that fades."""
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]]
    angle = rng.uniform(0.0, 2.0 * math.pi)
    along = (x / SHAPE[1] - 0.5) * math.cos(angle) + (y / SHAPE[0] - 0.5) * math.sin(angle)
    levels = np.geomspace(first_e, last_e, N)
    return levels[:, None, None] * (1.0 + rng.uniform(0.2, 0.8) * along)[None]


@pytest.mark.parametrize("is_stare", [True, False])
@pytest.mark.parametrize("seed", SEEDS)
def test_a_comet_in_fading_stray_light_is_one_tracklet(tmp_path, seed, is_stare):
    rng = np.random.default_rng(900 + seed)
    first_e = rng.uniform(600.0, 1500.0)
    stray = stray_light(rng, first_e, first_e / 2.6)
    fwhm, angle, speed = rng.uniform(4.0, 10.0), rng.uniform(0.0, 2.0 * math.pi), rng.uniform(0.6, 3.0)
    vx, vy = speed * math.cos(angle), speed * math.sin(angle)
    sigma = math.sqrt(made.SKY_E + float(stray.mean()) + made.READ_E**2)
    flux = 1000.0 / math.sqrt(N) * sigma * 2.0 * math.sqrt(math.pi) * fwhm / made.FWHM_PER_SIGMA
    drift = np.arange(N)[:, None] * (np.zeros(2) if is_stare else rng.uniform(-4.0, 4.0, 2))
    x, y = (110.0 - 5.5 * vx + rng.uniform(-30.0, 30.0), 100.0 - 5.5 * vy + rng.uniform(-30.0, 30.0))
    lights = [comet(x, y, vx, vy, flux, fwhm, drift - drift.mean(axis=0))]
    frames = made.frames(rng, lights, n=N, shape=SHAPE, n_stars=40, drift=drift - drift.mean(axis=0), dark=stray, brightest=2e5)
    tracklets, _, detections, *_ = processed(tmp_path, frames)
    (one,) = [tracklet for tracklet in tracklets if tracklet["log10_pfa"] < -4.0]
    assert one["n_frames"] >= 0.6 * N  # near a star it is no disc
    there = np.array([x, y]) + np.arange(N)[:, None] * np.array([vx, vy]) + drift - drift.mean(axis=0)
    members = [row for row in detections if row["tracklet_id"] == one["tracklet_id"]]
    gaps = [math.dist((row["x_px"], row["y_px"]), there[row["frame"]]) for row in members]
    assert np.median(gaps) < fwhm  # a star that it passes shares its patch
