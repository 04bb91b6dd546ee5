"""Fast objects: a streak in every frame, one tracklet of them all, places at mid-exposure, also where an end is cut off."""

from dataclasses import replace

import numpy as np
import pytest

from sensorproc.config import Config
from sensorproc.flags import DetectionFlag
from sensorproc.onboard.pipeline import process_set
from sensorproc.onboard.state import PayloadState
from tests.skies.cases import BODY_FIXED, SIDEREAL, Crossing, Target, target_path
from tests.skies.frames import frames_of

ACROSS = Target(-180.0, 230.0, 105.0, -31.0, 9000.0)
STARE = replace(SIDEREAL, shape=(256, 320), n_stars=40, n_hot=0, targets=(ACROSS,))
FIXED = replace(BODY_FIXED, shape=(256, 320), targets=(replace(ACROSS, vx=98.0, vy=-24.0),))


def of_target(case, processed):
    """Tracklets and streaks of the one target: those whose line passes within 6 px of it in their frames."""
    path = target_path(case, case.targets[0])
    tracklets = [
        t for t in processed.tracklets if np.mean([np.hypot(*((m.x_px, m.y_px) - path[m.frame_index])) for m in t.members]) < 6.0
    ]
    streaks = [m for m in processed.streaks if np.hypot(*((m.x_px, m.y_px) - path[m.frame_index])) < 0.5 * m.length_px + 6.0]
    return tracklets, streaks


@pytest.mark.parametrize("case", [STARE, FIXED], ids=["stare", "body-fixed"])
def test_a_fast_object_is_one_tracklet(case):
    """Every frame in which it lies, once; places within four claimed sigmas, the rate within four of its own."""
    processed, _ = process_set(frames_of(case), PayloadState(), None, Config())
    tracklets, streaks = of_target(case, processed)
    (target,), path = case.targets, target_path(case, case.targets[0])
    assert len(tracklets) == 1
    assert streaks == []
    (tracklet,) = tracklets
    inside = ((path > 0) & (path < np.array(case.shape[::-1]) - 1)).all(axis=1)
    assert {m.frame_index for m in tracklet.members} >= set(np.flatnonzero(inside).tolist())
    for m in tracklet.members:
        gap = np.array([m.x_px, m.y_px]) - path[m.frame_index]
        (xx, xy, yy) = m.cov_px2
        assert (yy * gap[0] ** 2 - 2.0 * xy * gap[0] * gap[1] + xx * gap[1] ** 2) / (xx * yy - xy**2) < 20.0
        assert m.flags & DetectionFlag.STREAK
        assert not m.flags & DetectionFlag.SINGLE_FRAME
    own = np.array([target.vx, target.vy]) - case.star_rate
    rate = np.array([tracklet.vx_px_frame, tracklet.vy_px_frame])
    assert (np.abs(rate - own) < 4.0 * np.sqrt(np.diag(tracklet.cov)[2:]) + 0.02).all()


def test_streaks_that_do_not_fit_stay_alone():
    """Two objects crossing in different frames, as long as each other, in other directions."""
    crossings = Crossing(2, 100.0, 120.0, 60.0, 0.5, 7000.0), Crossing(5, 200.0, 90.0, 60.0, 1.9, 7000.0)
    case = replace(STARE, targets=(), crossings=crossings)
    processed, _ = process_set(frames_of(case), PayloadState(), None, Config())
    assert len(processed.streaks) == 2
    assert all(m.flags & DetectionFlag.SINGLE_FRAME for m in processed.streaks)
    assert not any(t.origin == "streaks" for t in processed.tracklets)
