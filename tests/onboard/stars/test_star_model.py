"""Stars modelled, not medianed: what is left is noise, nothing is lost away from them, and the PSF is the data's own."""

from dataclasses import replace

import numpy as np
import pytest

from sensorproc.config import Config
from sensorproc.frames import Frame, SensorFacts
from sensorproc.onboard import pipeline
from sensorproc.onboard.kernels.gather import gather_steady
from sensorproc.onboard.kernels.star_bank import PHASES, fill_bank
from sensorproc.onboard.kernels.star_fit import add_star, fit_stars
from sensorproc.onboard.kernels.steadiness import unsteadiness
from sensorproc.onboard.stars.psf import Psf, measure_psf
from sensorproc.onboard.state import PayloadState
from tests.oracles import slow
from tests.skies import made
from tests.skies.cases import BODY_FIXED, SIDEREAL
from tests.skies.frames import made_up_frames
from tests.skies.stages import stages_of

SIZE, N = 256, 12


def captured(case):
    """Products of every stage of a made-up set."""
    return stages_of(made_up_frames(SIZE, N, replace(case, targets=()))).results


@pytest.fixture(scope="module")
def stages():
    return {"stare": captured(SIDEREAL), "body": captured(BODY_FIXED)}


@pytest.mark.parametrize("mode", ["stare", "body"])
def test_residuals_are_noise_of_the_claimed_size(stages, mode):
    """Mean within 0.01 sigma and scatter within 2 % of the claim, over all good pixels of the set.

    A stare has solved its pattern from its own N frames, which takes an N-th of the variance.
    """
    frames = stages[mode]["stack"]
    z = (frames.image_e * np.sqrt(frames.weight))[frames.weight > 0]
    inner = z[np.abs(z) < 3.5]
    assert abs(inner.mean()) < 0.01
    assert np.sqrt((inner**2).mean()) / 0.99694 == pytest.approx(np.sqrt(1.0 - 1.0 / N) if mode == "stare" else 1.0, abs=0.02)
    assert (np.abs(z) > 5.0).mean() < 1e-4


@pytest.mark.parametrize(("mode", "trail"), [("stare", (0.0, 0.0)), ("body", (-2.0, 0.0))])
def test_the_psf_is_measured(stages, mode, trail):
    frames, _ = stages[mode]["register"]
    truth = np.hypot(SIDEREAL.psf_sigma_px, np.sqrt(1.0 / 12.0))
    psf = measure_psf(frames, 1.1)
    assert psf.core_px == pytest.approx(truth, rel=0.03)
    residual = stages[mode]["subtract_stars"][0]
    assert residual.registration.psf_sigma_px == pytest.approx(truth, rel=0.05)


def test_nothing_is_subtracted_away_from_stars(stages):
    """A median template would take noise off every pixel; a model takes none where no star is."""
    for residual in stages["stare"]["subtract_stars"]:
        assert (residual.star_snr < 0.3).mean() > 0.75


@pytest.mark.parametrize("length", [0.0, 2.0])
def test_light_that_passes_is_told_from_light_that_stays(rng, length):
    """Four degrees of freedom by chance; a mover of SNR 12 over the set, 6 px long, is plain."""
    s, n, shape, noise = 0.9, 16, (40, 60), 10.0
    bank = np.empty((1, PHASES + 1, PHASES + 1, 13, 15), np.float32)
    fill_bank(length, 1.0, 0.0, np.array([s]), 0.0, 3.0, bank)
    times = np.arange(n) - 7.5
    template = slow.trail(30.0, 20.0, length, 0.0, s, shape)
    flux = 12.0 * noise / np.sqrt(n * (template**2).sum())
    weight = np.full((n, *shape), 1.0 / noise**2, np.float32)
    paths = np.tile([[[30.0, 20.0]]], (1, n, 1))
    width, half, chi2, snr = np.zeros(1, np.int64), np.full((1, 2), 5, np.int64), np.empty((1, 2)), np.empty(1)
    constancy = np.empty(1)
    found, constant = ({0.0: [], 0.4: [], 0.8: []} for _ in range(2))
    for rate, values in found.items():
        images = [flux * slow.trail(30.0 + rate * t, 20.0, length, 0.0, s, shape) for t in times]
        for _ in range(60):
            cube = (np.array(images) + rng.normal(0.0, noise, weight.shape)).astype(np.float32)
            unsteadiness(cube, weight, bank, width, paths, half, times, snr, chi2, constancy)
            values.append(float(chi2.sum()))
            constant[rate].append(float(constancy[0]))
    assert np.mean(found[0.0]) == pytest.approx(4.0, abs=4.0 * np.sqrt(8.0 / 60))
    assert np.mean(np.array(found[0.4]) > 9.5) > 0.95
    # the lower quartile of 16 normals lies 0.67 of their noise below the mean
    assert np.mean(constant[0.0]) == pytest.approx(1.0 - 0.67 * np.sqrt(n) / 12.0, abs=0.15)
    assert np.mean(constant[0.8]) < 0.3


