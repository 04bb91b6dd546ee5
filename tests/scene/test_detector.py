"""The simulated detector against the equations of detectors and against real particle records."""

import math
from collections import defaultdict
from dataclasses import replace

import numpy as np
import pytest
from astropy.io import fits
from scipy import stats

from firmware_sim.scene.camera.chip import Chip, dark_factor
from firmware_sim.scene.camera.radiation import charges, deposit_e
from firmware_sim.scene.camera.readout import read
from firmware_sim.scene.kernels.bloom import bloom
from firmware_sim.scene.settings.detector import Detector, Radiation
from tests.scene.quiet import QUIET

NO_HITS = Radiation(hits_per_frame=0)


def flat(chip, level_e, frame, seed=1):
    expected = chip.expected(np.full(chip.shape, float(level_e)), frame)
    return read(chip, NO_HITS, expected, frame, seed)[0].astype(float)


def test_the_photon_transfer_curve_gives_gain_and_read_noise_back(sensor):
    """Variance against mean of pairs of flats, fixed pattern and all: gain and read noise to 1 %."""
    detector = replace(QUIET, prnu=0.006, column_noise_dn=0.6, dark_e_s=0.8, hot_fraction=4e-4)
    large = replace(sensor, shape_px=(700, 700))
    chip = Chip(large, detector, 1, 1)
    means, variances = [], []
    for k, level in enumerate([0, 0, 0, *np.geomspace(200, 40000, 25)]):
        a, b = flat(chip, level, 0, 2 * k), flat(chip, level, 0, 2 * k + 1)
        means.append(0.5 * (a + b).mean() - 300)
        variances.append(0.5 * np.var(a - b) - 1 / 12)
    slope, offset = np.polyfit(means, variances, 1, w=1 / np.array(variances))
    assert 1 / slope == pytest.approx(1.5, rel=0.01)
    assert math.sqrt(offset) / slope == pytest.approx(6.0, rel=0.01)


def test_full_well_clips_and_nonlinearity_bends(sensor):
    chip = Chip(sensor, replace(QUIET, kind="cmos"), 1, 1)
    assert (flat(chip, 5e5, 0).mean() - 300) * 1.5 == pytest.approx(90000, rel=0.001)
    bent = Chip(sensor, replace(QUIET, nonlinearity=0.02), 1, 1)
    assert (flat(bent, 45000, 0).mean() - 300) * 1.5 == pytest.approx(45000 * (1 - 0.01), rel=0.001)


def test_overflow_spreads_along_the_column_and_no_charge_is_lost():
    image = np.full((60, 5), 100.0)
    image[30, 2] += 10_000.0
    bloom(image, 1000.0)
    assert image.sum() == pytest.approx(60 * 5 * 100 + 10_000)
    assert image.max() == pytest.approx(1000.0)
    assert (image[:, [0, 1, 3, 4]] == 100.0).all()
    full = np.nonzero(image[:, 2] > 999)[0]
    assert full.min() < 30 < full.max()
    assert abs((30 - full.min()) - (full.max() - 30)) <= 1


def test_dark_signal_follows_temperature(sensor):
    assert dark_factor(-20, -20) == 1.0
    assert 2.0 < dark_factor(-10, -20) < 3.5  # doubling every 6 to 9 degrees
    chip = Chip(sensor, replace(QUIET, dark_e_s=5.0, temperature_c=-10.0), 1, 1)
    assert (flat(chip, 0, 0).mean() - 300) * 1.5 / 3.0 == pytest.approx(5.0 * dark_factor(-10, -20), rel=0.01)


