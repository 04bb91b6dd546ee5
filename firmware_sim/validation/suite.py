"""What a suite is: cases (a scenario, a preset, changes, seeds) and the gates its figures must pass, in one TOML file."""

import hashlib
import json
import tomllib
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from importlib import resources
from pathlib import Path
from typing import Annotated, Any

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass as checked

from firmware_sim.scenario import Scenario, load
from sensorproc.config import describe
from sensorproc.errors import ConfigError, InputError
from sensorproc.scoring.gates import Gate, parse_gates

FOLDER = resources.files("firmware_sim").joinpath("suites")
SUITES = ("smoke", "nightly", "release")
SEEDS_APART = 1_000_000  # between two runs of a suite, and
CASES_APART = 10_000  # between two of its cases: no seed is used twice
FIELDS = 24  # starting times of successive seeds: other stars for a camera held to its orbit, and the Sun moves on, too
FIELD_MINUTES = 7.0  # from one to the next: the orbit turns 1.75 deg


@checked(frozen=True, config=ConfigDict(extra="forbid"))
class Case:
    """One scenario with ``n_seeds`` skies; ``over`` replaces values of its file."""

    name: str
    scenario: str
    n_seeds: Annotated[int, Field(ge=1, le=CASES_APART)]
    preset: str | None = None
    over: dict[str, Any] = Field(default_factory=dict)


@checked(frozen=True, config=ConfigDict(extra="forbid"))
class _File:
    case: Annotated[list[Case], Field(min_length=1)]
    gate: list[dict[str, Any]] = Field(default_factory=list)


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
    path = Path(source)
    if str(source) not in SUITES and not path.is_file():
        raise InputError(f"{source}: no such file, and no suite ({', '.join(SUITES)}) has this name")
    try:
        if str(source) in SUITES:
            text, name = FOLDER.joinpath(f"{source}.toml").read_text("utf-8"), str(source)
        else:
            text, name = path.read_text("utf-8"), path.stem
        values = tomllib.loads(text)
        file = TypeAdapter(_File).validate_python(values)
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError([f"{source}: not valid TOML: {error}"]) from None
    except ValidationError as error:
        raise ConfigError([f"{source}: " + describe(item, _File) for item in error.errors()]) from None
    names = [case.name for case in file.case]
    if len(set(names)) < len(names):
        raise ConfigError([f"{source}: two cases are named {sorted({n for n in names if names.count(n) > 1})}"])
    gates = parse_gates({"gate": file.gate}, str(source)) if file.gate else []
    scenes = [load(case.scenario, case.preset, case.over) for case in file.case]  # a mistake is told before hours are spent
    return Suite(name, tuple(file.case), tuple(gates), _digest(file.case, scenes))


def _digest(cases: list[Case], scenarios: list[Scenario]) -> str:
    """What decides every pixel: the cases, all their scenes' values, the renderer's code and the star table."""
    said = [[case.name, case.n_seeds, asdict(scenario.scene)] for case, scenario in zip(cases, scenarios, strict=True)]  # type: ignore[call-overload]
    found = hashlib.sha256(json.dumps(said, sort_keys=True).encode())
    renderer = Path(str(resources.files("firmware_sim").joinpath("scene")))
    for path in sorted(renderer.rglob("*.py")):
        found.update(path.read_bytes())
    found.update(resources.files("sensorproc").joinpath("stars.bin").read_bytes())
    return found.hexdigest()[:16]


def scenario_of(case: Case, place: int, run_seed: int, k: int) -> Scenario:
    """The scenario of a case's ``k``-th seed in a run: another sky, other objects, other noise."""
    scenario = load(case.scenario, case.preset, case.over)
    seed = run_seed * SEEDS_APART + place * CASES_APART + k
    later = timedelta(minutes=FIELD_MINUTES * ((run_seed + k) % FIELDS))
    start = (datetime.fromisoformat(scenario.scene.start_utc) + later).isoformat()
    return scenario.with_scene(seed=seed, start_utc=start)
