"""Errors of faint tracks: as large as they say, which the curvature at the best place alone does not tell."""

from dataclasses import replace

import numpy as np
import pytest

from sensorproc.onboard.kernels.track_fit import subtract_trail
from sensorproc.onboard.products import Candidate
from sensorproc.onboard.search.accept import fit
from sensorproc.onboard.search.track import as_likely
from sensorproc.onboard.state import PayloadState
from tests.skies.cases import SIDEREAL
from tests.skies.frames import made_up_frames
from tests.skies.stages import stages_of

MIDDLE, RATE = 80.0, np.array([1.2, -0.7])
N_TRIALS = 250


@pytest.fixture(scope="module")
def stack():
    """Twelve frames of a stare under a dark map, whose pixels are replaced by noise of one electron."""
    frames = made_up_frames(160, 12, replace(SIDEREAL, targets=(), n_stars=10, n_hits=0))
    dark = np.zeros((160, 160), np.float32)  # no pattern is solved that would have been taken out of these pixels
    stack = stages_of(frames, PayloadState(dark_e_s=dark)).results["stack"]
    return replace(stack, weight=np.ones_like(stack.weight))


def pulls(stack, rng, snr):
    """Squared pulls of place and rate (m, 2) over their claims, by the fit's own covariance and by the likelihood's."""
    flux = 1.2 * snr * np.sqrt(4.0 * np.pi) * stack.psf_sigma_px / np.sqrt(len(stack.times))  # trailed by 1.2 sigmas
    trails, plain, likely = stack.trails(*RATE), [], []
    for _ in range(N_TRIALS):
        image = rng.normal(size=stack.image_e.shape).astype(np.float32)
        for k, t in enumerate(stack.times):
            x, y = stack.registrations[k].transform.to_detector(*(MIDDLE + RATE * t))
            subtract_trail(image[k], float(x), float(y), -flux, *trails[k].tolist(), stack.psf_sigma_px, 8.0)
        start = rng.normal(0.0, 0.4, 2), rng.normal(0.0, 0.08, 2)
        track = fit(stack, image, Candidate(*(MIDDLE + start[0]), *(RATE + start[1]), snr, "test"), 2.0)
        c = track.candidate
        off = np.array([c.x_px - MIDDLE, c.y_px - MIDDLE, c.vx_px_frame - RATE[0], c.vy_px_frame - RATE[1]])
        for found, cov in ((plain, track.cov), (likely, as_likely(stack, image, track).cov)):
            pull2 = off**2 / np.diag(cov)
            found.append((pull2[:2].mean(), pull2[2:].mean()))
    return np.array(plain), np.array(likely)


@pytest.mark.parametrize("snr", [7.0, 10.0])
def test_errors_near_the_threshold_are_as_likely_as_they_say(stack, rng, snr):
    """Means of 500 squared pulls, one to 0.06 if they were normal; those of the fit alone are 1.5 at an SNR of 7."""
    plain, likely = pulls(stack, rng, snr)
    assert likely.mean(axis=0) == pytest.approx(1.0, abs=0.3)
    assert likely.mean() < plain.mean()


def test_bright_tracks_are_left_as_they_are(stack, rng):
    plain, likely = pulls(stack, rng, 30.0)
    assert (plain == likely).all()
