"""What a payload must keep to, and whether it did."""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass as checked

from sensorproc.config import CHECKED, describe
from sensorproc.errors import ConfigError
from sensorproc.toml_file import read_toml

Count = Annotated[int, Field(ge=0)]
Positive = Annotated[float, Field(gt=0)]


@checked(frozen=True, config=CHECKED)
class Budget:
    """Limits. A deadline is one period of sets from the end of a set's last exposure; ``median_periods`` are of it, too;
    ``rss_bytes`` are on top of what the payload says that it holds."""

    missed_deadlines: Count = 0
    missed_frames: Count = 0  # prepared later than one cadence after they were due
    lost_frames: Count = 0  # that the bench sent whole and in time, and the payload did not take
    lost_sets: Count = 0
    median_periods: Positive | None = None
    rss_bytes: Positive | None = None
    rss_slope_bytes_min: Positive | None = None


@dataclass(frozen=True)
class Kept:
    """A limit, the figure, and whether it was kept; what was not measured was not."""

    name: str
    value: float | None
    limit: float

    @property
    def is_kept(self) -> bool:
        return self.value is not None and math.isfinite(self.value) and self.value <= self.limit

    def row(self) -> dict[str, Any]:
        """As it is written."""
        return {"name": self.name, "value": self.value, "limit": self.limit, "kept": self.is_kept}


def load_budget(path: Path | None) -> Budget:
    """A budget of a TOML file; no misses and no losses without one.

    Raises
    ------
    ConfigError
        With every mistake.
    """
    if path is None:
        return Budget()
    try:
        return TypeAdapter(Budget).validate_python(read_toml(path))
    except ValidationError as error:
        raise ConfigError([f"{path}: " + describe(item, Budget, "$.") for item in error.errors()]) from None


def judged(budget: Budget, figures: dict[str, float | None]) -> list[Kept]:
    """Every limit that is set against its figure."""
    limits = {name: getattr(budget, name) for name in Budget.__dataclass_fields__}
    return [Kept(name, figures.get(name), float(limit)) for name, limit in limits.items() if limit is not None]
