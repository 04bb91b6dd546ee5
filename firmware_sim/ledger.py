"""What was on the air, and when: the radio's ledger and what can be asked of it."""

from collections.abc import Sequence
from dataclasses import dataclass

BITS_PER_BYTE = 8


@dataclass(frozen=True)
class Sent:
    """One packet on the air [ns since start]."""

    start_ns: int
    end_ns: int
    apid: int
    n_bytes: int


def busiest_window(ledger: Sequence[Sent], window_ns: int) -> int:
    """Most bits on the air in any window of this length: packets count in the part that lies inside it.

    The sum changes at constant rates, so its maximum begins with a packet or ends with one.
    """
    starts = {s.start_ns for s in ledger} | {s.end_ns - window_ns for s in ledger}
    return max((round(_bits_in(ledger, start, start + window_ns)) for start in starts), default=0)


def _bits_in(ledger: Sequence[Sent], begin_ns: int, stop_ns: int) -> float:
    touched = (s for s in ledger if s.end_ns > begin_ns and s.start_ns < stop_ns)
    shares = ((min(s.end_ns, stop_ns) - max(s.start_ns, begin_ns)) / (s.end_ns - s.start_ns) * s.n_bytes for s in touched)
    return BITS_PER_BYTE * sum(shares)
