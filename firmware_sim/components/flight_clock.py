"""The payload's own clock: a free-running counter steered by pulses of the host, and what it knows of its own error.

While locked, its error is what the pulses leave. Without pulses it drifts, and its sigma grows with the drift it may have. The
counter tells a jump of the time code at once: the counter is believed, and the ground is told.
"""

from dataclasses import dataclass

from firmware_sim.ports import Clock, EventOut, port
from sensorproc.downlink.dictionary import Severity
from sensorproc.timescales import NS_PER_S

LOCKED_SIGMA_S = 1e-6
DRIFT_SIGMA = 5e-7  # relative: of a crystal that was steered until now
JUMP_SEEN_S = 1e-4


@dataclass
class FlightClock:
    """Ports: true time (of the simulation), events. ``drift`` is the counter's own, as it is and not as it is known."""

    clock: Clock
    event: EventOut = port()
    drift: float = 0.0
    is_locked: bool = True
    lost_at_ns: int = 0

    def lose(self) -> None:
        """The pulses stop."""
        if self.is_locked:
            self.is_locked, self.lost_at_ns = False, self.clock.now_ns()
            self.event("CLOCK_HOLDOVER", Severity.WARNING_HI)

    def lock(self) -> None:
        """The pulses are back."""
        if not self.is_locked:
            self.event("CLOCK_LOCKED", Severity.ACTIVITY_HI, self.sigma_s())
            self.is_locked = True

    def jump(self, seconds: float) -> None:
        """The host's time code steps: seen against the counter, unless it is too small to matter."""
        if abs(seconds) > JUMP_SEEN_S:
            self.event("CLOCK_JUMP", Severity.WARNING_HI, seconds)

    def error_ns(self) -> int:
        """What the payload takes for TAI, less TAI."""
        return 0 if self.is_locked else round(self.drift * (self.clock.now_ns() - self.lost_at_ns))

    def stamp(self, true_tai_ns: int) -> int:
        """The time the payload gives to an instant just past."""
        return true_tai_ns + self.error_ns()

    def sigma_s(self) -> float:
        """Standard deviation of the clock's error, as the payload knows it."""
        held_s = 0.0 if self.is_locked else (self.clock.now_ns() - self.lost_at_ns) / NS_PER_S
        return LOCKED_SIGMA_S + DRIFT_SIGMA * held_s
