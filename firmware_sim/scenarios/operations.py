"""What a flight shall do beyond taking a recording's frames once: how long, which scan, which commands, which faults."""

from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator
from pydantic.dataclasses import dataclass

from firmware_sim.faults.kinds import KINDS, PIXEL_FAULTS
from firmware_sim.scan.table import MOST_ENTRIES
from firmware_sim.scene.settings.ranges import STRICT
from sensorproc.downlink.telecommands import ARGUMENTS, Mode, Operation

MOST = {"u1": 2**8 - 1, "u2": 2**16 - 1, "u4": 2**32 - 1}
FAULTS = tuple(KINDS)
NotNegative = Annotated[float, Field(ge=0, le=1e8)]


@dataclass(frozen=True, config=STRICT)
class Cell:
    """One place of the scan table; without a direction the line of sight stays where the host points it."""

    n_frames: Annotated[int, Field(ge=1, le=64)] = 16
    settle_s: Annotated[float, Field(ge=0, le=3600)] = 0.0
    ra_deg: Annotated[float, Field(ge=0, lt=360)] | None = None
    dec_deg: Annotated[float, Field(ge=-90, le=90)] | None = None

    @model_validator(mode="after")
    def _is_a_direction(self) -> Self:
        if (self.ra_deg is None) != (self.dec_deg is None):
            raise ValueError("ra_deg and dec_deg: give both, or neither")
        return self


@dataclass(frozen=True, config=STRICT)
class Command:
    """A telecommand of the plan: sent ``t_s`` after the start, to be carried out ``at_s`` after it, or at once. It is answered
    under the number ``request``, a table that is loaded from this number on; without one it gets a free number."""

    t_s: NotNegative
    do: Literal[
        "PING", "SET_MODE", "SET_PARAMETER", "DUMP_PARAMETERS", "START_SCAN", "STOP_SCAN", "REQUEST_FRAME", "REQUEST_CHIP",
        "CLEAR_STORED", "SELF_TEST", "LOAD_SCAN",
    ]  # fmt: skip
    at_s: NotNegative | None = None
    request: Annotated[int, Field(ge=1, le=2**31)] | None = None
    arguments: dict[str, float | str] = Field(default_factory=dict)
    scan: Annotated[tuple[Cell, ...], Field(max_length=MOST_ENTRIES)] = ()

    @model_validator(mode="after")
    def _can_be_sent(self) -> Self:
        wanted = {} if self.do == "LOAD_SCAN" else {field.name: field for field in ARGUMENTS[self.operation]}
        if set(self.arguments) != set(wanted):
            raise ValueError(
                f"{self.do} wants arguments {', '.join(wanted) or 'none'}; given: {', '.join(self.arguments) or 'none'}"
            )
        for name, value in self.arguments.items():
            if isinstance(value, str) and (name != "mode" or value not in Mode.__members__):
                raise ValueError(f"{name} = {value!r}: want a number, or for mode one of {', '.join(Mode.__members__)}")
            most = MOST.get(wanted[name].code)
            if most is not None and not isinstance(value, str) and not (value == int(value) and 0 <= value <= most):
                raise ValueError(f"{name} = {value!r}: want a whole number from 0 to {most}")
        return self

    def values(self) -> dict[str, Any]:
        """Arguments as the packet has them; modes may be named."""
        return {key: int(Mode[value]) if isinstance(value, str) else _whole(value) for key, value in self.arguments.items()}

    @property
    def operation(self) -> Operation:
        """Its operation code; of LOAD_SCAN the first."""
        return Operation.LOAD_TABLE if self.do == "LOAD_SCAN" else Operation[self.do]


@dataclass(frozen=True, config=STRICT)
class Fault:
    """Faults of one kind: at ``at_s``, or ``per_hour`` at random (Poisson). ``size`` is the kind's own: see ``faults.kinds``."""

    kind: Literal[FAULTS]  # type: ignore[valid-type]
    at_s: tuple[NotNegative, ...] = ()
    per_hour: Annotated[float, Field(ge=0, le=1e5)] = 0.0
    size: Annotated[float, Field(ge=1e-3, le=1e5)] | None = None


@dataclass(frozen=True, config=STRICT)
class Operations:
    """``duration_s`` 0: as long as the recording; else its frames are taken again and again.

    ``core``: whether every set is really processed, or a set of the recording the first time only (``reuse``: no pixels are kept,
    so none can be damaged), or whatever has not been before (``remember``: the payload's state stays that of the start). ``scan``
    empty: one cell, where the host points, with the payload's own sets.
    """

    duration_s: NotNegative = 0.0
    core: Literal["real", "reuse", "remember"] = "real"
    scan: tuple[Cell, ...] = ()
    starts: Literal["SAFE", "IDLE", "CHECKOUT", "OBSERVE"] = "OBSERVE"
    commands: tuple[Command, ...] = ()
    faults: tuple[Fault, ...] = ()
    products: bool = True  # decode on the ground; else only the packets and the board's own files

    @model_validator(mode="after")
    def _requests_differ(self) -> Self:
        given = [command.request for command in self.commands if command.request is not None]
        twice = sorted({number for number in given if given.count(number) > 1})
        if twice:
            raise ValueError(f"request = {twice[0]}: two commands have this number")
        return self

    @model_validator(mode="after")
    def _pixels_are_there(self) -> Self:
        lost = sorted({fault.kind for fault in self.faults} & PIXEL_FAULTS)
        if self.core == "reuse" and lost:
            raise ValueError(f"core 'reuse' keeps no pixels that {', '.join(lost)} could damage: take 'remember' or 'real'")
        return self


def _whole(value: float) -> float | int:
    return int(value) if value == int(value) else value
