"""Something that happened and the ground is told of: by name, with its urgency, time and one or two numbers."""

from dataclasses import dataclass

from sensorproc.downlink.dictionary import Severity
from sensorproc.frames import Rejection


@dataclass(frozen=True)
class Event:
    """``reason`` is a name of the dictionary, ``t_tai_ns`` when it happened; ``frame`` and ``detector`` are None where it is not
    one frame's."""

    reason: str
    severity: Severity
    t_tai_ns: int
    numbers: tuple[float, ...] = ()
    frame: int | None = None
    detector: int | None = None

    @classmethod
    def of(cls, rejection: Rejection, severity: Severity = Severity.WARNING_LO) -> "Event":
        """A frame that could not be used."""
        numbers = tuple(value for _, value in rejection.numbers)
        return cls(rejection.reason, severity, rejection.t_mid_tai_ns, numbers, rejection.frame_index, rejection.detector)