def test_too_few_stars_leave_the_believed_width(stages):
    frames = [replace(frame, stars=np.empty((0, 4))) for frame in stages["stare"]["register"][0]]
    assert measure_psf(frames, 1.234) == Psf(1.234)


def test_places_and_fluxes_of_blended_stars_come_out(rng):
    """Two stars whose images overlap and one alone, trailed, through eight frames: within four standard errors of the truth."""
    n, shape, s, noise = 8, (64, 72), 0.9, 5.0
    length, angle = 3.0, 0.4
    banks = np.empty((1, PHASES + 1, PHASES + 1, 19, 19), np.float32)
    fill_bank(length, np.cos(angle), np.sin(angle), np.array([s]), 0.0, 3.0, banks)
    truth = np.array([[20.3, 30.1, 4000.0], [24.6, 33.1, 2500.0], [50.7, 20.2, 900.0]])
    shifts = rng.uniform(-3, 3, (n, 2))
    cube = rng.normal(0.0, noise, (n, *shape)).astype(np.float32)
    for x, y, flux in truth:
        for k in range(n):
            cube[k] += flux * slow.trail(x + shifts[k, 0], y + shifts[k, 1], length, angle, s, shape)
    weight = np.full(cube.shape, 1.0 / noise**2, np.float32)
    start = truth + np.array([[0.3, -0.2, -400.0], [-0.3, 0.2, 300.0], [0.2, 0.2, 0.0]])
    paths = np.ascontiguousarray(start[:, None, :2] + shifts[None])
    state = np.array([[0.0, 0.0, flux] for flux in start[:, 2]])
    for m in range(3):
        add_star(cube, banks[0], paths[m], 0.0, 0.0, -state[m, 2], 9, 9, 0, n)
    width, order = np.zeros(3, np.int64), np.array([0, 1, 2])
    half = np.full((3, 2), 5, np.int64)
    for _ in range(12):
        fit_stars(cube, weight, banks, width, paths, order, half, half + 4, 2, 0.5, state)
    point = noise * np.sqrt(4 * np.pi * s * (s + length / 3.5) / n)  # electrons of one sigma, about
    found = start[:, :2] + state[:, :2]
    np.testing.assert_allclose(state[:, 2], truth[:, 2], atol=6 * point, rtol=0.01)
    for m in range(3):
        assert np.hypot(*(found[m] - truth[m, :2])) < 6 * 2.0 * point / truth[m, 2] + 0.02
    assert cube.std() == pytest.approx(noise, rel=0.02)


