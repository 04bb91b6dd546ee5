"""Work shared among threads: by rows of an image or item by item. Results do not depend on how many there are."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import numpy as np

N_THREADS = 2

Item = TypeVar("Item")
Result = TypeVar("Result")


def in_rows(n_rows: int, work: Callable[[int, int], None]) -> None:
    """Call ``work(first, last)`` for parts of the rows of an image, side by side; the parts must not share what they write."""
    edges = np.linspace(0, n_rows, N_THREADS + 1).astype(int).tolist()
    with ThreadPoolExecutor(N_THREADS) as pool:
        for part in [pool.submit(work, a, b) for a, b in zip(edges, edges[1:], strict=False)]:
            part.result()


def each(work: Callable[[Item], Result], items: Sequence[Item]) -> list[Result]:
    """``work`` of every item, in their order."""
    with ThreadPoolExecutor(N_THREADS) as pool:
        return list(pool.map(work, items))
