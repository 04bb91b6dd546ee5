"""What a suite is: cases (a scenario, a preset, changes, seeds) and the gates its figures must pass, in one TOML file."""

import hashlib
import json
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass as checked

from firmware_sim.scenarios.scenario import Scenario, load
from sensorproc.config import CHECKED, describe
from sensorproc.errors import ConfigError
from sensorproc.run_folder.software import files_digest
from sensorproc.scoring.verdict.gates import Gate, parse_gates
from sensorproc.toml_file import read_named

FOLDER = resources.files("firmware_sim").joinpath("suites")
SUITES = ("smoke", "nightly", "release", "limits", "false_alarms", "zoo")
SEEDS_APART = 1_000_000  # between two runs of a suite, and
CASES_APART = 10_000  # between two of its cases: no seed is used twice
FIELDS = 24  # starting times of successive seeds: other stars for a camera held to its orbit, and the Sun moves on, too
FIELD_MINUTES = 7.0  # from one to the next: the orbit turns 1.75 deg


@checked(frozen=True, config=CHECKED)
class Case:
    """One scenario with ``n_seeds`` skies; ``over`` replaces values of its file. Loss is counted from the search limit, or
    from that of a search which must learn the detector's pattern from the very set (``own_pattern``)."""

    name: str
    scenario: str
    n_seeds: Annotated[int, Field(ge=1, le=CASES_APART)]
    preset: str | None = None
    over: dict[str, Any] = Field(default_factory=dict)
    own_pattern: bool = False


@checked(frozen=True, config=CHECKED)
class _Zoo:
    """Instruments of the zoo, each a case, from number ``first`` on."""

    instruments: Annotated[int, Field(ge=1, le=10_000)]
    n_seeds: Annotated[int, Field(ge=1, le=CASES_APART)]
    first: Annotated[int, Field(ge=0, le=900_000)] = 1

    def cases(self) -> list[Case]:
        names = [f"zoo_{number}" for number in range(self.first, self.first + self.instruments)]
        return [Case(name, name, self.n_seeds, own_pattern=True) for name in names]


@checked(frozen=True, config=CHECKED)
class _File:
    """A suite of its own cases and gates, of a ``zoo``, or ``like`` a shipped one with so many ``times`` its skies."""

    case: list[Case] = Field(default_factory=list)
    gate: list[dict[str, Any]] = Field(default_factory=list)
    zoo: _Zoo | None = None
    like: Literal["smoke", "nightly"] | None = None
    times: Annotated[int, Field(ge=1, le=100)] = 1


@dataclass(frozen=True)
class Suite:
    """A suite as read; ``digest`` tells whether two runs are of the same scenes."""

    name: str
    cases: tuple[Case, ...]
    gates: tuple[Gate, ...]
    digest: str


def load_suite(source: str | Path) -> Suite:
    """A suite by name or from a TOML file.

    Raises
    ------
    InputError
        If there is none.
    ConfigError
        With every mistake of the file.
    """
    name = str(source) if str(source) in SUITES else Path(source).stem
    try:
        file = TypeAdapter(_File).validate_python(read_named(source, FOLDER, SUITES, "suite"))
    except ValidationError as error:
        raise ConfigError([f"{source}: " + describe(item, _File) for item in error.errors()]) from None
    if [bool(file.case), bool(file.like), bool(file.zoo)].count(True) != 1:
        raise ConfigError([f"{source}: want one of [[case]], [zoo] and like"])
    if file.like:
        other = load_suite(file.like)
        cases = [replace(case, n_seeds=case.n_seeds * file.times) for case in other.cases]
        return Suite(name, tuple(cases), other.gates, _digest(cases))
    chosen = file.zoo.cases() if file.zoo else file.case
    names = [case.name for case in chosen]
    if len(set(names)) < len(names):
        raise ConfigError([f"{source}: two cases are named {sorted({n for n in names if names.count(n) > 1})}"])
    gates = parse_gates({"gate": file.gate}, str(source)) if file.gate else []
    return Suite(name, tuple(chosen), tuple(gates), _digest(chosen))


def _digest(cases: list[Case]) -> str:
    """What decides every pixel: the cases, all their scenes' values, the renderer's code and the star table."""
    scenes = [load(case.scenario, case.preset, case.over).scene for case in cases]  # a mistake is told before hours are spent
    said = [[case.name, case.n_seeds, asdict(scene)] for case, scene in zip(cases, scenes, strict=True)]  # type: ignore[call-overload]
    found = hashlib.sha256(json.dumps([said, files_digest("firmware_sim.scene")], sort_keys=True).encode())
    found.update(resources.files("sensorproc").joinpath("catalog", "stars.bin").read_bytes())
    return found.hexdigest()[:16]


def scenario_of(case: Case, place: int, run_seed: int, k: int) -> Scenario:
    """The scenario of a case's ``k``-th seed in a run: another sky, other objects, other noise."""
    scenario = load(case.scenario, case.preset, case.over)
    seed = run_seed * SEEDS_APART + place * CASES_APART + k
    later = timedelta(minutes=FIELD_MINUTES * ((run_seed + k) % FIELDS))
    start = (datetime.fromisoformat(scenario.scene.start_utc) + later).isoformat()
    return scenario.with_scene(seed=seed, start_utc=start)
