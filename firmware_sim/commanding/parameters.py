"""Parameters a telecommand may set: a number, a place in the configuration, and its range as the configuration has it."""

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from sensorproc.config import Config, merged, parse
from sensorproc.downlink.telecommands import Code
from sensorproc.errors import ConfigError


@dataclass(frozen=True)
class Parameter:
    """One number of the configuration that can be set in flight."""

    number: int
    section: str
    name: str
    kind: Callable[[float], Any]
    low: float  # what may be flown; the configuration itself allows more
    high: float


PARAMETERS = {
    parameter.number: parameter
    for parameter in (
        Parameter(1, "search", "false_alarms_per_set", float, 1e-4, 1.0),
        Parameter(2, "search", "margin_snr", float, 0.0, 20.0),
        Parameter(3, "search", "box_px_frame", float, 0.5, 16.0),
        Parameter(4, "search", "max_smear_px", float, 1.0, 12.0),
        Parameter(5, "search", "permuted_every", int, 0, 1000),
        Parameter(6, "search", "max_candidates", int, 10, 5000),
        Parameter(7, "streaks", "enabled", bool, 0, 1),
        Parameter(8, "streaks", "false_alarms_per_frame", float, 1e-6, 0.1),
        Parameter(9, "flatten", "mesh_px", int, 16, 256),
        Parameter(10, "register", "star_snr", float, 5.0, 100.0),
        Parameter(11, "solve", "lost_in_space", bool, 0, 1),
        Parameter(12, "solve", "prior_error_deg", float, 0.01, 2.0),
        Parameter(13, "accept", "min_frames", int, 2, 16),
        Parameter(14, "downlink", "budget_bytes_per_set", int, 0, 10_000_000),
    )
}


@dataclass
class ParameterSet:
    """The configuration in force from the next frame set on."""

    config: Config

    @property
    def most_bytes_per_set(self) -> float:
        """The configured budget of the downlink, where 0 means none."""
        return self.config.downlink.budget_bytes_per_set or math.inf

    def value(self, number: int) -> float:
        """Value of a parameter."""
        parameter = PARAMETERS[number]
        return float(getattr(getattr(self.config, parameter.section), parameter.name))

    def set(self, number: int, value: float) -> Code:
        """Change one parameter; a code and no change if it does not exist or the value is not allowed."""
        parameter = PARAMETERS.get(number)
        if parameter is None:
            return Code.BAD_ARGUMENT
        try:
            given = parameter.kind(value)
        except (OverflowError, ValueError):  # infinite or no number
            return Code.OUT_OF_RANGE
        if float(given) != value or not parameter.low <= value <= parameter.high:
            return Code.OUT_OF_RANGE
        changed = merged(asdict(self.config), {parameter.section: {parameter.name: given}})  # type: ignore[call-overload]
        try:
            self.config = parse(changed)
        except ConfigError:
            return Code.OUT_OF_RANGE
        return Code.NONE
