"""Objects so fast that one filter does not serve all velocities of a box, through the command line."""

import math

import numpy as np
import pytest

from sensorproc.cli import main
from sensorproc.ground.table_reader import read_table
from sensorproc.theory import snr_streak
from tests.skies import made

PART = 0.9  # Of the cadence is exposed: a trail is as long as the motion.


SEEDS = pytest.mark.parametrize("seed", [0, 1, *(pytest.param(k, marks=pytest.mark.slow) for k in range(2, 10))])


@SEEDS
def test_a_faint_object_of_seven_pixels_a_frame_is_found_in_its_own_trail(tmp_path, seed):
    rng = np.random.default_rng(500 + seed)
    angle, speed = rng.uniform(0.0, 2.0 * math.pi), rng.uniform(6.0, 7.5)
    check_it_is_found(tmp_path, rng, (90.0, 90.0), speed * math.cos(angle), speed * math.sin(angle))


@SEEDS
def test_one_that_enters_in_the_middle_of_the_set_is_found_as_well(tmp_path, seed):
    """The images of the tile that holds it are moved by many pixels: what leaves them has not left the detector."""
    rng = np.random.default_rng(600 + seed)
    speed, along = rng.uniform(5.0, 7.5), rng.uniform(-2.0, 2.0)
    edge, inwards = [(3.0, speed), (176.0, -speed)][seed % 2]
    way = ((edge, 90.0), inwards, along) if seed % 4 < 2 else ((90.0, edge), along, inwards)
    check_it_is_found(tmp_path, rng, *way, n=16)


def check_it_is_found(tmp_path, rng, middle, vx, vy, n=8):
    """An object of SNR 4 in a frame, in eight of them 11, that is in the ``middle`` (x, y) [px] at its middle."""
    speed, half = math.hypot(vx, vy), 0.5 * (n - 1)
    s, sigma = math.hypot(2.6 / made.FWHM_PER_SIGMA, math.sqrt(1.0 / 12.0)), math.sqrt(made.SKY_E + made.READ_E**2)
    flux = 4.0 / snr_streak(1.0, sigma, PART * speed, s)
    lights = [made.mover(middle[0] - half * vx, middle[1] - half * vy, vx, vy, flux, PART)]
    frames = made.frames(rng, lights, n=n, shape=(180, 180), n_stars=15, optics=made.Optics(2.6, 0.0))
    recording = made.write(tmp_path / "rec", frames, EXPTIME=PART * made.CADENCE_S)
    out = tmp_path / "out"
    assert main(["process", str(recording), "-o", str(out), "--marking", "U", "--data-mode", "TEST"]) == 0
    rows = read_table(out / "tracklets.ecsv")
    assert any(math.hypot(row["vx_px_frame"] - vx, row["vy_px_frame"] - vy) < 0.3 for row in rows)