def test_gather_takes_the_inner_half_of_the_samples(rng):
    n, ny, nx = 9, 20, 24
    cube = rng.normal(size=(n, ny, nx)).astype(np.float32)
    cube[3] += 1000.0
    weight = (rng.uniform(size=cube.shape) > 0.2).astype(np.float32)
    shift = rng.integers(-2, 3, (n, 2))
    matrices = np.array([[[1.0, 0.0, dx], [0.0, 1.0, dy], [0.0, 0.0, 1.0]] for dx, dy in shift])
    steady, count = np.empty((10, 12), np.float32), np.empty((10, 12), np.uint8)
    for first, last in ((0, 6), (6, 10)):
        gather_steady(cube, weight, matrices, 5, 4, first, last, steady, count)
    for j in range(10):
        for i in range(12):
            places = [(k, 4 + j + dy, 5 + i + dx) for k, (dx, dy) in enumerate(shift)]
            values = sorted(float(cube[p]) for p in places if weight[p] > 0)
            outer = len(values) // 4
            assert count[j, i] == len(values)
            assert steady[j, i] == pytest.approx(np.mean(values[outer : len(values) - outer]), rel=1e-4, abs=1e-4)


def _processed(images):
    """What comes of the frames [DN] of a stare whose detector has no dark charge."""
    facts = SensorFacts(gain_e_per_dn=1.0, read_noise_e=made.READ_E, bias_dn=made.BIAS_DN)
    flags = np.zeros(images[0].shape, np.uint8)
    counts = [np.rint(image).clip(0, 65535).astype(np.uint16) for image in images]
    frames = [Frame(k, 0, str(k), count, flags, 10**18 + k * 10**10, 1.0, facts) for k, count in enumerate(counts)]
    dark = PayloadState(dark_e_s=np.zeros(images[0].shape, np.float32))
    return pipeline.process_set(frames, dark, None, Config())[0]


def _flux_of_slow_mover(seed, flux_e):
    """Median flux found of an object of half a pixel a frame in eight frames of a stare with a dark map; NaN if none."""
    rng = np.random.default_rng(900 + seed)
    n, (x, y, vx, vy) = 8, (70.0, 90.0, 0.5, 0.25)
    images = made.frames(rng, [made.mover(x, y, vx, vy, flux_e)], n=n, shape=(200, 200), n_stars=60, faintest=300.0)
    middle = x + 4 * vx, y + 4 * vy
    near = [t for t in _processed(images).tracklets if _gap(t, 4, middle) < 3.0]
    return float(np.median([m.flux_e for m in near[0].members])) if near else np.nan


def _gap(tracklet, k, place):
    """Distance [px] between a tracklet in frame k and a place."""
    return np.hypot(tracklet.members[k].x_px - place[0], tracklet.members[k].y_px - place[1])


@pytest.mark.parametrize("seed", [0, 2])
def test_slow_objects_that_outnumber_faint_stars_are_no_stars(seed):
    """Nine of set SNR 15, 0.3 px/frame; a sky that stays over the detector lets no hot pixel drift as they do."""
    rng = np.random.default_rng(seed)
    angles = rng.uniform(0.0, 2.0 * np.pi, 9)
    ways = [
        (x, y, 0.3 * np.cos(a), 0.3 * np.sin(a))
        for (x, y), a in zip(np.mgrid[40:121:40, 40:121:40].T.reshape(-1, 2), angles, strict=True)
    ]
    lights = [made.mover(x - 7.5 * vx, y - 7.5 * vy, vx, vy, 250.0) for x, y, vx, vy in ways]
    tracklets = _processed(made.frames(rng, lights, n=16, shape=(160, 160), n_stars=20, faintest=3000.0)).tracklets
    places = [(x + 0.5 * vx, y + 0.5 * vy) for x, y, vx, vy in ways]
    snrs = [max((t.snr for t in tracklets if _gap(t, 8, place) < 3.0), default=0.0) for place in places]
    assert len(tracklets) == 9
    assert np.median(snrs) > 13.0  # as stars they kept half of it
    assert sum(snr > 0.0 for snr in snrs) >= 8


def test_a_slow_object_of_ordinary_brightness_is_no_star():
    """Of set SNR 29: all of its light is left for the search, but where it passes over a star. As a star it kept two fifths."""
    share = np.array([_flux_of_slow_mover(seed, 650.0) / 650.0 for seed in range(5)])
    assert np.median(share) == pytest.approx(1.0, abs=0.1)
    assert (np.abs(share - 1.0) < 0.15).sum() >= 4
