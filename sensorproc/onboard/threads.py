"""Work shared among threads: by rows of an image or item by item. Results do not depend on how many there are.

A process has one pool, whose size is the setting ``compute.n_threads``. What a thread of the pool shares in turn it does alone:
it would else wait for threads that wait for it.
"""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import numpy as np

Item = TypeVar("Item")
Result = TypeVar("Result")


class _Pool:
    """The threads of this process, begun when there is work for them."""

    def __init__(self, n_threads: int):
        self.n_threads = n_threads
        self._executor: ThreadPoolExecutor | None = None
        self._lock = threading.Lock()

    def each(self, work: Callable[[Item], Result], items: Sequence[Item]) -> list[Result]:
        """``work`` of every item, in their order."""
        if self.n_threads == 1 or len(items) < 2 or getattr(_mine, "shares_nothing", False):
            return [work(item) for item in items]
        with self._lock:
            self._executor = self._executor or ThreadPoolExecutor(self.n_threads, initializer=share_nothing)
        return list(self._executor.map(work, items))


_mine = threading.local()
_pool = _Pool(2)


def share_nothing() -> None:
    """The calling thread does alone whatever it might share: so one that must not wait for others does."""
    _mine.shares_nothing = True


def use(n_threads: int) -> None:
    """Share work among so many threads from now on."""
    global _pool
    if n_threads != _pool.n_threads:
        _pool = _Pool(n_threads)


def in_rows(n_rows: int, work: Callable[[int, int], None]) -> None:
    """Call ``work(first, last)`` for parts of the rows of an image, side by side; the parts must not share what they write."""
    edges = np.linspace(0, n_rows, _pool.n_threads + 1).astype(int).tolist()
    _pool.each(lambda part: work(*part), list(zip(edges, edges[1:], strict=False)))


def each(work: Callable[[Item], Result], items: Sequence[Item]) -> list[Result]:
    """``work`` of every item, in their order."""
    return _pool.each(work, items)
