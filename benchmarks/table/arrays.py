"""Arrays that every way is given: a made-up frame whose truth is known, drawn by none of the tools that are compared."""

from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree

from sensorproc.frames import SensorFacts
from sensorproc.onboard.products import Flattened, FrameFacts

SKY_E, READ_E = 150.0, 6.0
FWHM_PX, BETA = 2.0, 3.5  # of Moffat's profile: wings that no Gaussian template has
STARS_PER_MPIX, HITS_PER_MPIX = 700, 300
FAINTEST_E, BRIGHTEST_E, SLOPE = 150.0, 30_000.0, 1.0  # stars of flux f and more are as many as f^-slope
HIT_E = (400.0, 6000.0)
HALF_PX = 12


@dataclass(frozen=True, eq=False)
class MadeUp:
    """Electrons with the background in them (ny, nx) float32, that background, pixels struck by particles, and the stars
    (m, 3): x, y, flux [e-], brightest first."""

    image_e: np.ndarray
    background_e: np.ndarray
    hits: np.ndarray
    stars: np.ndarray

    @property
    def noise_e(self) -> float:
        return float(np.sqrt(SKY_E + READ_E**2))

    def flattened(self) -> Flattened:
        """The frame less its background, as the chain has it."""
        image = (self.image_e - self.background_e).astype(np.float32)
        facts = FrameFacts(0, 0, 0, 1.0, image.shape, SensorFacts(1.0, READ_E), None, None, True, SKY_E, self.noise_e)
        weight = np.full(image.shape, 1.0 / self.noise_e**2, np.float32)
        return Flattened(facts, image, weight, np.zeros(image.shape, np.uint8), 0.0, np.full((1, 1), self.noise_e, np.float32))


def made_up(side: int, seed: int = 1, shift: tuple[float, float] = (0.0, 0.0), with_hits: bool = True) -> MadeUp:
    """A frame of ``side`` x ``side`` px: a sloping sky, stars, particles and noise; ``shift`` (dx, dy) moves the stars of the
    same ``seed``, not the noise."""
    sky, rng = np.random.default_rng(seed), np.random.default_rng((seed, *(round(1e6 * abs(d)) for d in shift)))
    v, u = np.mgrid[:side, :side] / side
    background = (SKY_E * (1.0 + 0.3 * u - 0.2 * v + 0.1 * np.sin(3.0 * u + 2.0 * v))).astype(np.float32)
    n = round(STARS_PER_MPIX * side * side / 1e6)
    flux = np.sort(FAINTEST_E * (1.0 - sky.random(n) * (1.0 - (FAINTEST_E / BRIGHTEST_E) ** SLOPE)) ** (-1.0 / SLOPE))[::-1]
    x, y = (sky.uniform(0.0, side - 1.0, n) + d for d in shift)
    light = np.zeros((side, side))
    for one in zip(x, y, flux, strict=True):
        _add_star(light, *one)
    image = rng.poisson(background + light) + rng.normal(0.0, READ_E, light.shape)
    hits = np.zeros((side, side), bool)
    if with_hits:
        m = round(HITS_PER_MPIX * side * side / 1e6)
        ys, xs = rng.integers(2, side - 3, m), rng.integers(2, side - 3, m)
        for k in range(3):  # up to three pixels of a slanting track
            lit = rng.random(m) < 0.6**k
            at = ys[lit], xs[lit] + k
            image[at] += rng.uniform(*HIT_E, int(lit.sum()))
            hits[at] = True
    return MadeUp(image.astype(np.float32), background, hits, np.stack([x, y, flux], axis=1))


def _add_star(light: np.ndarray, x: float, y: float, flux: float) -> None:
    ny, nx = light.shape
    ix, iy = round(x), round(y)
    u = np.arange(max(ix - HALF_PX, 0), min(ix + HALF_PX + 1, nx))
    v = np.arange(max(iy - HALF_PX, 0), min(iy + HALF_PX + 1, ny))
    if len(u) and len(v):
        core = FWHM_PX / (2.0 * np.sqrt(2.0 ** (1.0 / BETA) - 1.0))
        r2 = (u[None, :] - x) ** 2 + (v[:, None] - y) ** 2
        profile = (BETA - 1.0) / (np.pi * core**2) * (1.0 + r2 / core**2) ** -BETA
        light[v[0] : v[-1] + 1, u[0] : u[-1] + 1] += flux * profile


def matched(found: np.ndarray, true: np.ndarray, radius_px: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """Which of ``true`` (m, 2) places were found (m,), and the distance [px] of the nearest found place of each of these."""
    if not len(found):
        return np.zeros(len(true), bool), np.empty(0)
    apart, _ = cKDTree(found).query(true, distance_upper_bound=radius_px)
    return np.isfinite(apart), apart[np.isfinite(apart)]
