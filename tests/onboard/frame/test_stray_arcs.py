"""Arcs of stray light, in all frames of a set alike."""

from copy import deepcopy

import numpy as np
import pytest

from sensorproc.config import Flatten
from sensorproc.frames import SensorFacts
from sensorproc.onboard.frame.flatten import flatten
from sensorproc.onboard.frame.stray_arcs import LIT_SHARE, follow_arcs, lit_share
from sensorproc.onboard.image.matched_filter import noise_at
from sensorproc.onboard.pixel_ownership import HandOver
from sensorproc.onboard.products import Calibrated, FrameFacts

SHAPE = 256, 320
Y, X = np.mgrid[: SHAPE[0], : SHAPE[1]]
INNER = np.s_[24:-24, 24:-24]
SKY_E = 700.0


def prepared(rng, light, index=0):
    facts = FrameFacts(index, 0, 10**18 + index, 2.0, SHAPE, SensorFacts(), None, None, True)
    image = rng.poisson(SKY_E + light).astype(np.float32)
    return flatten(Calibrated(facts, image, None, None, np.zeros(SHAPE, np.uint8)), Flatten())


def arc(peak_e, width_px):
    return peak_e * np.exp(-((np.hypot(X - 430.0, Y + 100.0) - 450.0) ** 2) / (2.0 * width_px**2))


@pytest.mark.parametrize("width_px", [15.0, 25.0, 40.0])
@pytest.mark.parametrize("peak_e", [1500.0, 6000.0])
def test_arcs_are_followed_and_make_no_noise(rng, width_px, peak_e):
    light = arc(peak_e, width_px)
    noise = np.sqrt(SKY_E + light)
    coarse = prepared(rng, light)
    (made,) = follow_arcs(HandOver([deepcopy(coarse)]), Flatten())
    left, before = (float((one.image_e / noise)[INNER].std()) for one in (made, coarse))
    assert left < 1.0 + 0.35 * (before - 1.0)
    assert np.percentile((noise_at(made, np.s_[:, :]) / noise)[INNER], 95) < 2.0 * left


def test_noise_that_calibration_has_added_stays(rng):
    coarse = prepared(rng, arc(6000.0, 25.0))
    weight = coarse.weight.copy()
    weight[100, 150] = 1.0 / (1.0 / weight[100, 150] + 500.0**2)
    object.__setattr__(coarse, "weight", weight)
    (made,) = follow_arcs(HandOver([deepcopy(coarse)]), Flatten())
    assert (made.image_e != coarse.image_e).any()
    assert noise_at(made, (100, 150)) == pytest.approx(500.0, rel=0.01)
    assert noise_at(made, (100, 151)) < 100.0


@pytest.mark.parametrize(("n_lit", "is_followed"), [(5, True), (3, False), (0, False)])
def test_all_frames_of_a_set_are_levelled_alike(rng, n_lit, is_followed):
    """Light that fades within a set is followed in all of its frames or in none."""
    frames = [prepared(rng, arc(6000.0 if k < n_lit else 0.0, 25.0), k) for k in range(8)]
    made = follow_arcs(HandOver(frames), Flatten())
    assert [one.facts.index for one in made] == list(range(8))
    assert [one is not frame for one, frame in zip(made, frames, strict=True)] == [is_followed] * 8


@pytest.mark.parametrize("what", ["stars", "comet", "streak"])
def test_what_is_no_stray_light_keeps_the_coarse_mesh(rng, what):
    light = np.zeros(SHAPE)
    if what == "stars":
        for u, v, flux in zip(*rng.uniform(0, 320, (2, 700)), rng.pareto(1.0, 700) * 300.0, strict=True):
            light += min(flux, 1e5) / (2.0 * np.pi * 1.2**2) * np.exp(-((X - u) ** 2 + (Y - v) ** 2) / (2.0 * 1.2**2))
    elif what == "comet":
        light += 500.0 * np.exp(-((X - 180.0) ** 2 + (Y - 200.0) ** 2) / (2.0 * 12.0**2))
    else:
        light += 800.0 * np.exp(-((0.6 * (X - 180.0) - 0.8 * (Y - 200.0)) ** 2) / (2.0 * 1.5**2))
    frame = prepared(rng, light)
    assert lit_share(frame, Flatten()) < 0.7 * LIT_SHARE
    (made,) = follow_arcs(HandOver([frame]), Flatten())
    assert made is frame
