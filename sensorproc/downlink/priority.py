"""What goes first when the byte budget does not hold everything."""

from dataclasses import dataclass


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
    ordered = sorted(queue, key=lambda q: q.urgency)
    if budget_bytes == 0:
        return ordered, 0
    kept, used = [], reserved_bytes
    for packet in ordered:
        if used + packet.size_bytes <= budget_bytes:
            kept.append(packet)
            used += packet.size_bytes
    return kept, len(ordered) - len(kept)
