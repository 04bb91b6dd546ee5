"""What components know of one another. ``topology`` connects them; no component imports another."""

from collections.abc import Sequence
from typing import Any, Protocol

from sensorproc.downlink.dictionary import Severity
from sensorproc.onboard.products import Frame, Rejection

Item = Frame | Rejection


class Clock(Protocol):
    """Time of the payload: nanoseconds of TAI, and of the simulation since its start."""

    def now_ns(self) -> int: ...

    def tai_ns(self) -> int: ...


class FrameIn(Protocol):
    """Takes what the camera read, in order of time. ``None`` in a frame's place: there was no memory for it."""

    def put(self, set_id: int, item: Item) -> None: ...


class BufferGet(Protocol):
    """Memory by name. Nothing is allocated outside it."""

    def get(self, owner: str, n_bytes: int) -> bool: ...

    def release(self, owner: str, n_bytes: int) -> None: ...


class EventOut(Protocol):
    """Tells the ground of something, with the next packets of a frame set."""

    def event(self, set_id: int, rejection: Rejection, severity: Severity) -> None: ...


class PacketSink(Protocol):
    """Takes packets for the radio, in the order in which they shall go."""

    def put(self, packets: Sequence[bytes]) -> None: ...

    def free_bytes(self) -> int: ...


class SetOut(Protocol):
    """Takes the records of a finished frame set."""

    def put_set(self, set_id: int, records: dict[int, list[bytes]], housekeeping: dict[str, Any], last_ns: int) -> None: ...
