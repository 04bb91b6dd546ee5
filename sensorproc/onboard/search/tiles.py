"""Tiles of a box of velocities: few enough of them that one trail serves all, drawn as a row of points."""

from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise, product

import numpy as np

from sensorproc.onboard.search.velocity_boxes import Box
from sensorproc.onboard.stack import Stack

TILE_SIGMAS = 2.0  # A trail that differs by so many PSF sigmas from its tile's along both axes loses 0.15 dB.
MOST_POINTS = 10_000  # Velocities on an axis of a box: a box of points is one tile.


@dataclass(frozen=True, eq=False)
class Tile:
    """Velocities of a box that one trail serves: grids less the box's middle [px/frame], and which of them are ``wanted``."""

    stack: Stack
    box: Box
    grid_x: np.ndarray
    grid_y: np.ndarray
    wanted: np.ndarray

    @property
    def offset(self) -> np.ndarray:
        """Velocity (2,) of its middle, less the box's [px/frame]."""
        return 0.5 * np.array([g[0] + g[-1] for g in (self.grid_x, self.grid_y)])

    @property
    def middle(self) -> np.ndarray:
        """Velocity (2,) in the middle [px/frame]."""
        return self.box.middle + self.offset

    @cached_property
    def way(self) -> np.ndarray:
        """Where its middle is in every frame (n, 2), less where the box's is [half-pixels]."""
        return np.rint(2.0 * self.stack.times[:, None] * self.offset).astype(np.int64)

    @cached_property
    def shifts(self) -> tuple[np.ndarray, np.ndarray]:
        """Where its velocities are in every frame, less where its middle is: (n_vx, n) and (n_vy, n) [half-pixels]."""
        grids, t = (self.grid_x, self.grid_y), self.stack.times
        across, down = (np.rint(2.0 * g[:, None] * t).astype(np.int64) - self.way[:, i] for i, g in enumerate(grids))
        return across, down

    @property
    def reach(self) -> int:
        """Pixels that its velocities go beyond its middle's at most."""
        return int(max(np.abs(shift).max() for shift in self.shifts)) // 2 + 1

    @cached_property
    def trail(self) -> tuple[np.ndarray, np.ndarray]:
        """The trail of its middle as a row of points: their places (n, m, 2) about the trail's own [half-pixels], and what makes
        their sum one of unit noise (n,)."""
        trails, s = self.stack.trails(*self.middle), self.stack.psf_sigma_px
        m = max(1, int(np.ceil(trails[:, 0].max() / s)))
        # as wide as the trail: m points of distance d have the variance d^2 (m^2 - 1) / 12
        places = (np.arange(m) - 0.5 * (m - 1)) / np.sqrt(max(m * m - 1.0, 1.0))
        x, y = (trails[:, :1] * trails[:, i, None] * places for i in (1, 2))
        matrices = np.array([r.transform.inverse for r in self.stack.registrations])[:, :2, :2, None]
        (a, b), (c, d) = np.moveaxis(matrices, (1, 2), (0, 1))
        turned = np.stack([d * x - b * y, a * y - c * x], axis=-1) / (a * d - b * c)[..., None]
        taps = np.rint(2.0 * turned).astype(np.int64)
        apart2 = ((0.5 * (taps[:, :, None] - taps[:, None])) ** 2).sum(axis=-1)
        scale = 1.0 / np.sqrt(np.exp(-apart2 / (4.0 * s * s)).sum(axis=(1, 2)))  # as filtered noise is correlated
        return taps, scale.astype(np.float32)

    @property
    def margin(self) -> int:
        """Pixels around the image that its sums look at."""
        taps, _ = self.trail
        return self.reach + (int(np.abs(self.way).max()) + int(np.abs(taps).max())) // 2 + 2


def _tile_points(stack: Stack, step: float) -> int:
    """Velocities on an axis that one trail serves: those of more would lose too much in that of their middle."""
    reach = TILE_SIGMAS * stack.psf_sigma_px / max(stack.exposure_fraction, 1e-9)
    return int(min(2.0 * reach / step, MOST_POINTS)) + 1


def tiles(stack: Stack, box: Box, step: float) -> list[Tile]:
    """A box's velocities, ``step`` apart [px/frame], in tiles."""
    grid_x, grid_y = box.grid(step)
    wanted, side = box.wanted(stack, step), _tile_points(stack, step)
    parts = product(_parts(len(grid_y), side), _parts(len(grid_x), side))
    return [Tile(stack, box, grid_x[x], grid_y[y], wanted[y, x]) for y, x in parts if wanted[y, x].any()]


def _parts(n: int, most: int) -> list[slice]:
    """``n`` points in slices of nearly the same number, at most ``most`` each."""
    edges = np.linspace(0, n, -(-n // most) + 1).round().astype(int)
    return [slice(a, b) for a, b in pairwise(edges)]
