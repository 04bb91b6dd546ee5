"""A crowd on one line of the detector is one artefact, told with its place; a set has no more tracks than it can have."""

import math

import numpy as np
import pytest

from sensorproc.config import parse
from sensorproc.onboard.products import Candidate
from sensorproc.onboard.search.artefacts import without_artefacts
from sensorproc.onboard.search.track import Track
from tests.skies import made
from tests.test_strangers import processed

ACCEPT = parse({}).accept


def track(x, y, vx, vy, snr=10.0, n=8):
    """A fitted track that is at (x, y) in the middle of the set."""
    t = np.arange(n) - 0.5 * (n - 1)
    path = np.stack([x + vx * t, y + vy * t], axis=1)
    ones, trails = np.ones(n), np.tile([0.0, 1.0, 0.0], (n, 1))
    return Track(Candidate.at(np.array([x, y]), np.array([vx, vy]), snr, "detector"), 1.0, ones, ones, np.eye(4), path, trails)


def test_a_crowd_on_a_column_becomes_one_event_and_its_neighbours_stay(tmp_path):
    rng = np.random.default_rng(7)
    places = 20.0 + np.cumsum(rng.uniform(24.0, 36.0, 12))
    crowd = [made.mover(120.0 - 3.5 * 1.6, y, 1.6, 0.0, 1500.0) for y in places]
    other = made.mover(40.0, 60.0, 1.0, 2.2, 1500.0)
    tracklets, _, _, _, events = processed(tmp_path, made.frames(rng, [*crowd, other], shape=(420, 200)))
    (told,) = [event for event in events if event["event"] == "ARTEFACT"]
    assert math.hypot(told["value_1"] - 120.0, told["value_2"] - np.median(places)) < 20.0
    (one,) = tracklets
    assert math.hypot(one["vx_px_frame"] - 1.0, one["vy_px_frame"] - 2.2) < 0.1


@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize("seed", range(5))
def test_a_line_is_told_from_a_cloud(axis, seed):
    rng = np.random.default_rng(seed)
    cloud = [track(*rng.uniform(0.0, 1000.0, 2), 1.5, 0.5) for _ in range(40)]  # a cluster of satellites goes one way, too
    along = rng.uniform(0.0, 1000.0, 15)
    across = 500.0 + rng.uniform(-1.0, 1.0, 15)
    line = [track(*((c, a) if axis == 0 else (a, c)), -2.0, 3.0) for a, c in zip(along, across, strict=True)]
    left, artefacts = without_artefacts([*cloud, *line], ACCEPT)
    assert left == cloud
    (one,) = artefacts
    assert (one.reason, one.n) == ("ARTEFACT", 15)
    assert abs((one.x_px, one.y_px)[axis] - 500.0) < 1.0


def test_tracks_on_one_line_that_go_their_own_ways_are_objects():
    rng = np.random.default_rng(3)
    tracks = [track(500.0, 30.0 * k, *rng.uniform(-4.0, 4.0, 2)) for k in range(20)]
    assert without_artefacts(tracks, ACCEPT) == (tracks, ())


def test_of_too_many_the_strongest_stay_and_the_others_are_told():
    rng = np.random.default_rng(4)
    tracks = [track(*rng.uniform(0.0, 4000.0, 2), *rng.uniform(-4.0, 4.0, 2), snr=300.0 - k) for k in range(130)]
    left, (told,) = without_artefacts(tracks, ACCEPT)
    assert left == tracks[: ACCEPT.max_tracks]
    assert (told.reason, told.n) == ("TOO_MANY_TRACKS", 130 - ACCEPT.max_tracks)


@pytest.mark.parametrize("apart", [6.5, 8.0, 10.0])
def test_a_row_of_points_is_no_streak(tmp_path, apart):
    rng = np.random.default_rng(round(10 * apart))
    step = apart * made.Optics().fwhm_px
    places = np.arange(14.0, 200.0, step) + rng.uniform(-1.0, 1.0, len(np.arange(14.0, 200.0, step)))
    lights = [made.mover(120.0 - 3.5 * 1.6, y, 1.6, 0.0, float(rng.uniform(1500.0, 5000.0))) for y in places]
    _, streaks, *_ = processed(tmp_path, made.frames(rng, lights, shape=(220, 220)))
    assert len(streaks) == 0
