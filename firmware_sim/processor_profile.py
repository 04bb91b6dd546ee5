"""Processors as data: rates, power and where each figure comes from."""

from importlib import resources
from pathlib import Path
from typing import Annotated

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from sensorproc.config import describe
from sensorproc.errors import ConfigError
from sensorproc.toml_file import read_named

PROFILES = ("jetson_orin", "zynq_ultrascale", "gr740", "host")
Positive = Annotated[float, Field(gt=0)]


@dataclass(frozen=True, config=ConfigDict(extra="forbid", allow_inf_nan=False))
class Profile:
    """One processor. ``basis`` says for every figure where it comes from; figures in ``unverified`` are estimates."""

    name: str
    cores: Annotated[int, Field(ge=1, le=64)]
    ops_per_core_s: Positive
    bandwidth_bytes_s: Positive  # sustained
    overhead: Annotated[float, Field(ge=0)]  # operating system and interrupts, relative
    jitter: Annotated[float, Field(ge=0, lt=1)]  # relative half width
    idle_w: Positive
    active_w: Positive  # all cores busy
    basis: dict[str, str]
    unverified: tuple[str, ...]


def load_profile(source: str | Path) -> Profile:
    """A profile by name or from a TOML file."""
    values = read_named(source, resources.files("firmware_sim").joinpath("processors"), PROFILES, "processor")
    try:
        return TypeAdapter(Profile).validate_python(values)
    except ValidationError as error:
        raise ConfigError([describe(item, Profile) for item in error.errors()]) from None
