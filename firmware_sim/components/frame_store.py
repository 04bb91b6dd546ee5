"""The frame store: frames of open sets, in order, until the image processor has taken them."""

import simpy

from firmware_sim.ports import Item, OpenSet


class FrameStore:
    """Ports: frames in (from the camera); ``arrivals`` (to the image processor)."""

    def __init__(self, env: simpy.Environment, planned: dict[int, int]):
        self._planned = planned
        self._open: dict[int, OpenSet] = {}
        self.arrivals = simpy.Store(env)  # (set, item), in order of arrival

    def put(self, set_id: int, item: Item) -> None:
        """A frame, or why there is none."""
        opened = self._open.setdefault(set_id, OpenSet(set_id, self._planned[set_id]))
        opened.items.append(item)
        self.arrivals.put((opened, item))
        if len(opened.items) == opened.n_planned:
            del self._open[set_id]
