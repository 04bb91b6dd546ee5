"""Close pairs on a made-up sky."""

from dataclasses import replace

import numpy as np

from sensorproc.theory import noise_pixels, sampled_sigma
from tests.skies.cases import SIDEREAL, Case, Target

GRID, APART_PX = (4, 3), 80.0

SKY = replace(SIDEREAL, shape=(320, 320), n_frames=16, n_stars=100, star_log_e=(1.2, 4.6), targets=(), n_hot=0, n_hits=4)


def flux_of(rho: float, n_frames: int) -> float:
    """Electrons per frame of a point of SNR ``rho`` over the set, its own photons counted."""
    noise2 = (SKY.sky_e + SKY.read_noise_e**2) * noise_pixels(sampled_sigma(SKY.psf_sigma_px))
    frame2 = rho**2 / n_frames
    return 0.5 * frame2 + float(np.sqrt(0.25 * frame2**2 + frame2 * noise2))


def sky(seed: int, rho: float, apart_px: float, is_pair: bool, contrast: float) -> Case:
    """Twelve pairs or single objects on a grid, away from the edges."""
    rng = np.random.default_rng(seed)
    targets = []
    for i in range(GRID[0]):
        for j in range(GRID[1]):
            speed, angle, turn = rng.uniform(0.6, 2.0), rng.uniform(0.0, 2.0 * np.pi), rng.uniform(0.0, 2.0 * np.pi)
            vx, vy = speed * np.cos(angle), speed * np.sin(angle)
            x = 40.0 + APART_PX * i + rng.uniform(-5, 5) - 7.5 * vx
            y = 60.0 + 1.25 * APART_PX * j + rng.uniform(-5, 5) - 7.5 * vy
            flux = flux_of(rho, SKY.n_frames)
            targets.append(Target(x, y, vx, vy, flux / contrast))
            if is_pair:
                targets.append(Target(x + apart_px * np.cos(turn), y + apart_px * np.sin(turn), vx, vy, flux))
    return replace(SKY, seed=seed, targets=tuple(targets))
