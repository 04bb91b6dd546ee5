"""Maps of a whole frame that are as smooth as the mesh they come from, and need no more memory until they are looked at."""

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np

from sensorproc.onboard.kernels.separable import mix_rows, subtract_mixed

CUBIC = -0.75  # Slope of the cubic kernel one cell off (Keys 1981): as OpenCV has it, which does the rows.
FEW_CELLS = 4  # Fewer either way are joined by straight lines.


@dataclass(frozen=True, eq=False)
class SmoothMap:
    """``rows`` (m, nx) float32 of the mesh's cells, drawn out along x, and of which four, ``which`` (ny, 4) int64, every row of
    the map is made, times ``parts`` (ny, 4) float32."""

    rows: np.ndarray
    which: np.ndarray
    parts: np.ndarray

    @classmethod
    def of(cls, values: np.ndarray, shape: tuple[int, ...]) -> "SmoothMap":
        """Through the middles of cells (m, k) on (ny, nx) pixels; beyond the outermost ones it goes on: a gradient ends at no
        edge."""
        if min(values.shape) < FEW_CELLS:
            rows = cv2.resize(values, (shape[1], len(values)), interpolation=cv2.INTER_LINEAR)
            return cls(rows, *_taps(len(values), shape[0], 0, _linear))
        beyond = np.ascontiguousarray(_one_more(_one_more(values).T).T)
        # a cell more at every edge
        ny, nx = ((size * (n + 2) + n - 1) // n for size, n in zip(shape, values.shape, strict=True))
        x0, y0 = (nx - shape[1]) // 2, (ny - shape[0]) // 2
        wide = cv2.resize(beyond, (nx, len(beyond)), interpolation=cv2.INTER_CUBIC)
        which, parts = _taps(len(beyond), ny, y0, _cubic)
        return cls(np.ascontiguousarray(wide[:, x0 : x0 + shape[1]]), which[: shape[0]], parts[: shape[0]])

    def drawn(self, every: int = 1) -> np.ndarray:
        """The map (ny, nx) float32, or of its rows and columns every so manieth."""
        rows = np.ascontiguousarray(self.rows[:, ::every])
        whole = np.empty((len(self.which[::every]), rows.shape[1]), np.float32)
        mix_rows(rows, np.ascontiguousarray(self.which[::every]), np.ascontiguousarray(self.parts[::every]), whole)
        return whole

    def draw(self, image: np.ndarray) -> None:
        """The map in the array ``image`` (ny, nx) float32."""
        mix_rows(self.rows, self.which, self.parts, image)

    def subtract_from(self, image: np.ndarray) -> None:
        """Take the map off an image (ny, nx) in place."""
        subtract_mixed(self.rows, self.which, self.parts, image)


def _taps(n_cells: int, size: int, first: int, kernel: Callable[[np.ndarray], np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Which four of ``n_cells`` rows make each of ``size`` pixels from ``first`` on, and their parts."""
    place = (np.arange(first, size) + 0.5) * (n_cells / size) - 0.5
    before = np.floor(place)
    which = (before[:, None] + np.arange(-1, 3)).clip(0, n_cells - 1).astype(np.int64)
    return which, kernel(place - before).astype(np.float32)


def _linear(t: np.ndarray) -> np.ndarray:
    return np.stack([np.zeros_like(t), 1.0 - t, t, np.zeros_like(t)], axis=1)


def _cubic(t: np.ndarray) -> np.ndarray:
    a, s = CUBIC, 1.0 - t
    outer = [a * u * (1.0 - u) ** 2 for u in (t, s)]
    inner = [((a + 2.0) * u - (a + 3.0)) * u * u + 1.0 for u in (t, s)]
    return np.stack([outer[0], inner[0], inner[1], outer[1]], axis=1)


def _one_more(rows: np.ndarray) -> np.ndarray:
    """One more row of cells at either end, as steep as the gentler of the two steps before; level where those disagree."""
    ends = []
    for a, b, c in ((rows[0], rows[1], rows[2]), (rows[-1], rows[-2], rows[-3])):
        last, before = a - b, b - c
        ends.append(a + np.where(last * before > 0, np.sign(last) * np.minimum(np.abs(last), np.abs(before)), np.float32(0.0)))
    return np.concatenate([ends[0][None], rows, ends[1][None]])
