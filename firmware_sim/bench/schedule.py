"""What a bench plays: a ring of frames, at which times, to which payload; one TOML file."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass as checked

from firmware_sim.bench.faults import LinkFaults
from sensorproc.config import CHECKED, Config, describe, merged
from sensorproc.config import parse as parse_config
from sensorproc.errors import ConfigError
from sensorproc.toml_file import read_toml


@checked(frozen=True, config=CHECKED)
class _File:
    """``recording`` or ``scenario``: where the ring comes from; ``ring`` frames of a detector are taken; ``payload`` changes what
    came with the recording."""

    recording: str | None = None
    scenario: str | None = None
    ring: Annotated[int, Field(ge=1, le=10_000)] | None = None
    cadence_s: Annotated[float, Field(gt=0, le=3600)] | None = None
    readout_s: Annotated[float, Field(ge=0, le=60)] = 0.0  # from the end of an exposure to its sending
    payload: dict[str, Any] = Field(default_factory=dict)
    inject: LinkFaults = LinkFaults()


@dataclass(frozen=True)
class Schedule:
    """A schedule as read: paths are relative to its file."""

    name: str
    recording: Path | None
    scenario: str | None
    ring: int | None
    cadence_s: float | None
    readout_s: float
    payload: dict[str, Any]
    inject: LinkFaults

    def configured(self, base: Config, cadence_s: float | None) -> Config:
        """What the payload believes: as it came with the recording, with the schedule's changes; a cadence given here goes before
        all, and an exposure that does not fit it is as long as it."""
        from dataclasses import asdict

        given = merged(asdict(base), self.payload)  # type: ignore[call-overload]
        wanted = cadence_s or self.cadence_s
        if wanted is not None:
            given["sensor"]["cadence_s"] = wanted
        return parse_config(given)


def load_schedule(path: Path) -> Schedule:
    """A schedule from its file.

    Raises
    ------
    ConfigError
        With every mistake.
    """
    try:
        file = TypeAdapter(_File).validate_python(read_toml(path))
    except ValidationError as error:
        raise ConfigError([f"{path}: " + describe(item, _File, "$.") for item in error.errors()]) from None
    if (file.recording is None) == (file.scenario is None):
        raise ConfigError([f"{path}: want one of recording and scenario"])
    recording = path.parent / file.recording if file.recording else None
    return Schedule(
        path.stem, recording, file.scenario, file.ring, file.cadence_s, file.readout_s, file.payload, file.inject
    )  # fmt: skip
