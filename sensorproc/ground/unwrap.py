"""Absolute counts of packets from counts of 14 bits, by the packets' times and the totals that SET packets state.

In order of their times, packets of one kind have rising counts: what is missing between two of them is the difference modulo a
turn (16384). Only a loss of whole turns stays open; the totals tell how many turns, and the times of the SET packets where. A
packet made a little before another may carry a later time (sets of two detectors end in any order; what is sent at once bears the
clock's time, what is sent with a set the time of the set): a count that goes back by no more than an eighth of a turn is taken
for such a one, first of all if it does so within an hour. What gives no count twice and agrees with the totals is right; where
two such readings differ there is doubt.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, groupby, pairwise

from sensorproc.downlink.packets import SEQUENCE_COUNTS
from sensorproc.timescales import NS_PER_S

BACKWARDS = SEQUENCE_COUNTS // 8
EVEN = 3  # times the median silence: a longer one stands out
LONGEST_DISORDER_NS = 3600 * NS_PER_S


@dataclass(frozen=True)
class Total:
    """How many packets of a kind had been sent by the end of a set, and the time of the set's packets."""

    t_tai_ns: int
    n: int


def unwrap(packets: Sequence[tuple[int, int]], totals: Sequence[Total]) -> tuple[list[int], bool]:
    """Absolute counts of different packets of one kind, given as (time, count of 14 bits) in order of arrival, and whether there
    is no doubt of them."""
    ends: dict[int, int] = {}  # of several totals at one time the largest: the last packet of a recording is sent again
    for total in totals:
        ends[total.t_tai_ns] = max(total.n, ends.get(total.t_tai_ns, 0))
    by_time, most = _as_made(packets), max(ends.values(), default=0)
    chains = [_chain(packets, by_time, disorder_ns) for disorder_ns in (LONGEST_DISORDER_NS, 2**63, -1)]
    whole = [chain for chain in chains if _is_whole(chain, most if ends else None)]
    if whole:
        return whole[0], all(chain == whole[0] for chain in whole)
    times, counts = [packets[k][0] for k in by_time], [chains[0][k] for k in by_time]
    is_sure = min(counts, default=0) >= 0 and most > max(counts, default=-1)
    turns, is_known = _lost_turns(times, counts, sorted(ends.items())) if ends and counts else ([0] * len(counts), False)
    found = [0] * len(packets)
    for k, count, n in zip(by_time, counts, turns, strict=True):
        found[k] = count + n * SEQUENCE_COUNTS
    return found, is_sure and is_known


def _is_whole(chain: list[int], total: int | None) -> bool:
    """Whether counts are possible without a lost turn: none twice, none below 0, and the total less than a turn from the last."""
    lacking = 0 if total is None else total - 1 - max(chain, default=-1)
    return len(set(chain)) == len(chain) and min(chain, default=0) >= 0 and -BACKWARDS <= lacking < SEQUENCE_COUNTS


def _as_made(packets: Sequence[tuple[int, int]]) -> list[int]:
    """Places of packets in the order in which they were made: by time, and those of one time (of one set: no more than half a
    turn of them) by count, beginning behind the longest stretch of counts that none of them has."""
    found: list[int] = []
    for _, group in groupby(sorted(range(len(packets)), key=lambda k: packets[k]), key=lambda k: packets[k][0]):
        same = list(group)
        counts = [packets[k][1] for k in same]
        steps = [(b - a) % SEQUENCE_COUNTS for a, b in pairwise([counts[-1], *counts])]
        first = max(range(len(same)), key=lambda i: steps[i])
        found += same[first:] + same[:first]
    return found


def _chain(packets: Sequence[tuple[int, int]], order: list[int], longest_disorder_ns: int) -> list[int]:
    """Counts that rise in an order, as if no whole turn were lost."""
    found, taken = [0] * len(packets), set()
    highest, t_highest = 0, 0
    for n, k in enumerate(order):
        t_tai_ns, count = packets[k]
        step = (count - highest) % SEQUENCE_COUNTS
        back = highest + step - SEQUENCE_COUNTS
        is_possible = n > 0 and back >= max(highest - BACKWARDS, 0) and back not in taken
        found[k] = back if is_possible and t_tai_ns - t_highest <= longest_disorder_ns else highest + step
        taken.add(found[k])
        if found[k] >= highest:
            highest, t_highest = found[k], t_tai_ns
    return found


def _lost_turns(times: list[int], chain: list[int], ends: list[tuple[int, int]]) -> tuple[list[int], bool]:
    """Whole turns lost before each packet, and whether it is known where they were lost; ``ends`` are times and totals of sets.

    The last packet that is no later than a set lies less than a turn before its total. Where the turns lost before two successive
    sets differ, they were lost between the two: before the packets of the later one, which bear its time. Where the sets' times
    contradict the packets' the turns go where nothing was heard for longest, as they do between packets that are of no set.
    """
    highest = list(accumulate(chain, max))
    turns, is_sure = [0] * len(chain), True
    start = lost = 0
    for t_set, n in ends:
        stop = bisect_right(times, t_set)
        here = lost + max(n - 1 - lost * SEQUENCE_COUNTS - (highest[stop - 1] if stop else -1), 0) // SEQUENCE_COUNTS
        gap = max(bisect_left(times, t_set), start)
        if here > lost and gap > start:
            is_sure = False
            gap = _longest_silence(times, start, gap)
        turns[start:stop] = [here if k >= gap else lost for k in range(start, stop)]
        start, lost = max(start, stop), here
    turns[start:] = [lost] * (len(turns) - start)
    if _contradict(times, [count + n * SEQUENCE_COUNTS for count, n in zip(chain, turns, strict=True)], ends):
        gap, n_lost = _longest_silence(times, 0, len(times)), max(ends[-1][1] - 1 - highest[-1], 0) // SEQUENCE_COUNTS
        return [n_lost if k >= gap else 0 for k in range(len(times))], False
    return turns, is_sure


def _contradict(times: list[int], counts: list[int], ends: list[tuple[int, int]]) -> bool:
    """Whether packets later than a set have counts that were used up before it."""
    lowest_later = [*reversed(list(accumulate(reversed(counts), min))), 2**63]
    return any(lowest_later[bisect_right(times, t_set)] < n - BACKWARDS for t_set, n in ends)


def _longest_silence(times: list[int], start: int, stop: int) -> int:
    """The packet from ``start`` to ``stop`` that came longest after the one before; where they came evenly, the first: what
    begins late has lost what was before."""
    silences = {k: times[k] - times[k - 1] for k in range(max(start, 1), min(stop, len(times) - 1) + 1)}
    longest = max(silences, key=lambda k: silences[k], default=start)
    is_even = not silences or silences[longest] < EVEN * sorted(silences.values())[len(silences) // 2]
    return start if is_even else longest
