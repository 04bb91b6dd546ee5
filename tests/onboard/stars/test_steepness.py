"""How steeply a filter's answer falls beside a point, and the errors of place and rate that follow."""

import numpy as np
import pytest

from sensorproc.config import Config
from sensorproc.frames import Frame, SensorFacts
from sensorproc.onboard import pipeline
from sensorproc.onboard.stars.steepness import steepness
from sensorproc.onboard.state import PayloadState
from tests.skies import made
from tests.skies.stages import stages_of

SHAPE, N = (200, 200), 8
WING_RATIO = 2.5  # of the skies' optics


def processed(rng, optics, lights=()):
    """Registered frames of a stare without dark charge, and what comes of it."""
    facts = SensorFacts(gain_e_per_dn=1.0, read_noise_e=made.READ_E, bias_dn=made.BIAS_DN)
    images = made.frames(rng, lights, n=N, shape=SHAPE, n_stars=25, optics=optics, faintest=8000.0)
    counts = [np.rint(image).clip(0, 65535).astype(np.uint16) for image in images]
    frames = [
        Frame(k, 0, str(k), one, np.zeros(SHAPE, np.uint8), 10**18 + k * 10**10, 1.0, facts) for k, one in enumerate(counts)
    ]
    state = PayloadState(dark_e_s=np.zeros(SHAPE, np.float32))
    done, _ = pipeline.process_set(frames, state, None, Config())
    return stages_of(frames, state).results["register"][0], done


@pytest.mark.parametrize("fwhm_px", [2.0, 3.2])
@pytest.mark.parametrize("wing", [0.0, 0.3, 0.5])
def test_a_wing_makes_the_answer_flatter(rng, fwhm_px, wing):
    """The curvature of the answer to two Gaussians, in closed form: each adds its share over the fourth power of its width.

    Taken a half sigma beside the place the fall is a little less than its curvature tells.
    """
    frames, _ = processed(rng, made.Optics(fwhm_px, wing))
    s2 = (fwhm_px / made.FWHM_PER_SIGMA) ** 2 + 1.0 / 12.0
    wide2 = (WING_RATIO * fwhm_px / made.FWHM_PER_SIGMA) ** 2 + 1.0 / 12.0
    answer = (1.0 - wing) / (2.0 * s2) + wing / (s2 + wide2)
    curvature = (1.0 - wing) / (2.0 * s2) ** 2 + wing / (s2 + wide2) ** 2
    assert steepness(frames, float(np.sqrt(s2))) == pytest.approx(curvature / answer * 2.0 * s2, abs=0.05)


@pytest.mark.parametrize("wing", [0.0, 0.5])
def test_rates_are_as_wrong_as_they_say(wing):
    """Sixty-four objects of set SNR 15 to 24: the mean of 128 squared pulls is one to 0.125. Without it a wing makes them 1.4."""
    pulls = []
    for seed in range(4):
        rng = np.random.default_rng(seed)
        angles = rng.uniform(0.0, 2.0 * np.pi, 16)
        places = np.mgrid[40:161:40, 40:161:40].T.reshape(-1, 2)
        ways = [(x, y, 2.0 * np.cos(a), 2.0 * np.sin(a)) for (x, y), a in zip(places, angles, strict=True)]
        lights = [made.mover(x - 3.5 * vx, y - 3.5 * vy, vx, vy, 500.0) for x, y, vx, vy in ways]
        _, done = processed(rng, made.Optics(2.4, wing), lights)
        for x, y, vx, vy in ways:
            for t in done.tracklets:
                gap = (
                    np.hypot(t.members[4].x_px - x - 0.5 * vx, t.members[4].y_px - y - 0.5 * vy)
                    if len(t.members) == N
                    else np.inf
                )
                if gap < 3.0:
                    pulls += [(t.vx_px_frame - vx) / np.sqrt(t.cov[2, 2]), (t.vy_px_frame - vy) / np.sqrt(t.cov[3, 3])]
    assert len(pulls) > 100
    assert np.mean(np.square(pulls)) == pytest.approx(1.0, abs=0.3)
