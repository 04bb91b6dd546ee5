"""What components know of one another. ``topology`` connects them; no component imports another."""

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import simpy

from sensorproc.downlink.dictionary import Severity
from sensorproc.onboard.products import Frame, Rejection

Item = Frame | Rejection


@dataclass
class OpenSet:
    """A set being taken: how many frames it shall have, and what has come of it."""

    set_id: int
    n_planned: int
    items: list[Item] = field(default_factory=list)


@dataclass(frozen=True)
class Charge:
    """A stage that ran, and the time it takes."""

    stage: str
    duration_ns: int


class Clock(Protocol):
    """Time of the payload: nanoseconds since the start of the simulation, and of TAI."""

    def now_ns(self) -> int: ...

    def tai_ns(self) -> int: ...


class FrameIn(Protocol):
    """Takes what the camera read, in order of time, or why there is no frame."""

    def put(self, set_id: int, item: Item) -> None: ...


class BufferGet(Protocol):
    """Memory by name. Nothing is held outside it."""

    budget_bytes: int
    peak_bytes: int

    @property
    def used_bytes(self) -> int: ...

    def get(self, owner: str, n_bytes: int) -> bool: ...

    def held(self, owner: str) -> int: ...

    def release(self, owner: str, n_bytes: int) -> None: ...


class Meter(Protocol):
    """The pipeline's ``do``: runs a stage at once and writes down what it costs."""

    charges: list[Charge]

    def __call__(self, stage: Callable[..., Any], *arguments: Any) -> Any: ...


class Compute(Protocol):
    """Cores that take time."""

    def meter(self, pixels: float) -> Meter: ...

    def spend(self, charges: list[Charge], set_id: int, lane: str, priority: int) -> Generator[simpy.Event, Any, None]: ...

    def since_last_report(self) -> tuple[float, float]: ...


class HealthIn(Protocol):
    """Is told when a set is done; tells what the ground must hear of it."""

    def set_done(self, set_id: int, detector: int, first_frame: int) -> None: ...

    def record(self, set_id: int) -> bytes: ...

    def told(self, set_id: int) -> list[tuple[Rejection, Severity]]: ...


class PacketSink(Protocol):
    """Takes packets for the radio, in the order in which they shall go."""

    def put(self, packets: Sequence[bytes]) -> None: ...

    def free_bytes(self) -> int: ...


class SetOut(Protocol):
    """Takes the records of a finished frame set."""

    def put_set(self, set_id: int, records: dict[int, list[bytes]], housekeeping: dict[str, Any], last_ns: int) -> None: ...
