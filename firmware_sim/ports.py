"""What components know of one another. ``topology`` connects them; no component imports another."""

from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

import simpy

from sensorproc.config import Config
from sensorproc.downlink.dictionary import Severity
from sensorproc.frames import Frame, Rejection
from sensorproc.onboard.frame_set_processor import SearchedSet
from sensorproc.onboard.pixel_ownership import HandOver
from sensorproc.onboard.products import Prepared

Item = Frame | Rejection
Result = TypeVar("Result")


def port() -> Any:
    """A port of a component: what it calls or asks, connected by the topology before anything runs."""
    return field(init=False, repr=False, default=None, metadata={"is_port": True})


def ports() -> Any:
    """A port that any number of others listen to, in the order in which they are connected."""
    return field(init=False, repr=False, default_factory=list, metadata={"is_port": True})


def frame_number(item: Item | Prepared) -> int:
    """Number of a frame in the recording, whatever has become of it."""
    if isinstance(item, Rejection):
        return item.frame_index
    return (item if isinstance(item, Frame) else item.facts).index


def rejected(item: Item, reason: str, **numbers: float) -> Rejection:
    """The same frame as one that cannot be used."""
    return Rejection(frame_number(item), item.detector, item.t_mid_tai_ns, reason, tuple(numbers.items()))


@dataclass
class OpenSet:
    """A set that is not done: how many frames it shall have, what has come of it, and the arena's slots its pixels are in.

    The frame store owns it and alone changes it; all others read.
    """

    set_id: int
    detector: int
    n_planned: int
    ring_key: int
    period_ns: int
    end_tai_ns: int  # of the last exposure: from here on deadlines count, in flights and on the bench
    is_held: bool = False  # for the ground, which asks for raw pixels: not searched
    items: list[Item] = field(default_factory=list)
    slots: dict[int, int] = field(default_factory=dict)  # by frame
    sigma_time_s: float = 0.0  # of the clock, at its worst while frames were stamped

    @property
    def memory_owner(self) -> str:
        """The name under which its frames hold memory."""
        return f"frames of set {self.set_id}"

    @property
    def is_complete(self) -> bool:
        return len(self.items) >= self.n_planned


@dataclass(frozen=True)
class Readout:
    """What comes out of the camera for one exposure: an item, the camera's CRC of its pixels and of those it read out before, how
    much later than it should, and how often; ``sigma_time_s`` of the clock that stamped it."""

    item: Item
    crc: int = 0
    crc_before: int = 0
    delay_ns: int = 0
    n_copies: int = 1
    sigma_time_s: float = 0.0


FRAME_PRIORITY, SET_PRIORITY = 0, 1  # of jobs, the most urgent first
NEVER_NS = 1 << 62  # delay of a frame that does not come, time of a stage that does not end
Disturb = Callable[[Readout], Readout]  # what happens to it on its way


@dataclass(frozen=True)
class Charge:
    """A stage that ran, and the core time it takes: of its serial part, and of the part that cores divide."""

    stage: str
    serial_ns: int
    shared_ns: int = 0

    def scaled(self, part: float) -> "Charge":
        """The same of a part of the work."""
        return Charge(self.stage, round(part * self.serial_ns), round(part * self.shared_ns))

    @property
    def is_hang(self) -> bool:
        return self.serial_ns >= NEVER_NS


class Clock(Protocol):
    """Time: nanoseconds since the start of the simulation, and of TAI as it is."""

    def now_ns(self) -> int: ...

    def tai_ns(self) -> int: ...


class TimeOut(Protocol):
    """The payload's own clock: what it takes for TAI, and how well it knows."""

    def stamp(self, true_tai_ns: int) -> int: ...

    def sigma_s(self) -> float: ...


class EventOut(Protocol):
    """Takes events for the ground."""

    def __call__(self, reason: str, severity: Severity, *numbers: float) -> None: ...


class FrameIn(Protocol):
    """Takes what the camera read, or why there is no frame."""

    def open(self, opened: OpenSet) -> None: ...

    def put(self, set_id: int, readout: Readout) -> None: ...


class BufferGet(Protocol):
    """Memory by name. Nothing is held outside it."""

    budget_bytes: int
    peak_bytes: int

    @property
    def used_bytes(self) -> int: ...

    def get(self, owner: str, n_bytes: int) -> bool: ...

    def held(self, owner: str) -> int: ...

    def release(self, owner: str, n_bytes: int) -> None: ...


@dataclass(frozen=True)
class Job:
    """A piece of work of the core: how urgent, of which set and detector, and the number of its frame, or of its set."""

    priority: int
    set_id: int
    detector: int
    number: int


class Compute(Protocol):
    """Cores that take time: that of the work itself where time is real, else what it is said to cost."""

    def compute(self, work: Callable[[], Result], job: Job) -> Generator[simpy.Event, Any, Result]: ...

    def spend(
        self, charges: Sequence[Charge], set_id: int, priority: int, flow: int | None = None
    ) -> Generator[simpy.Event, Any, None]: ...

    def overdue_ns(self) -> int: ...

    def since_last_report(self) -> tuple[float, float]: ...


class Ledger(Protocol):
    """The account of dwells: planned, closed with what came of them, told to the ground."""

    open: Mapping[int, object]

    def plan(self, dwell: Any) -> None: ...

    def close(self, set_id: int, n_processed: int = 0, reason: str = "", level: int = 0) -> None: ...

    def take_records(self) -> list[bytes]: ...

    def put_back(self, records: list[bytes]) -> None: ...


class SetStore(Protocol):
    """Sets that are not done, and their frames."""

    sets: dict[int, OpenSet]

    def read(self, opened: OpenSet, frame: Frame) -> Item: ...

    def read_again(self, opened: OpenSet, index: int) -> Item: ...

    def discard(self, set_id: int) -> None: ...


class Core(Protocol):
    """What computes: results beside the cost they have on the modelled processor."""

    def prepare(self, frame: Frame, config: Config) -> tuple[Any, list[Charge]]: ...

    def search(
        self, items: HandOver[Any], frames: list[Frame], config: Config, ring_key: int
    ) -> tuple[SearchedSet, list[Charge]]: ...

    def commit(self, searched: SearchedSet) -> None: ...


class SearchedOut(Protocol):
    """Takes searched sets, frames that were not searched, and the level of overload at which the others were."""

    def __call__(self, opened: OpenSet, rejections: Sequence[Rejection], result: SearchedSet, level: int) -> None: ...


class Watched(Protocol):
    """What the watchdog resets."""

    def stop(self) -> None: ...

    def start(self) -> None: ...


class Executor(Protocol):
    """What checks telecommands and carries them out."""

    n_rejected: int

    def receive(self, raw: bytes, tai_ns: int) -> list[bytes]: ...

    def due(self, tai_ns: int) -> list[bytes]: ...


class PacketSink(Protocol):
    """Takes packets for the radio, in the order in which they shall go."""

    def put(self, packets: Sequence[bytes], sent: Callable[[], None] | None = None) -> list[bytes]: ...

    def free_bytes(self) -> int: ...


class SetOut(Protocol):
    """Takes the records of a finished frame set, and answers that wait for none."""

    def put_set(
        self, set_id: int, records: dict[int, list[bytes]], housekeeping: dict[str, Any], last_ns: int, period_ns: int
    ) -> None: ...

    def put_now(self, apid: int, records: list[bytes]) -> None: ...
