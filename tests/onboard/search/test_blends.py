"""Close pairs: told apart where the likelihood can, single objects left whole, errors those of a joint fit."""

from dataclasses import replace

import numpy as np
import pytest

from sensorproc.config import Config
from sensorproc.flags import DetectionFlag
from sensorproc.onboard.pipeline import process_set
from sensorproc.onboard.search.blends import overlap
from sensorproc.onboard.state import PayloadState
from tests.oracles import slow
from tests.skies.cases import Crossing, Target, target_path
from tests.skies.frames import frames_of
from tests.skies.pairs import SKY, flux_of

CLOSE = flux_of(40.0, SKY.n_frames)
PAIR = Target(60.0, 80.0, 1.1, 0.6, CLOSE), Target(61.1, 81.1, 1.1, 0.6, CLOSE)  # 1.56 px apart, 1.7 of the PSF's sigma
FAINT = flux_of(12.0, SKY.n_frames)
CONTRAST = Target(200.0, 60.0, -0.9, 1.2, 20.0 * FAINT), Target(204.0, 60.0, -0.9, 1.2, FAINT)
FLY_BY = Target(60.0, 230.0, 0.8, -0.9, CLOSE), Target(66.0, 227.0, 0.0, -0.9, CLOSE)  # closest 3 px in mid-set
ALONE = Target(220.0, 230.0, -1.5, -0.4, 4.0 * CLOSE)


@pytest.fixture(scope="module")
def sky():
    """A stare with a close pair, a pair of unlike members, a fly-by and a bright single object, and its tracklets."""
    case = replace(SKY, targets=(*PAIR, *CONTRAST, *FLY_BY, ALONE))
    processed, _ = process_set(frames_of(case), PayloadState(), None, Config())
    return case, processed.tracklets


def errors(case, tracklet, target):
    """Rows (n, 2) of a tracklet's errors about a target [px]."""
    path = target_path(case, target)
    return np.array([(m.x_px, m.y_px) - path[m.frame_index] for m in tracklet.members])


def nearest(case, tracklets, target):
    return min(tracklets, key=lambda t: np.hypot(*errors(case, t, target).T).mean())


@pytest.mark.parametrize("group", [PAIR, CONTRAST, FLY_BY], ids=["close", "unlike", "fly-by"])
def test_members_are_told_apart(sky, group):
    """Each has its own tracklet at its own place, within four of its claimed sigmas on average; flagged as a blend."""
    case, tracklets = sky
    found = [nearest(case, tracklets, target) for target in group]
    assert found[0] is not found[1]
    for target, tracklet in zip(group, found, strict=True):
        pull2 = errors(case, tracklet, target) ** 2 / [(m.cov_px2[0], m.cov_px2[2]) for m in tracklet.members]
        assert pull2.mean() < 4.0
        assert np.hypot(*errors(case, tracklet, target).T).mean() < 0.5
        sigma = tracklet.members[0].sigma_flux_e / np.sqrt(len(tracklet.members))
        # of slow ones what stands still takes a part
        assert np.mean([m.flux_e for m in tracklet.members]) == pytest.approx(target.flux_e, rel=0.2, abs=5 * sigma)


def test_members_are_flagged(sky):
    case, tracklets = sky
    assert all(nearest(case, tracklets, target).flags & DetectionFlag.BLEND for target in PAIR)


def test_a_single_object_stays_one(sky):
    case, tracklets = sky
    near = [t for t in tracklets if np.hypot(*errors(case, t, ALONE).T).mean() < 8.0]
    assert len(near) == 1
    assert not near[0].flags & (DetectionFlag.BLEND | DetectionFlag.ELONGATED)


def test_nothing_else_is_found(sky):
    case, tracklets = sky
    assert len(tracklets) == len(case.targets)


@pytest.mark.parametrize(("length", "angle"), [(0.0, 0.0), (3.0, 0.7), (9.0, -1.1)])
@pytest.mark.parametrize("apart", [(0.0, 0.0), (1.0, 0.5), (-2.0, 2.5)])
def test_the_overlap_of_two_trails_is_that_of_their_images(length, angle, apart):
    """Against sums over drawn images, well sampled."""
    s, shape = 1.6, (61, 61)
    one = slow.trail(30.0, 30.0, length, angle, s, shape)
    other = slow.trail(30.0 + apart[0], 30.0 + apart[1], length, angle, s, shape)
    trail = np.array([length, np.cos(angle), np.sin(angle)])
    assert overlap(np.array(apart), trail, s).item() == pytest.approx((one * other).sum() / (one * one).sum(), abs=2e-3)


def test_a_flash_beside_a_faint_object_is_no_second_one():
    """A point of light in one frame, three pixels off the path, fits as a companion better than nothing does; no other frame
    carries it."""
    faint = replace(ALONE, flux_e=flux_of(16.0, SKY.n_frames))
    x, y = target_path(replace(SKY, targets=(faint,)), faint)[11]
    flash = Crossing(11, x + 3.3, y + 3.5, 0.0, 0.0, 2000.0)
    case = replace(SKY, targets=(faint,), crossings=(flash,), n_hits=0)
    processed, _ = process_set(frames_of(case), PayloadState(), None, Config())
    assert len(processed.tracklets) == 1
    assert processed.tracklets[0].snr == pytest.approx(16.0, abs=3.0)
