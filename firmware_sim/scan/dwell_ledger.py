"""The dwell ledger: every dwell that was planned is closed exactly once, done or missed with its reason."""

from dataclasses import dataclass, field

from sensorproc.downlink.dictionary import reason_code
from sensorproc.downlink.records import DWELL

MOST_UNSENT = 1000


@dataclass(frozen=True)
class Dwell:
    """A planned stay of the line of sight on one cell; it gives one frame set."""

    number: int
    set_id: int
    cell: int
    detector: int
    t_start_tai_ns: int
    n_planned: int


@dataclass(frozen=True)
class Closed:
    """What became of a dwell: searched with ``n_processed`` frames, or missed for a reason of the dictionary."""

    dwell: Dwell
    n_processed: int
    reason: str
    degraded: int

    @property
    def is_done(self) -> bool:
        return self.reason == ""

    def record(self) -> bytes:
        """The DWELL record."""
        d = self.dwell
        return DWELL.pack(
            {
                "dwell": d.number,
                "set_id": d.set_id,
                "cell": d.cell,
                "detector": d.detector,
                "t_start_tai_ns": d.t_start_tai_ns,
                "n_planned": d.n_planned,
                "n_processed": self.n_processed,
                "is_done": int(self.is_done),
                "reason": reason_code(self.reason or "NONE"),
                "degraded": self.degraded,
            }
        )


@dataclass
class DwellLedger:
    """Open and closed dwells. ``counts`` by outcome; only what is open and not yet reported is held."""

    open: dict[int, Dwell] = field(default_factory=dict)  # by set
    unsent: list[bytes] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)
    n_planned: int = 0
    n_processed: int = 0  # frames

    def plan(self, dwell: Dwell) -> None:
        """A dwell begins, or should have begun.

        Raises
        ------
        ValueError
            If its set is already open: a defect.
        """
        if dwell.set_id in self.open:
            raise ValueError(f"set {dwell.set_id} is planned twice")
        self.open[dwell.set_id] = dwell
        self.n_planned += 1

    def close(self, set_id: int, n_processed: int = 0, reason: str = "", degraded: int = 0) -> None:
        """The end of a dwell; without a reason it was searched.

        Raises
        ------
        KeyError
            If it is not open: it was never planned, or is closed a second time. A defect.
        """
        closed = Closed(self.open.pop(set_id), n_processed, reason, degraded)
        self.n_processed += n_processed
        self.counts[reason or "done"] = self.counts.get(reason or "done", 0) + 1
        self.unsent.append(closed.record())

    def take_records(self) -> list[bytes]:
        """Records of dwells closed since this was last asked."""
        records, self.unsent = self.unsent, []
        return records

    def put_back(self, records: list[bytes]) -> None:
        """Records that could not be sent: they wait for the next chance, the oldest first, and no more than fit a few packets."""
        self.unsent = [*records, *self.unsent][-MOST_UNSENT:]

    @property
    def n_closed(self) -> int:
        return sum(self.counts.values())

    @property
    def is_exact(self) -> bool:
        """Whether every planned dwell is open or closed, once."""
        return self.n_planned == len(self.open) + self.n_closed
