"""What is injected: targets at given places, or drawn at random, in one TOML file."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, TypeAdapter, ValidationError, model_validator
from pydantic.dataclasses import dataclass

from firmware_sim.scene.settings.ranges import STRICT, NotNegative, Positive
from sensorproc.config import describe
from sensorproc.errors import ConfigError
from sensorproc.toml_file import read_toml

Motion = Literal["detector", "stars"]


@dataclass(frozen=True, config=STRICT)
class Placed:
    """One target: its place at the middle of the first exposure, its rate over the detector or against the stars, and
    its light: electrons per exposure, or a magnitude where the recording has a zero point."""

    name: str
    x_px: float
    y_px: float
    rate_px_frame: tuple[float, float] = (0.0, 0.0)
    relative_to: Motion = "detector"
    electrons: Positive | None = None
    mag: float | None = None

    @model_validator(mode="after")
    def _one_brightness(self) -> "Placed":
        if (self.electrons is None) == (self.mag is None):
            raise ValueError("give either electrons or mag")
        return self


@dataclass(frozen=True, config=STRICT)
class Drawn:
    """Targets at random places; ``set_snr`` is over all frames of the recording, against its median noise."""

    n: Annotated[int, Field(ge=1, le=5000)]
    set_snr: tuple[Positive, Positive]
    rate_px_frame: tuple[NotNegative, NotNegative]
    relative_to: Motion = "stars"
    apart_px: NotNegative = 40.0


@dataclass(frozen=True, config=STRICT)
class Injection:
    """The whole file."""

    seed: Annotated[int, Field(ge=0)] = 1
    data_mode: Literal["EXERCISE", "TEST"] = "EXERCISE"
    fwhm_px: Positive | None = None  # of the targets; measured on the stars if absent
    target: tuple[Placed, ...] = ()
    drawn: tuple[Drawn, ...] = ()


def load_injection(path: Path) -> Injection:
    """Targets of a TOML file.

    Raises
    ------
    InputError
        If it cannot be read.
    ConfigError
        With every mistake at once, or if it names no target.
    """
    values = read_toml(path)
    try:
        injection: Injection = TypeAdapter(Injection).validate_python(values)
    except ValidationError as error:
        raise ConfigError([f"{path}: " + describe(item, Injection) for item in error.errors()]) from None
    if not injection.target and not injection.drawn:
        raise ConfigError([f"{path}: names no [[target]] and no [[drawn]]"])
    return injection