def test_hot_pixels_glow_and_most_are_known(sensor):
    chip = Chip(sensor, Detector(hot_fraction=2e-3), 30, 1)
    dark = np.mean([flat(chip, 0, k) for k in range(30)], axis=0)
    level = np.median(dark)
    excess = (dark - level)[chip.hot_y, chip.hot_x] * 1.5 / 3.0
    alive = chip.response[chip.hot_y, chip.hot_x] > 0
    hot = chip.dark_e_s[chip.hot_y, chip.hot_x]
    assert np.median((excess / hot)[alive & (hot > 30)]) == pytest.approx(1.0, abs=0.05)
    listed = [row for row in chip.calibration if row[3] == "hot"]
    assert 0.85 < len(listed) / len(hot) <= 1.0


def test_telegraph_pixels_have_two_levels(sensor):
    chip = Chip(sensor, replace(QUIET, rts_fraction=1e-3, rts_flip=0.3), 60, 1)
    series = np.array([chip.expected(np.zeros(chip.shape), k)[chip.rts_y, chip.rts_x] for k in range(60)])
    assert len(chip.rts_y) > 20
    assert all(len(np.unique(np.round(s, 6))) <= 2 for s in series.T)
    flips = (np.diff(chip.rts_is_up.astype(int), axis=0) != 0).mean()
    assert flips == pytest.approx(0.3, abs=4 * math.sqrt(0.21 / chip.rts_is_up[1:].size))


def test_columns_smear_die_and_see_no_light(sensor):
    light = np.zeros(sensor.shape_px)
    light[50, 100] = 3e6
    chip = Chip(sensor, replace(QUIET, transfer_s=0.003), 1, 1)
    smeared = chip.expected(light, 0)
    assert smeared[150, 100] == pytest.approx(3e6 / 3.0 * 0.003 / 200)
    assert smeared[150, 101] == 0.0
    dead = Chip(sensor, replace(QUIET, bad_columns=20.0, overscan_columns=16, hot_known=1.0), 1, 1)
    seen = dead.expected(np.full(sensor.shape_px, 100.0), 0)
    assert (seen[:, :16] == 0).all()
    columns = {row[0] for row in dead.calibration if row[3] == "dead"}
    assert columns == set(16 + np.nonzero((seen[:, 16:] == 0).any(axis=0))[0])


def test_electronics_leave_their_signature(sensor):
    chip = Chip(sensor, replace(QUIET, column_noise_dn=2.0, row_noise_dn=1.0, bias_ramp_dn=8.0), 4, 1)
    frames = np.array([flat(chip, 0, k) for k in range(4)])
    columns = frames.mean(axis=(0, 1))
    assert np.corrcoef(columns, chip.columns_dn)[0, 1] > 0.98
    rows = frames.mean(axis=2)
    assert (rows[:, 0] - rows[:, 150:].mean(axis=1)).mean() == pytest.approx(8.0, abs=2.0)
    assert np.std(rows[0, 100:] - rows[1, 100:]) == pytest.approx(math.sqrt(2), rel=0.3)


# ---- particles


def test_energy_loss_is_that_of_bethe_and_landau(rng):
    """Most probable loss of a minimum-ionising particle in 300 um of silicon: 84 keV (PDG review, 34.2.9)."""
    mip = deposit_e(np.full(40000, 300.0), np.full(40000, 0.93), rng) * 3.65e-3
    counts, edges = np.histogram(mip, np.arange(50, 150, 2.0))
    peak = np.polyfit(0.5 * (edges[1:] + edges[:-1])[8:26], counts[8:26], 2)
    assert -peak[1] / (2 * peak[0]) == pytest.approx(84, rel=0.06)
    slow = deposit_e(np.full(4000, 14.0), np.full(4000, 0.06), rng)  # protons of 30 MeV
    assert np.median(slow) / 14.0 == pytest.approx(14.7 * 2.329 * 100 / 3.65, rel=0.15)  # Bethe's mean, NIST PSTAR


