"""An object that comes near: from a point to a disc."""

from dataclasses import replace

import numpy as np

from sensorproc.theory import sampled_sigma
from tests.skies.cases import FULL_WELL_E, SIDEREAL, Case, Target, disc, draw

SKY = replace(SIDEREAL, shape=(256, 256), n_frames=6, n_stars=40, targets=(), n_hot=20, n_hits=4)
ZERO_POINT, EXTENDED_RATIO = 21.5, 1.5**0.5


def case_of(step: float, seed: int, diameters: tuple[float, float], mags: tuple[float, float]) -> Case:
    """The set a part ``step`` (0 to 1) of the way: size grows by a constant factor, magnitude by a constant step."""
    diameter = diameters[0] * (diameters[1] / diameters[0]) ** step
    mag = mags[0] + (mags[1] - mags[0]) * step
    flux = 10.0 ** (-0.4 * (mag - ZERO_POINT)) * SKY.exposure_s
    rng = np.random.default_rng(seed)
    vx, vy = rng.uniform(2.0, 4.0), rng.uniform(-2.0, 2.0)
    return replace(SKY, seed=seed, targets=(Target(128.0 - 2.5 * vx, 128.0 - 2.5 * vy, vx, vy, flux, diameter),))


def truth(case: Case) -> tuple[bool, bool]:
    """Whether the object is saturated and extended."""
    target, image = case.targets[0], np.zeros((161, 161))
    fraction = case.exposure_s / case.cadence_s
    for dx, dy, share in disc(target.diameter_px):
        trail = target.vx * fraction, target.vy * fraction
        draw(image, 80.0 + dx, 80.0 + dy, target.flux_e * share, case.psf_sigma_px, trail)
    # a disc's variance on each axis is a sixteenth of its diameter's square
    width = np.hypot(sampled_sigma(case.psf_sigma_px), target.diameter_px / 4.0)
    return bool(image.max() > FULL_WELL_E), bool(width > EXTENDED_RATIO * sampled_sigma(case.psf_sigma_px))
