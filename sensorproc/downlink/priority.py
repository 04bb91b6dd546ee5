"""What goes first when the byte budget does not hold everything."""

from dataclasses import dataclass

from sensorproc.downlink.packets import SEQUENCE_COUNTS

MOST_OF_A_KIND = SEQUENCE_COUNTS // 2  # packets of a set: the ground unwraps their counts by the set's total


@dataclass(frozen=True)
class Queued:
    """A packet waiting for its sequence count: records of one type, and how urgent they are (0 first)."""

    apid: int
    urgency: int
    tai_ns: int
    records: tuple[bytes, ...]
    size_bytes: int


def fit(queue: list[Queued], budget_bytes: int, reserved_bytes: int) -> tuple[list[Queued], int]:
    """Packets that fit after ``reserved_bytes``, in order of urgency, and how many are left behind.

    A budget of 0 is unlimited. A large packet that does not fit does not block smaller ones behind it.
    """
    kept, used, n = [], reserved_bytes, dict.fromkeys({packet.apid for packet in queue}, 0)
    for packet in sorted(queue, key=lambda q: q.urgency):
        if (budget_bytes == 0 or used + packet.size_bytes <= budget_bytes) and n[packet.apid] < MOST_OF_A_KIND:
            kept.append(packet)
            used += packet.size_bytes
            n[packet.apid] += 1
    return kept, len(queue) - len(kept)
