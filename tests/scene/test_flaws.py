"""What a zoo of detectors has besides: lines, spots, glow, amplifiers, covers, traps, warmth, converters, fading light."""

from dataclasses import replace

import numpy as np
import pytest

from firmware_sim.scene.background.stray_light import Diffuse
from firmware_sim.scene.camera.chip import Chip, dark_factor
from firmware_sim.scene.camera.readout import read
from firmware_sim.scene.kernels.defer import defer
from firmware_sim.scene.settings.detector import Defects, Radiation
from firmware_sim.scene.settings.scene import Sky, StrayLight
from tests.scene.quiet import QUIET

NO_HITS = Radiation(hits_per_frame=0)


def levels(sensor, defects, light_e=0.0, detector=QUIET, n_frames=1, frame=0):
    """Frame [e-] over the bias, read noise averaged away by lack of it."""
    quiet = replace(sensor, read_noise_e=0.0, gain_e_per_dn=1.0)
    chip = Chip(quiet, detector, n_frames, 3, defects)
    data, _ = read(chip, NO_HITS, chip.expected(np.full(chip.shape, light_e), frame), frame, 1)
    return data.astype(float) - quiet.bias_dn, chip


def test_lines_are_whole_or_partial_columns_and_of_a_cmos_detector_rows_too(sensor):
    defects = Defects(lines=40.0, line_dn=100.0, line_beside=0.0)
    ccd, _ = levels(sensor, defects)
    off = np.abs(ccd) > 3
    assert off.any()
    assert (off.sum(axis=0) > 0).sum() < 0.15 * ccd.shape[1]
    for x in np.nonzero(off.any(axis=0))[0]:
        first = int(np.argmax(off[:, x]))
        assert off[first:, x].all()  # once begun it runs to the end
    cmos, _ = levels(sensor, defects, detector=replace(QUIET, kind="cmos"))
    assert (np.median(np.abs(cmos[:, -20:]), axis=1) > 3).any()


def test_spots_see_less_and_dead_ones_are_in_the_calibration(sensor):
    flat, chip = levels(sensor, Defects(clusters=2000.0), 4000.0, replace(QUIET, hot_known=1.0))
    seen = chip.response * 4000.0
    assert np.abs((flat - seen) / np.sqrt(np.maximum(seen, 9.0))).max() < 6  # photon noise alone
    dead = {(x, y) for x, y, _, kind in chip.calibration if kind == "dead"}
    assert dead
    assert all(flat[y, x] < 5 for x, y in dead)
    _, unknown = levels(sensor, Defects(clusters=2000.0), 4000.0, replace(QUIET, hot_known=0.0))
    assert not unknown.calibration


def test_glow_falls_from_a_corner_and_amplifiers_step_in_the_middle(sensor):
    _, chip = levels(sensor, Defects(glow_e_s=500.0, glow_px=30.0))
    ny, nx = chip.shape
    corners = chip.expected(np.zeros(chip.shape), 0)[[0, 0, -1, -1], [0, -1, 0, -1]]
    assert sorted(corners)[-1] == pytest.approx(500.0 * sensor.exposure_s)
    assert sorted(corners)[-2] < 0.2 * sorted(corners)[-1]
    stepped, chip = levels(sensor, Defects(amplifiers=4, amplifier_step_dn=50.0))
    means = {(i, j): stepped[i : i + ny // 2, j : j + nx // 2].std() for i in (0, ny // 2) for j in (0, nx // 2)}
    assert max(means.values()) < 1.0
    assert stepped.std() > 5.0


def test_amplifiers_drift_and_a_cover_lets_no_light_through(sensor):
    drifting = Defects(amplifiers=2, amplifier_drift_dn=8.0, covered_px=6)
    one, two = (levels(sensor, drifting, 400.0, n_frames=2, frame=k)[0] for k in (0, 1))
    half = one.shape[1] // 2
    moved = [(two - one)[:, side].mean() for side in (slice(0, half), slice(half, None))]
    assert abs(moved[0] - moved[1]) > 1.0
    assert one[:6].mean() < 60
    assert one[20:-20, 20:-20].mean() > 300


def test_traps_hold_charge_back_and_give_it_to_the_rows_behind():
    image = np.zeros((400, 3))
    image[300, 1] = 1000.0
    defer(image, 1e-4, 3.0)
    assert image.sum() == pytest.approx(1000.0, rel=1e-6)
    lost = 1 - (1 - 1e-4) ** 300
    assert image[300, 1] == pytest.approx(1000 * (1 - lost))
    tail = image[301:320, 1]
    assert (tail > 0).all()
    np.testing.assert_allclose(tail[1:] / tail[:-1], np.exp(-1 / 3), rtol=0.03)
    assert not image[:300].any()


def test_dark_current_follows_the_temperature_within_a_scene(sensor):
    detector = replace(QUIET, dark_e_s=100.0, warming_k_min=3.0)
    chip = Chip(sensor, detector, 41, 1)
    dark = [chip.expected(np.zeros(chip.shape), k).mean() for k in (0, 20, 40)]
    minutes = 20 * sensor.cadence_s / 60
    assert dark[1] == pytest.approx(100.0 * sensor.exposure_s, rel=1e-6)
    assert dark[2] / dark[1] == pytest.approx(dark_factor(-20.0 + 3.0 * minutes, -20.0))
    assert dark[0] < dark[1] < dark[2]


def test_a_chip_is_the_same_in_every_scene_and_its_chances_are_not(sensor):
    detector = replace(QUIET, chip=5, hot_fraction=1e-2, rts_fraction=1e-2, dark_e_s=1.0)
    one, two = (Chip(sensor, detector, 20, seed) for seed in (1, 2))
    assert (one.dark_e_s == two.dark_e_s).all()
    assert (one.rts_is_up != two.rts_is_up).any()


def test_the_converter_clips_columns_walk_and_pixels_have_their_own_read_noise(sensor):
    chip = Chip(sensor, replace(QUIET, adc_bits=10, kind="cmos"), 1, 1)
    assert read(chip, NO_HITS, np.full(chip.shape, 5e4), 0, 1)[0].max() == 1023
    walking = Chip(sensor, replace(QUIET, column_drift_dn=0.5), 17, 1)
    assert np.std(walking.level_dn(16) - walking.level_dn(0)) == pytest.approx(0.5 * 4, rel=0.25)
    noisy = Chip(sensor, replace(QUIET, read_noise_dex=0.2), 1, 1)
    assert np.std(np.log10(noisy.read_noise_e)) == pytest.approx(0.2, rel=0.05)
    assert np.median(noisy.read_noise_e) == pytest.approx(sensor.read_noise_e, rel=0.02)


def test_fading_light_dies_away_by_e(sensor):
    stray = StrayLight(sun=0, arc=0, earth=0, fading=4.0, fading_s=50.0)
    sky = Diffuse(sensor, Sky(), stray)
    host, sun = np.array([42164.0, 0, 0]), np.array([0, 1.5e8, 0])
    camera = np.eye(3)
    light = [sky.light_e_s(camera, host, sun, t).mean() / sky.floor_e_s - 1 for t in (0.0, 50.0, 100.0)]
    assert light[0] == pytest.approx(4.0, rel=0.01)
    np.testing.assert_allclose(np.divide(light[1:], light[:-1]), np.exp(-1), rtol=1e-6)
