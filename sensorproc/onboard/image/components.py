"""Connected parts of a mask of which few pixels are set: only those are looked at."""

from dataclasses import dataclass

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

BEHIND = (0, 1), (1, -1), (1, 0), (1, 1)  # Of the eight neighbours (dy, dx) of a pixel those that come after it.


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


def components(mask: np.ndarray, least: int, most: int) -> list[Component]:
    """Parts of a mask (ny, nx) bool of ``least`` pixels or more that touch along sides or corners, ``most`` of them, largest
    first and in order of their first pixels."""
    y, x = np.divmod(np.flatnonzero(mask), mask.shape[1])
    if not len(y):
        return []
    label = _labels(y, x, mask.shape[1])
    area = np.bincount(label)
    first = np.full(len(area), len(y))
    np.minimum.at(first, label, np.arange(len(y)))
    order = np.lexsort((first, -area))
    return [_component(y[label == i], x[label == i]) for i in order[area[order] >= least][:most].tolist()]


def _labels(y: np.ndarray, x: np.ndarray, width: int) -> np.ndarray:
    """Number of its part (m,) for every pixel at y, x (m,), which are in order."""
    place = y * (width + 2) + x + 1  # a column at either side is empty
    pairs = []
    for dy, dx in BEHIND:
        wanted = place + dy * (width + 2) + dx
        at = np.searchsorted(place, wanted).clip(0, len(place) - 1)
        here = np.flatnonzero(place[at] == wanted)
        pairs.append((here, at[here]))
    rows, columns = (np.concatenate([pair[i] for pair in pairs]) for i in (0, 1))
    graph = coo_array((np.ones(len(rows), bool), (rows, columns)), (len(place), len(place)))
    return np.asarray(connected_components(graph, directed=False)[1])


def _component(y: np.ndarray, x: np.ndarray) -> Component:
    left, top = int(x.min()), int(y.min())
    mine = np.zeros((int(y.max()) - top + 1, int(x.max()) - left + 1), bool)
    mine[y - top, x - left] = True
    return Component(left, top, mine.shape[1], mine.shape[0], len(y), mine)
