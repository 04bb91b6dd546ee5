"""Objects that do not move straight are told; straight ones are not."""

import numpy as np

from sensorproc.onboard.search.tracklet import Place, is_curved

SIGMA_PX = 0.1
TIMES = np.arange(16) - 7.5


def places(rng, acceleration, sigma_px=SIGMA_PX):
    """Places about a straight path at the origin, bent by half the acceleration [px/frame^2] times t^2 in x."""
    noise = rng.normal(0.0, sigma_px, (16, 2))
    bent = 0.5 * acceleration * (TIMES**2 - (TIMES**2).mean())
    return [Place(n[0] + b, n[1], SIGMA_PX**2 * np.eye(2), 1.0, 1.0, True) for n, b in zip(noise, bent, strict=True)]


def test_an_acceleration_of_ten_sigmas_is_told(rng):
    """Its error by least squares is sigma over the norm of t^2 less its mean, times two."""
    sigma = 2.0 * SIGMA_PX / np.sqrt(((TIMES**2 - (TIMES**2).mean()) ** 2).sum())
    assert all(is_curved(places(rng, 10.0 * sigma), np.zeros((16, 2)), TIMES) for _ in range(50))


def test_noise_is_no_acceleration(rng):
    """Nor is scatter three times what is claimed."""
    assert not any(is_curved(places(rng, 0.0), np.zeros((16, 2)), TIMES) for _ in range(300))
    assert not any(is_curved(places(rng, 0.0, 3.0 * SIGMA_PX), np.zeros((16, 2)), TIMES) for _ in range(300))


def test_few_frames_tell_nothing(rng):
    few = [p if k < 5 else Place(p.x_px, p.y_px, p.cov, 1.0, 1.0, False) for k, p in enumerate(places(rng, 1.0))]
    assert not is_curved(few, np.zeros((16, 2)), TIMES)
