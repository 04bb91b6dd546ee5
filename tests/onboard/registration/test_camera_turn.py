"""A camera's turn is found again from the stars of two frames."""

import numpy as np
import pytest

from sensorproc.config import Config
from sensorproc.geometry import rotation
from sensorproc.onboard.registration.camera_turn import fit_transform

SHAPE, IFOV_RAD = (480, 640), 3e-5


@pytest.mark.parametrize("roll_deg", [0.0, 0.4])
def test_the_turn_comes_out_to_the_stars_error(rng, roll_deg):
    """Sixty stars placed to 0.05 px, ten spurious ones: their places follow to a few hundredths of a pixel."""
    ny, nx = SHAPE
    stars = np.column_stack([rng.uniform(30, nx - 30, 60), rng.uniform(30, ny - 30, 60), np.full(60, 40.0)])
    turn = rotation(np.array([5.0 * IFOV_RAD, -3.0 * IFOV_RAD, np.radians(roll_deg)]))
    rays = np.stack([(stars[:, 0] - (nx - 1) / 2) * IFOV_RAD, (stars[:, 1] - (ny - 1) / 2) * IFOV_RAD, np.ones(60)])
    seen = np.einsum("ij,jn->in", turn, rays)
    x, y = seen[0] / seen[2] / IFOV_RAD + (nx - 1) / 2, seen[1] / seen[2] / IFOV_RAD + (ny - 1) / 2
    reference = np.column_stack([x + rng.normal(0, 0.05, 60), y + rng.normal(0, 0.05, 60), np.full(60, 40.0)])
    spurious = np.column_stack([rng.uniform(0, nx, 10), rng.uniform(0, ny, 10), np.full(10, 8.0)])
    shift = np.median(reference[:, :2] - stars[:, :2], axis=0) + rng.uniform(-0.4, 0.4, 2)
    transform, n, rms = fit_transform(stars, np.concatenate([reference, spurious]), shift, SHAPE, IFOV_RAD, Config().register)
    u, v = transform.to_registered(stars[:, 0], stars[:, 1])
    assert n >= 50
    assert rms < 0.1
    assert np.hypot(u - x, v - y).max() < 0.05
    back = transform.to_detector(u, v)
    assert np.abs(np.stack(back) - stars[:, :2].T).max() < 1e-6


def test_faint_stars_count_that_are_as_far_off_as_they_are_uncertain(rng):
    """Three bright stars tell the turn; twenty faint ones, placed to a quarter of a pixel, confirm it."""
    ny, nx = SHAPE
    snr = np.concatenate([np.full(3, 200.0), np.full(20, 8.0)])
    stars = np.column_stack([rng.uniform(30, nx - 30, 23), rng.uniform(30, ny - 30, 23), snr])
    error = np.where(snr > 100.0, 0.02, 0.25)[:, None] / np.sqrt(2.0)
    first, second = (stars + np.pad(rng.normal(0.0, 1.0, (23, 2)) * error, ((0, 0), (0, 1))) for _ in range(2))
    transform, n, _ = fit_transform(first, second, np.zeros(2), SHAPE, IFOV_RAD, Config().register)
    assert n >= 15
    x, y = transform.to_registered(np.float64(nx / 2), np.float64(ny / 2))
    assert np.hypot(x - nx / 2, y - ny / 2) < 0.1