def tracks(radiation, n, rng, size=401, threshold_e=49.0):
    """Extent [px], charge [e-] and principal widths [px] of single hits as a detector with a threshold records them."""
    found = []
    for _ in range(n):
        rows, columns, charge = charges(1, (size, size), radiation, rng)
        image = np.zeros((size, size))
        np.add.at(image, (rows, columns), charge)
        y, x = np.nonzero(image > threshold_e)
        if len(x) and min(x.min(), y.min()) > 0 and max(x.max(), y.max()) < size - 1:
            found.append(figure(x, y, image[y, x]))
    return np.array(found)


def figure(x, y, charge):
    wide = np.cov(np.stack([x, y]), aweights=np.maximum(charge, 1e-3)) if len(x) > 2 else np.zeros((2, 2))
    small, large = np.sqrt(np.maximum(np.linalg.eigvalsh(wide), 0))
    return math.hypot(np.ptp(x), np.ptp(y)), charge.sum(), small, large


def straight(figures):
    """Long tracks that are lines: particles that cross the whole slab."""
    return figures[(figures[:, 0] >= 8) & (figures[:, 3] > 4 * np.maximum(figures[:, 2], 0.3))]


@pytest.mark.real
def test_tracks_are_as_long_and_as_strong_as_real_ones(data, rng):
    """Muons in 100 um of silicon (LSST dark frames): charge per path within 15 %, lengths within a KS distance of 0.15
    of an isotropic flux. At sea level muons come from above, cos^2; on a sensor that stands upright within 30 deg, as in
    a camera on a bench, that alone makes the lengths equal (two-sample test at 1 %)."""
    with fits.open(data / "imsim_cosmicrays" / "cosmic_rays_itl_2017.fits.gz") as hdus:
        spans = defaultdict(list)
        for row in hdus[1].data:
            values = np.asarray(row["pixel_values"], float)
            n = len(values)
            spans[int(row["fp_id"])].append((int(row["x0"]) + np.arange(n), np.full(n, int(row["y0"])), values))
    real = straight(np.array([figure(*(np.concatenate(part) for part in zip(*parts, strict=True))) for parts in spans.values()]))
    muons = Radiation(electron_share=0, proton_min_mev=3000, proton_max_mev=20000, thickness_um=100, pitch_um=10, diffusion_um=5)
    made = straight(tracks(muons, 1500, rng))
    assert len(real) > 400 < len(made)
    per_um = [np.median(f[:, 1] / np.hypot(f[:, 0] * 10, 100)) for f in (real, made)]
    assert per_um[1] == pytest.approx(per_um[0], rel=0.15)
    assert stats.ks_2samp(real[:, 0], made[:, 0]).statistic < 0.15
    upright = muon_lengths_px(math.radians(60), rng)
    assert stats.ks_2samp(real[:, 0], upright).pvalue > 0.01


def muon_lengths_px(tilt, rng, n=400_000):
    """Lengths of sea-level muons in 100 um of silicon whose normal is ``tilt`` from the vertical."""
    up, turn = rng.random(n) ** (1 / 3), rng.uniform(0, 2 * np.pi, n)  # intensity cos^2
    flat = np.sqrt(1 - up**2)
    cosine = np.abs(flat * np.cos(turn) * math.sin(tilt) + up * math.cos(tilt))
    cosine = cosine[rng.random(n) < cosine]  # flux through the surface
    length = 10 * np.sqrt(1 - cosine**2) / cosine
    return length[(length >= 8) & (length < 180)][:20000]


def test_hits_are_as_many_as_set_and_overscan_sees_none(sensor):
    chip = Chip(sensor, replace(QUIET, overscan_columns=16), 200, 1)
    dark = np.zeros(chip.shape)
    counts = [read(chip, Radiation(hits_per_frame=30), dark, k, 1)[1] for k in range(200)]
    assert np.mean(counts) == pytest.approx(30, abs=5 * math.sqrt(30 / 200))
    hit = read(chip, Radiation(hits_per_frame=3000), dark, 0, 1)[0].astype(float)
    assert hit[:, 16:].max() > 300 + 500
    assert hit[:, :16].max() < 300 + 6 * 4.5
