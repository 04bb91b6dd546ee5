"""Demands on figures, judged on intervals: a gate fails only where chance does not explain the shortfall."""

import math
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from sensorproc.config import CHECKED, describe
from sensorproc.errors import ConfigError
from sensorproc.scoring.figures.intervals import CONFIDENCE, Estimate
from sensorproc.scoring.figures.metrics import METRICS, OF_BOTH, OF_SETS, OF_TARGETS, estimate, select
from sensorproc.scoring.truth import Row
from sensorproc.toml_file import read_toml


@dataclass(frozen=True, config=CHECKED)
class Gate:
    """A figure that must lie between two values. ``where`` selects targets, or the sets of a figure of sets."""

    metric: str
    floor: float = -math.inf
    ceiling: float = math.inf
    where: dict[str, Any] = Field(default_factory=dict)
    why: str = ""

    @property
    def name(self) -> str:
        return f"{self.metric}[{condition(self.where)}]" if self.where else self.metric


@dataclass(frozen=True, config=CHECKED)
class Gates:
    """A file of gates."""

    gate: Annotated[list[Gate], Field(min_length=1)]


@dataclass(frozen=True, config=CHECKED)
class Verdict:
    """A gate judged: ``pass`` where the interval of its figure lies within what is demanded, ``fail`` where it lies wholly
    outside, ``not proven`` between, and ``no data``."""

    gate: Gate
    estimate: Estimate
    outcome: str

    @property
    def is_failed(self) -> bool:
        """Whether it convicts: what chance may explain does not, what was not looked at does."""
        return self.outcome in ("fail", "no data")

    @property
    def text(self) -> str:
        e, g = self.estimate, self.gate
        bounds = " and ".join(
            t for t in (f">= {g.floor:g}" * math.isfinite(g.floor), f"<= {g.ceiling:g}" * math.isfinite(g.ceiling)) if t
        )
        if self.outcome == "no data":
            return f"{g.name}: no data (n = {e.n}); want {bounds}"
        return f"{g.name} = {e.value:.4g} ({e.low:.4g} to {e.high:.4g}, n = {e.n}); want {bounds}"


def condition(where: Row) -> str:
    """A condition in words."""
    return ", ".join(
        f"{key} {value[0]:g}-{value[1]:g}"
        if isinstance(value, (list, tuple)) and not isinstance(value[0], str)
        else f"{key} {value}"
        for key, value in where.items()
    )


def parse_gates(values: Row, source: str) -> list[Gate]:
    """Gates of a TOML table ``[[gate]]``.

    Raises
    ------
    ConfigError
        With every mistake at once.
    """
    try:
        gates = TypeAdapter(Gates).validate_python(values).gate
    except ValidationError as error:
        raise ConfigError([f"{source}: " + describe(item, Gates, "$.") for item in error.errors()]) from None
    wrong = [f"{source}: $.gate.{k}.{text}" for k, gate in enumerate(gates) for text in _mistakes(gate)]
    if wrong:
        raise ConfigError(wrong)
    return gates


def _mistakes(gate: Gate) -> list[str]:
    """What a gate demands that cannot be judged."""
    told = [] if gate.metric in METRICS else [f"metric = {gate.metric!r}: no such figure (allowed: {', '.join(METRICS)})"]
    if not math.isfinite(gate.floor) and not math.isfinite(gate.ceiling):
        told.append("floor, ceiling: want at least one")
    known = OF_BOTH if gate.metric in OF_SETS else OF_TARGETS
    told += [
        f"where.{key}: {gate.metric} knows no such condition (allowed: {', '.join(known)})"
        for key in gate.where
        if key not in known
    ]
    for key, value in gate.where.items():
        is_range = isinstance(value, list) and len(value) == 2 and all(isinstance(v, (int, float)) for v in value)
        is_choice = isinstance(value, list) and value and all(isinstance(v, str) for v in value)
        if isinstance(value, list) and not is_range and not is_choice:
            told.append(f"where.{key} = {value!r}: want [low, high], a list of texts, or one value")
    return told


def load_gates(path: Path) -> list[Gate]:
    """Gates of a file."""
    return parse_gates(read_toml(path), str(path))


def judge(gate: Gate, rows: list[Row], sets: list[Row]) -> Verdict:
    """A gate's outcome."""
    found = estimate(gate.metric, select(rows, gate.where), select(sets, gate.where), CONFIDENCE)
    if found.n == 0 or math.isnan(found.value):
        return Verdict(gate, found, "no data")
    is_out = found.high < gate.floor or found.low > gate.ceiling
    is_in = gate.floor <= found.low and found.high <= gate.ceiling
    return Verdict(gate, found, "fail" if is_out else "pass" if is_in else "not proven")
