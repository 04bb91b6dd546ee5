"""Light far from its point: fluxes are of all of it, whatever a pupil's edges have thrown out of every model."""

import numpy as np
import pytest
from scipy.signal import fftconvolve

from sensorproc.config import Config
from sensorproc.frames import Frame, SensorFacts
from sensorproc.onboard import pipeline
from sensorproc.onboard.state import PayloadState
from tests.skies import made

SHAPE, N, OBJECT_E = (256, 256), 8, 12000.0
OPTICS = made.Optics(2.4, 0.0)


def halo(core_px=2.0, reach=60):
    """Light that falls with the cube of the distance, as that of a pupil's edges: beyond r is about ``core_px`` / r of it."""
    y, x = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    image = (x * x + y * y + core_px**2) ** -1.5
    return image / image.sum()


def measured(rng, far, n_stars, star_e=60000.0):
    """Flux over the true one, and its claimed relative sigma, of every sight of four movers among stars (m, 2)."""
    places = [(x, y) for y in range(30, 241, 49) for x in range(30, 241, 49)]
    stars = [places[i] for i in rng.permutation(len(places))[:n_stars]]
    sky = sum((made.trail(SHAPE, at, at, star_e, OPTICS) for at in stars), np.zeros(SHAPE))
    ways = [(80.0 + 60.0 * i, 54.5 + 49.0 * j, 2.0, 0.0) for i in range(2) for j in range(2)]
    lights = [made.mover(*way, OBJECT_E) for way in ways]
    facts, flags = SensorFacts(gain_e_per_dn=1.0, read_noise_e=made.READ_E, bias_dn=made.BIAS_DN), np.zeros(SHAPE, np.uint8)
    frames = []
    for k in range(N):
        light = sky + sum(one(k, SHAPE, OPTICS) for one in lights)
        light = (1.0 - far) * light + far * fftconvolve(light, halo(), "same")
        counts = made.BIAS_DN + rng.poisson(made.SKY_E + light) + rng.normal(0.0, made.READ_E, SHAPE)
        frames.append(Frame(k, 0, str(k), np.rint(counts).astype(np.uint16), flags, 10**18 + k * 10**10, 1.0, facts))
    state = PayloadState(dark_e_s=np.zeros(SHAPE, np.float32))
    done, _ = pipeline.process_set(frames, state, None, Config())
    assert len(done.tracklets) == len(ways)
    return np.array([(m.flux_e, m.sigma_flux_e) for t in done.tracklets for m in t.members]) / OBJECT_E


@pytest.mark.parametrize("far", [0.0, 0.15, 0.3])
def test_fluxes_hold_what_is_far_from_the_point(rng, far):
    """Twenty stars show it to half of what lies beyond their apertures; without that fluxes would lack half of what is far."""
    flux, sigma = measured(rng, far, n_stars=20).T
    assert np.median(flux) == pytest.approx(1.0, abs=0.02 + 0.1 * far)
    assert abs(np.median(flux) - 1.0) < 3.0 * np.median(sigma)


def test_what_no_star_has_shown_is_not_claimed(rng):
    """Without bright stars a flux may lack what is far, and says so."""
    flux, sigma = measured(rng, 0.15, n_stars=20, star_e=1800.0).T
    assert np.median(sigma) > 0.1
    assert abs(np.median(flux) - 1.0) < 3.0 * np.median(sigma)
