"""Light that stays under a track is taken off it; a mover's own is not."""

from dataclasses import replace

import numpy as np
import pytest

from sensorproc.onboard.kernels.track_fit import subtract_trail
from sensorproc.onboard.products import Candidate
from sensorproc.onboard.search.accept import fit
from sensorproc.onboard.search.static_residual import without_static_residual
from tests.skies.cases import SIDEREAL
from tests.skies.frames import made_up_frames
from tests.skies.stages import stages_of

RATE = 0.8


@pytest.fixture(scope="module")
def empty_stack():
    """A stare without targets: its stack, fit for light to be added."""
    frames = made_up_frames(160, 12, replace(SIDEREAL, targets=(), n_stars=10, n_hits=0))
    return stages_of(frames).results["stack"]


def with_light(stack, flux_e, rate):
    """The stack's pixels with a point that moves at ``rate`` through the middle of the registered plane, or stands still."""
    image = stack.image_e.copy()
    for k, t in enumerate(stack.times):
        x, y = stack.registrations[k].transform.to_detector(np.float64(80.0 + rate * t), np.float64(80.0))
        subtract_trail(image[k], float(x), float(y), -flux_e, 0.0, 1.0, 0.0, stack.psf_sigma_px, 8.0)
    return image


def test_a_mover_keeps_its_light_and_a_star_under_a_track_does_not(empty_stack):
    noise = 1.0 / float(np.sqrt(np.median(empty_stack.weight)))
    flux = 12.0 * noise * np.sqrt(4 * np.pi) * empty_stack.psf_sigma_px / np.sqrt(len(empty_stack.times))
    candidate = Candidate(80.0, 80.0, RATE, 0.0, 12.0, "test")
    moving = with_light(empty_stack, flux, RATE)
    track = fit(empty_stack, moving, candidate, 1.0)
    assert without_static_residual(empty_stack, moving, track).snr > 0.9 * track.snr
    standing = with_light(empty_stack, 2.0 * flux, 0.0)
    chance = fit(empty_stack, standing, candidate, 0.05)
    assert chance.snr > 7.0
    assert without_static_residual(empty_stack, standing, chance).snr < 0.6 * chance.snr


def test_a_track_too_slow_to_leave_its_place_is_left_alone(empty_stack):
    image = with_light(empty_stack, 400.0, 0.0)
    track = fit(empty_stack, image, Candidate(80.0, 80.0, 0.0, 0.0, 12.0, "test"), 0.05)
    assert without_static_residual(empty_stack, image, track) is track
