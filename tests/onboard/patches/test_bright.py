"""Objects that are no points: saturated or resolved, one tracklet each, flagged, never broken by growth."""

from dataclasses import replace

import numpy as np
import pytest

from sensorproc.config import Config, Patches
from sensorproc.flags import DetectionFlag
from sensorproc.onboard.patches.find import Patch
from sensorproc.onboard.patches.link import bright_objects, link
from sensorproc.onboard.pipeline import prepare_or_reject, process_set
from sensorproc.onboard.pixel_ownership import HandOver
from sensorproc.onboard.residual_set import register_set
from sensorproc.onboard.stage import call
from sensorproc.onboard.state import PayloadState
from tests.skies.approach import case_of, truth
from tests.skies.cases import SIDEREAL, target_path
from tests.skies.frames import frames_of

GROWTH = (1.0, 60.0), (12.0, -2.0)


@pytest.mark.parametrize("step", [0.0, 0.3, 0.45, 0.7, 1.0])
def test_an_approaching_object_keeps_its_one_tracklet(step):
    """From a point of mag 12 to a saturated disc of 60 px: in every frame, flags as in truth, errors within three sigmas."""
    case = case_of(step, 7, *GROWTH)
    processed, _ = process_set(frames_of(case), PayloadState(), None, Config())
    path = target_path(case, case.targets[0])
    assert len(processed.tracklets) == 1
    (tracklet,) = processed.tracklets
    assert len(tracklet.members) == case.n_frames
    saturated, extended = truth(case)
    assert bool(tracklet.flags & DetectionFlag.SATURATED) == saturated
    assert bool(tracklet.flags & DetectionFlag.EXTENDED) == extended
    for m in tracklet.members:
        x, y = path[m.frame_index]
        assert abs(m.x_px - x) < 3.0 * np.sqrt(m.cov_px2[0])
        assert abs(m.y_px - y) < 3.0 * np.sqrt(m.cov_px2[2])


@pytest.fixture(scope="module")
def stare():
    """Registered frames of a stare, among whose stars patches may be put."""
    frames = frames_of(replace(SIDEREAL, targets=(), n_stars=60))
    flattened = [prepare_or_reject(frame, PayloadState(), Config()) for frame in frames]
    return register_set(HandOver(flattened), PayloadState(), Config(), 1.0, call)[0]


def patches_at(frames, way):
    """One saturated patch in each frame, as long as a trail of 8 px, at ``way(t)`` in the registered plane."""
    places = [f.transform.to_detector(*map(np.float64, way(f.t_frames))) for f in frames]
    return [[Patch(float(x), float(y), 6.0, 4.0, 60.0, 1e5, 300.0, 6.0, False)] for x, y in places]


@pytest.mark.parametrize("n_cut", [1, 2, 3])
@pytest.mark.parametrize("jump_px", [3.0, 4.5, 6.0])
def test_a_star_whose_trail_is_cut_in_some_frames_stands_still(stare, n_cut, jump_px):
    end = sorted(f.t_frames for f in stare)[-n_cut]
    assert link(patches_at(stare, lambda t: (120.0 + jump_px * (t >= end), 90.0)), stare) == []


@pytest.mark.parametrize("step", [0.7, 1.0, 4.0])
def test_a_patch_that_goes_on_moves(stare, step):
    (track,) = link(patches_at(stare, lambda t: (120.0 + step * t, 90.0)), stare)
    assert all(track.patches)
    assert track.line.motion[2] == pytest.approx(step, abs=1e-6)


def test_saturated_stars_are_no_objects():
    """They stand still: nothing is taken out of the frames."""
    case = replace(SIDEREAL, targets=(), n_stars=60)
    frames = frames_of(case)
    hot = [replace(f, facts=replace(f.facts, full_well_e=3000.0)) for f in frames]
    flattened = [prepare_or_reject(frame, PayloadState(), Config()) for frame in hot]
    registered, *_ = register_set(HandOver(flattened), PayloadState(), Config(), 1.0, call)
    tracks, kept = bright_objects(registered, Patches())
    assert tracks == []
    assert kept is registered
