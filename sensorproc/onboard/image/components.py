"""Connected parts of a mask of which few pixels are set: only those are looked at."""

from dataclasses import dataclass

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components


@dataclass(frozen=True)
class Component:
    """A connected part: its corner, size, number of pixels, and which pixels of its box (height, width) bool are its own."""

    left: int
    top: int
    width: int
    height: int
    area: int
    mine: np.ndarray

    @property
    def box(self) -> tuple[slice, slice]:
        """The part of the image that it covers."""
        return np.s_[self.top : self.top + self.height, self.left : self.left + self.width]


def places(mask: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Row and column (m,) of the pixels that are set in a mask (ny, nx), in order: faster than nonzero where they are few."""
    y, x = np.divmod(np.flatnonzero(mask), mask.shape[1])
    return y, x


def components(mask: np.ndarray, least: int, most: int) -> list[Component]:
    """Parts of a mask (ny, nx) bool of ``least`` pixels or more that touch along sides or corners, ``most`` of them, largest
    first and in order of their first pixels."""
    y, x = places(mask)
    if not len(y):
        return []
    label = _labels(y, x, mask.shape[1])
    area = np.bincount(label)
    first = np.full(len(area), len(y))
    np.minimum.at(first, label, np.arange(len(y)))
    order = np.lexsort((first, -area))
    return [_component(y[label == i], x[label == i]) for i in order[area[order] >= least][:most].tolist()]


def _labels(y: np.ndarray, x: np.ndarray, width: int) -> np.ndarray:
    """Number of its part (m,) for every pixel at y, x (m,), which are in order: by stretches of rows that touch those of the
    next row, so that a frame full of light takes hardly longer than its edges."""
    row = width + 2  # a column at either side is empty
    place = y * row + x + 1
    begins = np.flatnonzero(np.diff(place, prepend=-2) != 1)
    first, last = place[begins], place[np.append(begins[1:], len(place)) - 1]
    touched = np.searchsorted(last, first + row - 1), np.searchsorted(first, last + row + 1, side="right")
    n = touched[1] - touched[0]
    above = np.repeat(np.arange(len(first)), n)
    below = np.arange(n.sum()) - np.repeat(np.cumsum(n) - n, n) + np.repeat(touched[0], n)
    graph = coo_array((np.ones(len(above), bool), (above, below)), (len(first), len(first)))
    label = connected_components(graph, directed=False)[1]
    return np.repeat(np.asarray(label), np.diff(np.append(begins, len(place))))


def _component(y: np.ndarray, x: np.ndarray) -> Component:
    left, top = int(x.min()), int(y.min())
    mine = np.zeros((int(y.max()) - top + 1, int(x.max()) - left + 1), bool)
    mine[y - top, x - left] = True
    return Component(left, top, mine.shape[1], mine.shape[0], len(y), mine)
