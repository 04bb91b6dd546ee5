"""Prepared frames of sets that are not complete or wait: checked before they are searched, where faults can reach memory."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace

from firmware_sim.board.bits import crc_of, flipped
from firmware_sim.ports import Item
from sensorproc.frames import Frame, Rejection
from sensorproc.onboard.products import Flattened, Prepared


@dataclass
class PreparedFrames:
    """Frames by set, with a CRC of each from when it was made."""

    is_guarded: bool
    n_remade: int = 0  # found damaged
    _items: dict[int, list[Prepared]] = field(default_factory=dict)
    _crcs: dict[int, list[int]] = field(default_factory=dict)
    _doubtful: set[int] = field(default_factory=set)  # sets of which some may have been made with a damaged table

    def put(self, set_id: int, item: Prepared) -> None:
        """One frame more of a set, or why it cannot be used."""
        self._items.setdefault(set_id, []).append(item)
        guarded = self.is_guarded and isinstance(item, Flattened)
        self._crcs.setdefault(set_id, []).append(crc_of(item.image_e) if guarded and isinstance(item, Flattened) else 0)

    @property
    def n_held(self) -> int:
        """Frames of all sets."""
        return sum(len(items) for items in self._items.values())

    def count(self, set_id: int) -> int:
        """Frames of a set so far."""
        return len(self._items.get(set_id, ()))

    def verified(self, set_id: int, read: Callable[[int], Item], remake: Callable[[Frame], Prepared]) -> list[Prepared]:
        """A complete set, out of memory. A damaged frame is made anew from its raw pixels; without these it is lost."""
        items, crcs = self._items.pop(set_id), self._crcs.pop(set_id)
        is_doubtful = set_id in self._doubtful
        self._doubtful.discard(set_id)
        return [self._checked(item, crc, is_doubtful, read, remake) for item, crc in zip(items, crcs, strict=True)]

    def _checked(
        self, item: Prepared, crc: int, is_doubtful: bool, read: Callable[[int], Item], remake: Callable[[Frame], Prepared]
    ) -> Prepared:
        if not self.is_guarded or not isinstance(item, Flattened):
            return item
        raw = read(item.facts.index)
        if isinstance(raw, Rejection):
            return raw
        if not is_doubtful and crc_of(item.image_e) == crc:
            return item
        self.n_remade += 1
        return remake(raw)

    def mark_suspect(self, set_ids: Iterable[int]) -> None:
        """A table was found damaged with which frames of these sets may have been made."""
        self._doubtful |= set(set_ids)

    def drop(self, set_id: int) -> None:
        """A set is given up, or done."""
        self._items.pop(set_id, None)
        self._crcs.pop(set_id, None)
        self._doubtful.discard(set_id)

    def clear(self) -> None:
        """A reset: all are lost."""
        for held in (self._items, self._crcs, self._doubtful):
            held.clear()

    def flip_bit(self, pick: int, bit: int) -> int:
        """A particle flips a bit of a frame's pixels; the set it belongs to, -1 if none is held."""
        held = [(set_id, k, item) for set_id, items in self._items.items() for k, item in enumerate(items)
                if isinstance(item, Flattened)]  # fmt: skip
        if not held:
            return -1
        set_id, k, item = held[pick % len(held)]
        self._items[set_id][k] = replace(item, image_e=flipped(item.image_e, bit))
        return set_id
