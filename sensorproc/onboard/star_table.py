"""The stars that the payload may use, and the patterns that find a field by its stars alone."""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np

from sensorproc.onboard.products import freeze


@dataclass(frozen=True, eq=False)
class Patterns:
    """Stars (n, 3) float32, brightest first, quadruples (m, 4) uint32 of them, brightest first, sorted by ``keys`` (m,)
    uint32, for fields of a side [rad]; ``order`` and ``cells`` (n,): the stars by the cells of a coarse grid of the cube,
    ``n_side`` to a side, for cones."""

    field_rad: float
    unit: np.ndarray
    quads: np.ndarray
    keys: np.ndarray
    order: np.ndarray
    cells: np.ndarray
    n_side: int

    @classmethod
    def of(cls, field_rad: float, unit: np.ndarray, quads: np.ndarray, keys: np.ndarray) -> "Patterns":
        """With the grid for cones."""
        n_side = int(np.clip(2.0 / field_rad, 1, 250))
        cell = _cell(unit, n_side)
        order = np.argsort(cell, kind="stable").astype(np.uint32)
        return cls(field_rad, unit, quads, keys, order, cell[order], n_side)

    def cone(self, axis: np.ndarray, radius_rad: float) -> np.ndarray:
        """Directions (k, 3) within an angle of an axis, brightest first."""
        chord = 2.0 * math.sin(min(radius_rad, math.pi) / 2.0)
        corners = ((axis + side * chord + 1.0) / 2.0 * self.n_side for side in (-1, 1))
        low, high = (np.clip(corner.astype(int), 0, self.n_side - 1) for corner in corners)
        i, j = (g.ravel() for g in np.meshgrid(*(np.arange(low[k], high[k] + 1) for k in (0, 1)), indexing="ij"))
        rows = (i * self.n_side + j) * self.n_side
        first = np.searchsorted(self.cells, rows + low[2])
        last = np.searchsorted(self.cells, rows + high[2], side="right")
        taken = [self.order[a:b] for a, b in zip(first.tolist(), last.tolist(), strict=True) if b > a]
        near = self.unit[np.sort(np.concatenate(taken))].astype(float) if taken else np.empty((0, 3))
        return near[((near - axis) ** 2).sum(axis=1) < chord**2]


def _cell(unit: np.ndarray, n_side: int) -> np.ndarray:
    i, j, k = np.clip(((unit.T.astype(float) + 1.0) / 2.0 * n_side).astype(np.int32), 0, n_side - 1)
    return np.asarray((i * n_side + j) * n_side + k, np.int32)


@dataclass(frozen=True, eq=False)
class StarTable:
    """Stars the payload may use: unit vectors (n, 3) float64, ICRS at the epoch of use, magnitudes (n,), brightest first, and
    colours (n,) BP-RP or NaN, where there are any.

    ``around`` (axis (3,), radius [rad], TAI [ns]) gives those of any cone of the sky, where more than these are known;
    ``patterns`` (side of a field [rad]) the indices that find a field by its stars alone, best first.
    """

    unit: np.ndarray
    mag: np.ndarray
    colour_mag: np.ndarray | None = None
    around: Callable[[np.ndarray, float, int], "StarTable"] | None = None
    patterns: Callable[[float], Iterable[Patterns]] | None = None

    def __post_init__(self) -> None:
        freeze(self.unit, self.mag)

    def chosen(self, which: np.ndarray | slice) -> "StarTable":
        """Some of the stars, and nothing of where more are found."""
        colour = self.colour_mag[which] if self.colour_mag is not None else None
        return StarTable(self.unit[which], self.mag[which], colour)
