"""What can go wrong, and whose mistake it is.

A :class:`SensorprocError` carries the exit code a command returns for it. Anything else that is raised is a
defect of ours (exit code 1).
"""

ACCURACY_FAILED = 5


class SensorprocError(Exception):
    """Base of every error a user can cause or meet. Its text says what was given, what is allowed, what to do."""

    exit_code = 1


class UsageError(SensorprocError, ValueError):
    """A command line that cannot be carried out."""

    exit_code = 2


class ConfigError(SensorprocError, ValueError):
    """A configuration with one or more mistakes; ``problems`` lists them all."""

    exit_code = 3

    def __init__(self, problems: list[str]):
        self.problems = list(problems)
        super().__init__("\n".join(problems))


class InputError(SensorprocError, ValueError):
    """A file or folder that is missing, corrupt or of an unknown kind."""

    exit_code = 4


class PacketError(SensorprocError, ValueError):
    """Bytes that do not form a packet of our dictionary."""

    exit_code = 4


class ReleaseError(SensorprocError, ValueError):
    """A product that may not be written: marking or data mode missing or contradictory."""

    exit_code = 5


class NotComparable(SensorprocError, ValueError):
    """Two results that are not of the same scenes."""

    exit_code = 7


class ShapeError(SensorprocError, TypeError):
    """An array of the wrong shape or type reached a stage: a bug in the caller."""


class FrameSetRejected(Exception):
    """The data are bad, not the code: becomes an event and loses nothing but the frame or set it names.

    Parameters
    ----------
    reason : str
        One of the names in :data:`sensorproc.downlink.dictionary.REASONS`.
    **numbers : float
        What was measured, for the event.
    """

    def __init__(self, reason: str, **numbers: float):
        self.reason = reason
        self.numbers = numbers
        detail = ", ".join(f"{key}={value:g}" for key, value in numbers.items())
        super().__init__(f"{reason} ({detail})" if detail else reason)
