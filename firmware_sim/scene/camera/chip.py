"""One detector with its fixed pattern: response, dark signal and everything wrong with single pixels and columns."""

import math

import numpy as np

from firmware_sim.scene.camera.defects import Flaws
from firmware_sim.scene.settings.detector import Defects, Detector
from firmware_sim.scene.settings.scene import Sensor

BAND_GAP_EV = 1.11  # silicon
BOLTZMANN_EV_K = 8.617333e-5
ZERO_C_K = 273.15
NO_DEFECTS = Defects()


def dark_factor(temperature_c: float, reference_c: float) -> float:
    """Dark current against that at a reference: generation in the depleted silicon, T^1.5 exp(-Eg / 2kT) (Widenhorn
    et al. 2002, Proc. SPIE 4669, 193)."""
    t, t0 = temperature_c + ZERO_C_K, reference_c + ZERO_C_K
    return (t / t0) ** 1.5 * math.exp(-BAND_GAP_EV / (2 * BOLTZMANN_EV_K) * (1 / t - 1 / t0))


class Chip:
    """The same seed gives the same chip. ``calibration`` is what the payload knows of it: (x, y, dark e-/s, kind)."""

    def __init__(self, sensor: Sensor, detector: Detector, n_frames: int, seed: int, defects: Defects = NO_DEFECTS):
        self.sensor, self.detector = sensor, detector
        chip_seed = seed if detector.chip is None else detector.chip
        rng = np.random.default_rng([chip_seed, 2])
        ny, nx = self.shape = sensor.shape_px
        self.flaws = Flaws(defects, self.shape, detector.kind == "cmos", n_frames, np.random.default_rng([chip_seed, 8]))
        self.response = np.maximum(1.0 + rng.normal(0.0, detector.prnu, (ny, nx)), 0.0) * self.flaws.response
        self.columns_dn = rng.normal(0.0, detector.column_noise_dn, nx)
        factor = dark_factor(detector.temperature_c, detector.dark_reference_c)
        self.dark_e_s = np.full((ny, nx), detector.dark_e_s * factor)
        warm_y, warm_x = self._places(detector.warm_fraction, rng)
        np.add.at(self.dark_e_s, (warm_y, warm_x), factor * rng.exponential(max(detector.warm_e_s, 1e-9), len(warm_y)))
        self.hot_y, self.hot_x = self._places(detector.hot_fraction, rng)
        hot_e_s = factor * detector.hot_median_e_s * 10 ** rng.normal(0.0, detector.hot_spread_dex, len(self.hot_y))
        self.dark_e_s[self.hot_y, self.hot_x] += hot_e_s
        known = rng.random(len(hot_e_s)) < detector.hot_known
        error = 1.0 + rng.normal(0.0, detector.hot_error, len(hot_e_s))
        self.calibration = [
            (int(x), int(y), float(dark), "hot")
            for x, y, dark in zip(self.hot_x[known], self.hot_y[known], (hot_e_s * error)[known], strict=True)
        ]
        if detector.hot_known:
            self.calibration += [(x, y, 0.0, "dead") for y, x in self.flaws.dead.tolist()]
        self._telegraph(factor, n_frames, rng, rng if detector.chip is None else np.random.default_rng([seed, 7]))
        self._dead_columns(rng)
        self.dark_e_s[:, : detector.overscan_columns] = 0.0
        self.response[:, : detector.overscan_columns] = 0.0
        self.warmth = self._warmth(n_frames)
        rng = np.random.default_rng([seed, 9])
        self.walk_dn = np.cumsum(rng.normal(0.0, detector.column_drift_dn, (n_frames, nx)), axis=0)
        self.read_noise_e = np.full((ny, nx), sensor.read_noise_e)
        if detector.read_noise_dex:
            self.read_noise_e *= 10.0 ** np.random.default_rng([chip_seed, 10]).normal(0.0, detector.read_noise_dex, (ny, nx))

    def _warmth(self, n_frames: int) -> np.ndarray:
        """Dark current of every frame over that at the middle of the scene: a trend, and a heater's cycle."""
        detector, t_s = self.detector, (np.arange(n_frames) - 0.5 * (n_frames - 1)) * self.sensor.cadence_s
        warmer = detector.warming_k_min * t_s / 60.0 + detector.breathing_k * np.sin(2.0 * np.pi * t_s / detector.breathing_s)
        return np.array([dark_factor(detector.temperature_c + k, detector.temperature_c) for k in warmer])

    def level_dn(self, frame: int) -> np.ndarray:
        """Offsets (ny, nx) or (nx,) of a frame that are the detector's own."""
        columns = self.columns_dn + self.walk_dn[frame]
        return columns if self.flaws.is_level else columns + self.flaws.frame_level_dn(frame)

    def _places(self, fraction: float, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        ny, nx = self.shape
        n = rng.poisson(fraction * ny * nx)
        return rng.integers(0, ny, n), rng.integers(self.detector.overscan_columns, nx, n)

    def _telegraph(self, factor: float, n_frames: int, rng: np.random.Generator, chance: np.random.Generator) -> None:
        """Pixels that jump between two levels: places, height, and whether up in each frame (n_frames, n)."""
        self.rts_y, self.rts_x = self._places(self.detector.rts_fraction, rng)
        self.rts_e_s = factor * self.detector.rts_e_s * 10 ** rng.normal(0.0, 0.3, len(self.rts_y))
        flips = chance.random((n_frames, len(self.rts_y))) < self.detector.rts_flip
        start = chance.random(len(self.rts_y)) < 0.5
        self.rts_is_up = (np.cumsum(flips, axis=0) + start) % 2 == 1

    def _dead_columns(self, rng: np.random.Generator) -> None:
        """Columns that no charge passes beyond a trap; most are in the calibration."""
        ny, nx = self.shape
        for _ in range(rng.poisson(self.detector.bad_columns * nx / 1000.0)):
            x, y = int(rng.integers(self.detector.overscan_columns, nx)), int(rng.integers(0, ny))
            self.response[y:, x] = 0.0
            self.dark_e_s[y:, x] = 0.0
            if rng.random() < self.detector.hot_known:
                self.calibration += [(x, row, 0.0, "dead") for row in range(y, ny)]

    def expected(self, light_e: np.ndarray, frame: int) -> np.ndarray:
        """Mean electrons (ny, nx) of an exposure: light through the uneven response, smear of the transfer, dark signal."""
        exposure_s = self.sensor.exposure_s
        electrons = light_e
        if self.detector.kind == "ccd" and self.detector.transfer_s:  # every row crosses the whole lit column once
            electrons = light_e + light_e.mean(axis=0) * (self.detector.transfer_s / exposure_s)
        warm_s = exposure_s * self.warmth[frame]
        electrons = electrons * self.response + self.dark_e_s * warm_s + self.flaws.glow_e_s * exposure_s
        up = self.rts_is_up[frame]
        electrons[self.rts_y[up], self.rts_x[up]] += self.rts_e_s[up] * warm_s
        return electrons
