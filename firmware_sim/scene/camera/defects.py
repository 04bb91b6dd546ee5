"""What is wrong with more than single pixels: lines, insensitive spots, glow, amplifiers, covered borders."""

import numpy as np

from firmware_sim.scene.settings.detector import Defects

DARKEST = 0.3  # response in the middle of a spot that is not dead


class Flaws:
    """Maps of one detector: ``response`` (ny, nx) multiplies light, ``glow_e_s`` adds to it, ``level_dn`` to what is read."""

    def __init__(self, defects: Defects, shape: tuple[int, int], is_cmos: bool, n_frames: int, rng: np.random.Generator):
        self.defects, self.shape = defects, shape
        self.response = np.ones(shape)
        self.level_dn = np.zeros(shape)
        for axis in (1, 0) if is_cmos else (1,):
            self._lines(axis, rng)
        self.dead = self._spots(rng)
        self.glow_e_s = self._glow(rng)
        self.amplifier = _parts(shape, defects.amplifiers)
        self.level_dn += rng.normal(0.0, defects.amplifier_step_dn, defects.amplifiers)[self.amplifier]
        self.response *= (1.0 + rng.normal(0.0, defects.amplifier_gain, defects.amplifiers))[self.amplifier]
        self.drift_dn = rng.normal(0.0, defects.amplifier_drift_dn, (n_frames, defects.amplifiers))
        if k := defects.covered_px:
            covered = np.ones(shape, bool)
            covered[k:-k, k:-k] = False
            self.response[covered] = 0.0

    @property
    def is_level(self) -> bool:
        """Whether nothing is added to any frame."""
        return not (self.level_dn.any() or self.drift_dn.any())

    def frame_level_dn(self, frame: int) -> np.ndarray:
        """What is added to a frame (ny, nx), over the detector's own level."""
        return np.asarray(self.level_dn + self.drift_dn[frame][self.amplifier])

    def _lines(self, axis: int, rng: np.random.Generator) -> None:
        """Columns (axis 1) or rows whose level is off, from their first pixel or a random one to the end."""
        defects, level = self.defects, self.level_dn if axis == 1 else self.level_dn.T
        length, n_lines = level.shape
        for _ in range(rng.poisson(defects.lines * n_lines / 1000.0)):
            line = int(rng.integers(0, n_lines))
            first = int(rng.integers(0, length)) if rng.random() < defects.line_partial else 0
            dn = float(rng.exponential(defects.line_dn)) * (-1.0 if rng.random() < defects.line_dark else 1.0)
            for k, share in ((line - 1, defects.line_beside), (line, 1.0), (line + 1, defects.line_beside)):
                if 0 <= k < n_lines:
                    level[first:, k] += share * dn

    def _spots(self, rng: np.random.Generator) -> np.ndarray:
        """Spots that see little or nothing; returns the pixels (n, 2) as y, x of those that see nothing."""
        ny, nx = self.shape
        dead = np.zeros(self.shape, bool)
        for _ in range(rng.poisson(self.defects.clusters * ny * nx / 1e6)):
            y, x, radius = rng.uniform(0, ny), rng.uniform(0, nx), float(rng.exponential(self.defects.cluster_px))
            remaining = 0.0 if rng.random() < 0.5 else float(rng.uniform(DARKEST, 1.0))
            rows, columns = np.ogrid[0:ny, 0:nx]
            inside = (rows - y) ** 2 + (columns - x) ** 2 <= radius**2
            self.response[inside] *= remaining
            dead |= inside & (remaining == 0.0)
        return np.argwhere(dead)

    def _glow(self, rng: np.random.Generator) -> np.ndarray:
        ny, nx = self.shape
        y0, x0 = (ny - 1) * int(rng.integers(0, 2)), (nx - 1) * int(rng.integers(0, 2))
        rows, columns = np.ogrid[0:ny, 0:nx]
        return np.asarray(self.defects.glow_e_s * np.exp(-np.hypot(rows - y0, columns - x0) / self.defects.glow_px))


def _parts(shape: tuple[int, int], n: int) -> np.ndarray:
    """Number of the amplifier that reads each pixel."""
    ny, nx = shape
    right, lower = np.arange(nx) >= nx / 2, np.arange(ny) >= ny / 2
    halves = right.astype(int) if n > 1 else np.zeros(nx, int)
    return np.asarray(np.broadcast_to(halves, shape) + (2 * lower[:, None] if n == 4 else np.zeros((ny, 1), int)))
