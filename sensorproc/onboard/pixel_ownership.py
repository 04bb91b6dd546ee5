"""Who owns the pixels of a set, and when their memory is given back.

A frame's pixels belong to one stage at a time. Prepared frames are handed over to the search of their set, and solved ones to the
subtraction of stars, which gives the memory of each back as soon as its residual exists. What stays of a frame is free of pixels:
its facts, its registration, its solution. Residuals lie in two cubes, of pixels and of their weights, and belong to one stage
after the other, each of which changes them in place, until they are stacked: they are frozen then, and the products of a set
hold them until the set has been looked at. No other stage changes the arrays or the lists that it is given; what the null search
hides, and the signs of pixels it turns, are put back inside one ``with`` block.
"""

from collections.abc import Iterable, Iterator
from typing import Generic, TypeVar

Item = TypeVar("Item")


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
