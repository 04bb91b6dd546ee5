"""Processors as data: rates, power and where each figure comes from."""

from importlib import resources
from pathlib import Path
from typing import Annotated, Self

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError, model_validator
from pydantic.dataclasses import dataclass

from sensorproc.config import describe
from sensorproc.errors import ConfigError
from sensorproc.toml_file import read_named

PROFILES = ("rad750", "gr740", "rad5545", "pic64_hpsc", "zynq_ultrascale", "jetson_orin", "host")  # slowest first
Positive = Annotated[float, Field(gt=0)]


@dataclass(frozen=True, config=ConfigDict(extra="forbid", allow_inf_nan=False))
class Profile:
    """One processor. ``basis`` says for every figure where it comes from; figures in ``unverified`` are estimates."""

    name: str
    cores: Annotated[int, Field(ge=1, le=64)]
    ops_per_core_s: Positive
    cache_bytes: tuple[Positive, ...]  # levels of memory but the last, nearest first
    bandwidth_bytes_s: tuple[Positive, ...]  # sustained, of every level
    overhead: Annotated[float, Field(ge=0)]  # operating system and interrupts, relative
    jitter: Annotated[float, Field(ge=0, lt=1)]  # relative half width
    idle_w: Positive
    active_w: Positive  # all cores busy
    basis: dict[str, str]
    unverified: tuple[str, ...]
    memory_bytes: Annotated[int, Field(ge=1_000_000)] = 4_000_000_000  # on a board of its kind
    boot_s: Annotated[float, Field(ge=0)] = 4.0  # from a reset until components run
    edac: bool = True  # memory corrects one wrong bit in a word and sees two
    upsets_bit_day: Annotated[float, Field(ge=0, le=1)] = 1e-10  # in quiet geostationary weather

    @property
    def n_searches(self) -> int:
        """How often every set is searched: twice and compared where memory does not correct its errors."""
        return 1 if self.edac else 2

    @model_validator(mode="after")
    def _one_bandwidth_a_level(self) -> Self:
        if len(self.bandwidth_bytes_s) != len(self.cache_bytes) + 1:
            raise ValueError(f"bandwidth_bytes_s wants {len(self.cache_bytes) + 1} values: one for every cache, and memory")
        return self


def load_profile(source: str | Path) -> Profile:
    """A profile by name or from a TOML file."""
    values = read_named(source, resources.files("firmware_sim").joinpath("processors"), PROFILES, "processor")
    try:
        return TypeAdapter(Profile).validate_python(values)
    except ValidationError as error:
        raise ConfigError([describe(item, Profile) for item in error.errors()]) from None
