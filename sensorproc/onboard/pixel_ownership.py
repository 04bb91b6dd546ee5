"""Who owns the pixels of a set, and when their memory is given back.

The pixels of a set and their weights lie in two cubes from when they are prepared, if there is room in them, or from when the set
is searched; its frames are views of them. They belong to one stage after the other, each of which may change them in place, until
they are stacked: they are frozen then, and the products of a set hold them until the set has been looked at. What the null search
hides, and the signs of pixels it turns, are put back inside one ``with`` block. What a stage is given besides, and the lists of
frames, it does not change. What stays of a frame is free of pixels: its facts, its registration, its solution.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Generic, TypeVar

import numpy as np

from sensorproc.onboard.products import Flattened

Item = TypeVar("Item")
Room = tuple[np.ndarray, np.ndarray]  # arrays (ny, nx) float32 for the pixels of a frame, and for their weights


class HandOver(Generic[Item]):
    """Frames with one owner. Whoever takes them has them alone, and gives their memory back when they have served."""

    def __init__(self, items: Iterable[Item]):
        self._items = list(items)

    def __len__(self) -> int:
        return len(self._items)

    def __iter__(self) -> Iterator[Item]:
        return iter(self._items)

    def take(self) -> list[Item]:
        """All of them; nothing is left here."""
        items, self._items = self._items, []
        return items


class SetRoom:
    """Room for the pixels and weights of so many frames, one after the other in two cubes: what is prepared into it need not be
    copied when its set is complete."""

    def __init__(self, shapes: Sequence[tuple[int, ...]]):
        self._shapes = list(shapes)
        whole = (len(self._shapes), *self._shapes[0]) if self._shapes else (0, 0, 0)
        self._cubes = np.empty(whole, np.float32), np.empty(whole, np.float32)

    def of(self, k: int) -> Room:
        """Arrays (ny, nx) float32 for the pixels and weights of frame ``k``; of their own if it is not as large as the first."""
        image_e, weight = self._cubes
        if image_e.shape[1:] != self._shapes[k]:
            return np.empty(self._shapes[k], np.float32), np.empty(self._shapes[k], np.float32)
        return image_e[k], weight[k]


def as_cube(images: Sequence[np.ndarray]) -> np.ndarray:
    """Images (ny, nx) as one array (n, ny, nx): the part of a cube that they are, one after the other, else a copy."""
    whole = images[0].base
    if isinstance(whole, np.ndarray) and whole.ndim == 3 and whole.shape[1:] == images[0].shape:
        starts, first = [_address(one) for one in whole], _address(images[0])
        part = whole[starts.index(first) if first in starts else len(starts) :][: len(images)]
        if len(part) == len(images) and all(_is_same(one, at) for one, at in zip(images, part, strict=True)):
            return part
    return np.stack(images)


def in_cubes(frames: list[Flattened]) -> list[Flattened]:
    """The frames as views of two cubes, of their pixels and of their weights, one after the other: of those in which they lie
    already, else of copies. They are taken over."""
    for name in ("image_e", "weight") if frames else ():
        cube = as_cube([getattr(frame, name) for frame in frames])
        frames = [replace(frame, **{name: cube[k]}) for k, frame in enumerate(frames)]
    return frames


def _address(image: np.ndarray) -> int:
    return int(image.__array_interface__["data"][0])


def _is_same(one: np.ndarray, other: np.ndarray) -> bool:
    return one.shape == other.shape and one.strides == other.strides and _address(one) == _address(other)
