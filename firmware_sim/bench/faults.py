"""Faults of the frame link that a bench makes: shares of frames that are lost, damaged, late or sent twice."""

import re
from dataclasses import fields
from typing import Annotated

import numpy as np
from pydantic import Field
from pydantic.dataclasses import dataclass

from sensorproc.config import CHECKED
from sensorproc.errors import UsageError

Share = Annotated[float, Field(ge=0, le=1)]


@dataclass(frozen=True, config=CHECKED)
class LinkFaults:
    """Shares of frames; ``late`` ones come ``late_cadences`` after their time."""

    drop: Share = 0.0
    corrupt: Share = 0.0
    late: Share = 0.0
    duplicate: Share = 0.0
    late_cadences: Annotated[float, Field(gt=0, le=100)] = 0.3
    seed: Annotated[int, Field(ge=0)] = 1

    @property
    def are_any(self) -> bool:
        return any((self.drop, self.corrupt, self.late, self.duplicate))

    def of(self, number: int) -> frozenset[str]:
        """What befalls a frame: the same at every call."""
        rng = np.random.default_rng([self.seed, number])
        return frozenset(kind for kind in ("drop", "corrupt", "late", "duplicate") if rng.random() < getattr(self, kind))


def parse_faults(text: str | None) -> LinkFaults | None:
    """Faults written as ``drop=0.01,late=0.05``; none if nothing is.

    Raises
    ------
    UsageError
        If they are written in another way.
    """
    if not text:
        return None
    names = {field.name for field in fields(LinkFaults)}
    values: dict[str, float] = {}
    for part in text.split(","):
        found = re.fullmatch(r"\s*(\w+)=([0-9.eE+-]+)\s*", part)
        if not found or found[1] not in names:
            raise UsageError(f"--inject {part!r}: want KIND=SHARE, KIND one of {', '.join(sorted(names))}")
        values[found[1]] = int(found[2]) if found[1] == "seed" else float(found[2])
    try:
        return LinkFaults(**values)  # type: ignore[arg-type]
    except ValueError as error:
        raise UsageError(f"--inject {text}: {error}") from None
