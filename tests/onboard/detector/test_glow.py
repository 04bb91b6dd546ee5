"""Light wider than objects is levelled, each frame's own, and takes nothing of the objects in it."""

import numpy as np
import pytest

from sensorproc.onboard.detector.glow import level_glow
from tests.skies.residuals import lit

SHAPE = 160, 160
Y, X = np.mgrid[: SHAPE[0], : SHAPE[1]]


def _ring(radius_px, width_px):
    return np.exp(-((np.hypot(X - 80.0, Y - 80.0) - radius_px) ** 2) / (2.0 * width_px**2))


def _point(x, y, s):
    return np.exp(-((X - x) ** 2 + (Y - y) ** 2) / (2.0 * s * s))


def test_a_fading_ring_is_levelled_and_an_object_beside_it_is_not(residuals, rng):
    s, ring = 1.1, _ring(45.0, 6.0)
    point = _point(80.0, 80.0, s)
    levelled = level_glow(lit(residuals, rng, lambda k: 3.0 * 0.8**k * ring + 20.0 * point, s), [])
    on_ring = np.array([float(r.image_e[ring > 0.9].mean()) for r in levelled])
    assert np.abs(on_ring).max() < 1.2  # of 3.0 in the first frame: the rest of it is too narrow to be told from objects
    flux = [float((r.image_e * point).sum() / (point**2).sum()) for r in levelled]
    assert np.mean(flux) == pytest.approx(20.0, rel=0.03)


@pytest.mark.parametrize("s", [0.6, 1.1, 2.1, 3.0])
@pytest.mark.parametrize("speed", [0.0, 3.0])
@pytest.mark.parametrize(("peak", "glow"), [(None, 1.0), (20.0, 1.0), (100.0, 0.0)])
def test_objects_on_glow_keep_their_light(residuals, rng, s, speed, peak, glow):
    """A plain mean of the surroundings would take 3 to 40 % of faint ones, by the PSF's width."""
    peak = peak or 3.0 / s  # too faint for one frame
    rows = np.arange(20.0, 150.0, 20.0)

    def points(k):
        return [_point(30.0 + speed * k + 50.0 * (i % 2), y, s) for i, y in enumerate(rows)]

    wide = glow * np.exp(-((X - 60.0) ** 2) / (2.0 * 30.0**2))
    levelled = level_glow(lit(residuals, rng, lambda k: wide + peak * sum(points(k)), s), [])
    flux = [(r.image_e * p).sum() / (p**2).sum() / peak for k, r in enumerate(levelled) for p in points(k)]
    sigma = 1.0 / (peak * np.sqrt(len(flux) * np.pi) * s)
    assert np.mean(flux) == pytest.approx(1.0, abs=4.0 * sigma + (0.05 if s < 3.0 else 0.08))
    beside = np.stack([r.image_e * (sum(points(k)) < 1e-3) for k, r in enumerate(levelled)])[:, :, 40:80]
    assert beside.mean() == pytest.approx(0.0, abs=0.2)
