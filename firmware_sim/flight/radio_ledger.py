"""What was on the air, and when: the radio's ledger and what can be asked of it."""

from array import array
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

BITS_PER_BYTE = 8


@dataclass(frozen=True)
class Sent:
    """One packet on the air [ns since start]."""

    start_ns: int
    end_ns: int
    apid: int
    n_bytes: int


@dataclass
class RadioLedger:
    """Packets in the order in which they were sent: 32 bytes each."""

    _columns: tuple[array, array, array, array] = field(default_factory=lambda: tuple(array("q") for _ in range(4)))  # type: ignore[type-arg, assignment, return-value]

    def add(self, start_ns: int, end_ns: int, apid: int, n_bytes: int) -> None:
        """One packet more."""
        for column, value in zip(self._columns, (start_ns, end_ns, apid, n_bytes), strict=True):
            column.append(value)

    def __iter__(self) -> Iterator[Sent]:
        return (Sent(*values) for values in zip(*self._columns, strict=True))

    def __len__(self) -> int:
        return len(self._columns[0])

    @property
    def n_bytes(self) -> int:
        return sum(self._columns[3])

    @property
    def end_ns(self) -> int:
        """When the last packet had gone."""
        return self._columns[1][-1] if len(self) else 0

    def busiest_window(self, window_ns: int) -> int:
        """Most bits on the air in any window of this length: packets count in the part that lies inside it.

        The sum changes at constant rates, so its maximum begins with a packet or ends with one.
        """
        if not len(self):
            return 0
        start, end, _, size = (np.array(column, np.int64) for column in self._columns)
        origin = int(start[0])
        times = np.stack([start, end], axis=1).ravel() - origin
        sums = np.stack([np.cumsum(size) - size, np.cumsum(size)], axis=1).ravel().astype(float)
        begins = np.concatenate([start - origin, end - origin - window_ns]).astype(float)
        inside = np.interp(begins + window_ns, times, sums) - np.interp(begins, times, sums)
        return round(BITS_PER_BYTE * float(inside.max()))
