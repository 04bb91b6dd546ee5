"""Boxes of velocities: every centre's box is covered, no velocity twice, nothing that stands still."""

from dataclasses import dataclass, field
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware_sim.validation.task import squares_area
from sensorproc.onboard.products import Transform
from sensorproc.onboard.search import velocity_boxes as velocities
from sensorproc.onboard.search.velocity_boxes import REST_PX, Box, Centre, boxes, velocity_area

HALF, STEP = 4.0, 0.25
rates = st.floats(-30.0, 30.0)


@dataclass
class Moving:
    """As much of a stack as the boxes look at: a camera that turns past the stars at a constant rate [px/frame]."""

    vx: float
    vy: float
    is_stare: bool = False
    times: np.ndarray = field(default_factory=lambda: np.arange(16.0) - 7.0)
    image_e: np.ndarray = field(default_factory=lambda: np.zeros((16, 40, 50)))
    psf_sigma_px: float = 0.9
    pattern_scales: np.ndarray | None = None
    pattern_prior: float = 0.0

    @property
    def registrations(self):
        return [SimpleNamespace(transform=_moved(self.vx * t, self.vy * t), is_stare=self.is_stare) for t in self.times]


def _moved(x, y):
    """Detector pixels lie (x, y) farther on in the registered plane."""
    return Transform(((1.0, 0.0, x), (0.0, 1.0, y), (0.0, 0.0, 1.0)), ((1.0, 0.0, -x), (0.0, 1.0, -y), (0.0, 0.0, 1.0)))


@pytest.fixture(autouse=True)
def no_ring(monkeypatch):
    monkeypatch.setattr(velocities, "co_rotating", lambda frames, cadence_s: [])


def searched(box, frames):
    """Velocities (n, 2) of a box."""
    x, y = box.grid(STEP)
    iy, ix = np.nonzero(box.wanted(frames, STEP))
    return np.stack([box.middle[0] + x[ix], box.middle[1] + y[iy]], axis=1)


@settings(max_examples=40, deadline=None)
@given(rates, rates, rates, rates)
def test_every_velocity_near_a_centre_is_searched_once(vx, vy, dx, dy):
    frames = Moving(vx, vy)
    found = boxes(frames, 1.0, HALF)
    sweeps = max(abs(vx), abs(vy)) > HALF
    assert {c.name for box in found for c in box.centres} == ({"detector"} if sweeps else {"detector", "stars"})
    searched_around = [np.array([vx, vy])] if sweeps else [np.array([vx, vy]), np.zeros(2)]
    for centre in searched_around:
        wanted = centre + HALF * np.clip([dx / 30.0, dy / 30.0], -1.0, 1.0)
        if np.hypot(*wanted) < REST_PX * 0.9 / 15.0 + 2.0 * STEP:
            continue
        near = sum(int((np.abs(searched(box, frames) - wanted).max(axis=1) <= 0.5 * STEP + 1e-9).any()) for box in found)
        assert near >= 1
    n_near = velocity_area(frames, found, STEP) / STEP**2
    union = squares_area(np.array(searched_around), 2.0 * HALF + STEP)  # cells reach half a step beyond
    assert n_near * STEP**2 == pytest.approx(union, rel=0.13)


def test_what_stands_still_is_not_searched():
    for is_stare in (False, True):
        frames = Moving(1.0, 0.0, is_stare)
        (box,) = boxes(frames, 1.0, HALF)
        least = REST_PX * frames.psf_sigma_px / 15.0
        away = searched(box, frames)
        assert np.hypot(*away.T).min() > least
        assert (np.hypot(away[:, 0] - 1.0, away[:, 1]).min() > least) == is_stare


def test_a_candidate_is_named_after_the_centre_it_is_nearest_to():
    box = Box((Centre("detector", 3.0, 0.0), Centre("stars", 0.0, 0.0)), HALF)
    assert (box.name(2.0, 0.5), box.name(1.0, -3.0)) == ("detector", "stars")


def test_the_union_of_squares_counts_what_they_share_once():
    assert squares_area(np.array([[0.0, 0.0], [0.0, 0.0]]), 8.0) == 64.0
    assert squares_area(np.array([[0.0, 0.0], [2.0, 1.0]]), 8.0) == pytest.approx(2 * 64.0 - 6.0 * 7.0)
    assert squares_area(np.array([[0.0, 0.0], [20.0, 1.0], [2.0, 1.0]]), 8.0) == pytest.approx(3 * 64.0 - 6.0 * 7.0)
