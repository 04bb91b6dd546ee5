"""The payload's memory: one budget, spent by name. What does not fit is refused, never waited for in silence."""

from dataclasses import dataclass, field

from sensorproc.errors import SensorprocError
from sensorproc.onboard.footprint import Footprint

FRAMES = "frames of all sets at hand"


class BudgetError(SensorprocError):
    """A configuration that cannot run in the memory, time or link it is given."""

    exit_code = 6


@dataclass
class BufferManager:
    """Bytes in use by owner, and the most there ever were."""

    budget_bytes: int
    used: dict[str, int] = field(default_factory=dict)
    peak_bytes: int = 0

    @property
    def used_bytes(self) -> int:
        return sum(self.used.values())

    def get(self, owner: str, n_bytes: int) -> bool:
        """Reserve bytes; False, and nothing reserved, if they are not there."""
        if self.used_bytes + n_bytes > self.budget_bytes:
            return False
        if n_bytes:
            self.used[owner] = self.held(owner) + n_bytes
        self.peak_bytes = max(self.peak_bytes, self.used_bytes)
        return True

    def held(self, owner: str) -> int:
        """Bytes an owner holds."""
        return self.used.get(owner, 0)

    def release(self, owner: str, n_bytes: int) -> None:
        """Give bytes back.

        Raises
        ------
        ValueError
            If the owner does not hold as many: a defect.
        """
        if self.held(owner) < n_bytes:
            raise ValueError(f"{owner} holds {self.held(owner)} bytes and releases {n_bytes}")
        self.used[owner] = self.held(owner) - n_bytes
        if not self.used[owner]:
            del self.used[owner]


def set_bytes(need: Footprint) -> int:
    """What the frames of a set hold from its first exposure until it is done."""
    return need.n_frames * (need.raw_frame + need.prepared_frame)


def demand(need: Footprint, n_detectors: int, n_sets: int, star_table_bytes: int, queue_bytes: int) -> dict[str, int]:
    """What a payload holds at its worst: of every detector one set in work, those that wait, and the next one being taken."""
    return {
        FRAMES: n_detectors * n_sets * set_bytes(need),
        "working memory of searches": n_detectors * need.set_work,
        "star table": star_table_bytes,
        "packet queue": queue_bytes,
    }


def allocated(needs: dict[str, int], budget_bytes: int) -> BufferManager:
    """Memory with everything reserved but frames, which come set by set; what does not fit is refused before it starts.

    Raises
    ------
    BudgetError
        With the table of what needs what, if it does not fit.
    """
    total = sum(needs.values())
    if total <= budget_bytes:
        memory = BufferManager(budget_bytes)
        for owner, n_bytes in needs.items():
            if owner != FRAMES:
                memory.get(owner, n_bytes)
        return memory
    rows = [*needs.items(), ("in all", total), ("board.memory_bytes", budget_bytes)]
    head = "the payload does not fit the board's memory; shorten frame_set.max_frames, shrink the window or take another board:"
    raise BudgetError("\n".join([head, *(f"  {name:28s} {n / 1e6:10.1f} MB" for name, n in rows)]))
