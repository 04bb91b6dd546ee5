"""What a point leaves beside its Gaussian: measured on stars of another shape, nothing for plain ones."""

import numpy as np
import pytest

from sensorproc.config import Config
from sensorproc.frames import Frame, SensorFacts
from sensorproc.onboard.pipeline import prepare_or_reject
from sensorproc.onboard.registration.register import register
from sensorproc.onboard.stars.sidelobe import sidelobe
from sensorproc.onboard.state import PayloadState
from tests.skies import made

SHAPE, N, FLUX_E = (256, 256), 6, 30000.0
PLAIN = made.Optics(wing=0.0)


def registered(rng, lobe):
    """A stare of 25 stars, each with a part ``lobe`` of its light 3.5 px aside."""
    places = [(30.0 + 48.0 * i + rng.uniform(), 30.0 + 48.0 * j + rng.uniform()) for i in range(5) for j in range(5)]
    sky = sum(
        made.trail(SHAPE, at, at, FLUX_E * share, PLAIN)
        for x, y in places
        for at, share in (((x, y), 1.0 - lobe), ((x + 2.5, y - 2.5), lobe))
    )
    facts, flags = SensorFacts(gain_e_per_dn=1.0, read_noise_e=made.READ_E), np.zeros(SHAPE, np.uint8)
    counts = [np.rint(rng.poisson(sky + made.SKY_E) + rng.normal(0.0, made.READ_E, SHAPE)).clip(0) for _ in range(N)]
    frames = [Frame(k, 0, str(k), c.astype(np.uint16), flags, 10**18 + k * 10**10, 1.0, facts) for k, c in enumerate(counts)]
    placed, rejected = register(
        [prepare_or_reject(f, PayloadState(), Config()) for f in frames], Config().register, None, 2.6, 10.0
    )
    assert not rejected
    return placed


@pytest.mark.parametrize("lobe", [0.0, 0.1, 0.25])
def test_light_beside_a_star_is_measured(rng, lobe):
    placed = registered(rng, lobe)
    assert sidelobe(placed, placed[0].psf_sigma_px) == pytest.approx(lobe / (1.0 - lobe), abs=0.03 + 0.3 * lobe)


def test_without_bright_stars_nothing_is_said(rng):
    placed = registered(rng, 0.2)
    assert sidelobe([p for p in placed[:1]], 0.2 * SHAPE[0]) == 0.0
