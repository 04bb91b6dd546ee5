"""Silicon and electronics: from expected electrons to numbers, with everything that goes wrong on the way."""

import math

import numpy as np

from firmware_sim.scene.settings import Detector, Radiation, Sensor

MAX_PATH_UM = 2000.0


class Chip:
    """One detector with its fixed pattern. The same seed gives the same chip."""

    def __init__(self, sensor: Sensor, detector: Detector, radiation: Radiation, seed: int):
        self.sensor, self.detector, self.radiation, self.seed = sensor, detector, radiation, seed
        rng = np.random.default_rng([seed, 2])
        ny, nx = sensor.shape_px
        self.response = 1.0 + rng.normal(0.0, detector.prnu, (ny, nx))
        self.columns_dn = rng.normal(0.0, detector.column_noise_dn, nx)
        n_hot = rng.poisson(detector.hot_fraction * ny * nx)
        self.hot_y, self.hot_x = rng.integers(0, ny, n_hot), rng.integers(0, nx, n_hot)
        self.hot_e_s = detector.hot_median_e_s * 10 ** rng.normal(0.0, detector.hot_spread_dex, n_hot)
        self.dark_e_s = np.full((ny, nx), detector.dark_e_s)
        self.dark_e_s[self.hot_y, self.hot_x] += self.hot_e_s
        known = rng.random(n_hot) < detector.hot_known
        error = 1.0 + rng.normal(0.0, detector.hot_error, n_hot)
        self.calibration = list(zip(self.hot_x[known], self.hot_y[known], (self.hot_e_s * error)[known], strict=True))

    def expected(self, light_e: np.ndarray) -> np.ndarray:
        """Mean electrons (ny, nx) of an exposure: light through the uneven response, and dark signal."""
        return light_e * self.response + self.dark_e_s * self.sensor.exposure_s

    def read(self, expected_e: np.ndarray, frame: int) -> tuple[np.ndarray, int]:
        """Numbers (ny, nx) uint16 of one frame, and how many particles hit it."""
        rng = np.random.default_rng([self.seed, 3, frame])
        electrons = rng.poisson(np.minimum(expected_e, 1e8)).astype(np.float64)
        n_hits = int(rng.poisson(self.radiation.hits_per_frame))
        for _ in range(n_hits):
            particle(electrons, self.radiation, rng)
        np.minimum(electrons, self.sensor.full_well_e, out=electrons)
        electrons += rng.normal(0.0, self.sensor.read_noise_e, electrons.shape)
        level = self.sensor.bias_dn + rng.normal(0.0, self.detector.bias_drift_dn)
        return np.clip(np.rint(electrons / self.sensor.gain_e_per_dn + level + self.columns_dn), 0, 65535).astype(
            np.uint16
        ), n_hits


def particle(electrons: np.ndarray, radiation: Radiation, rng: np.random.Generator) -> None:
    """One charged particle in place: an isotropic straight path through the slab, its charge shared along it.

    Flux through a plane from all sides goes with the cosine of the angle to its normal.
    """
    ny, nx = electrons.shape
    cosine = math.sqrt(max(rng.random(), 1e-6))
    path_um = min(radiation.thickness_um / cosine, MAX_PATH_UM)
    length_px = path_um * math.sqrt(1 - cosine**2) / radiation.pitch_um
    turn = rng.uniform(0, 2 * np.pi)
    x0, y0 = rng.uniform(-0.5, nx - 0.5), rng.uniform(-0.5, ny - 0.5)
    n = max(1, math.ceil(length_px / 0.1))
    charge = radiation.charge_e_per_um * 10 ** rng.normal(0.0, radiation.charge_spread_dex) * path_um
    steps = (np.arange(n) + 0.5) / n * length_px
    x, y = np.rint(x0 + steps * math.cos(turn)).astype(int), np.rint(y0 + steps * math.sin(turn)).astype(int)
    inside = (x >= 0) & (x < nx) & (y >= 0) & (y < ny)
    shares = rng.gamma(2.0, 1.0, n)  # straggling: deposits are lumpy
    np.add.at(electrons, (y[inside], x[inside]), (charge * shares / shares.sum())[inside])
