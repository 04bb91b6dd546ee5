"""Scenarios: the sky and camera that are, the payload that looks, and the board that carries it, in one TOML file."""

import re
from dataclasses import asdict, field, replace
from importlib import resources
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from firmware_sim.board.processor_profile import Profile
from firmware_sim.scenarios.operations import FAULTS, Fault, Operations
from firmware_sim.scenarios.zoo import instrument, is_zoo
from firmware_sim.scene.settings.ranges import STRICT
from firmware_sim.scene.settings.scene import Scene, Sensor
from sensorproc import config as payload_config
from sensorproc.config import Config, describe, merged, with_quality
from sensorproc.errors import ConfigError, InputError, UsageError
from sensorproc.timescales import tai_ns_from_utc, utc_from_tai_ns
from sensorproc.toml_file import read_named

FOLDER = resources.files("firmware_sim").joinpath("scenarios", "shipped")
SCENARIOS = tuple(sorted(p.name.removesuffix(".toml") for p in FOLDER.iterdir() if p.name.endswith(".toml")))


@dataclass(frozen=True, config=STRICT)
class Board:
    """The payload's computer and its link."""

    processor: str = "jetson_orin"
    memory_bytes: Annotated[int, Field(ge=1_000_000)] | None = None  # None: what the processor's profile has
    link_bit_s: Annotated[float, Field(ge=1, le=1e12)] = 64_000.0
    queue_bytes: Annotated[int, Field(ge=1024)] = 262_144  # packets waiting for the radio
    readout_s: Annotated[float, Field(ge=0)] = 0.2
    waiting_sets: Annotated[int, Field(ge=1, le=8)] = 1  # complete sets of a detector that may wait for their search

    @property
    def n_sets(self) -> int:
        """Sets of a detector that are held at a time: one taken, one in work, and those that wait."""
        return 2 + self.waiting_sets

    def memory_of(self, profile: Profile) -> int:
        """Bytes of memory with a processor on it."""
        return profile.memory_bytes if self.memory_bytes is None else self.memory_bytes


@dataclass(frozen=True)
class Scenario:
    """One flight: what is simulated, what the payload is told, what it runs on."""

    name: str
    scene: Scene
    payload: Config
    board: Board = field(default_factory=Board)
    operations: Operations = field(default_factory=Operations)

    def with_scene(self, **values: Any) -> "Scenario":
        """The same scenario with some values of its scene replaced."""
        return replace(self, scene=replace(self.scene, **values))


def load(
    source: str | Path, preset: str | None = None, over: dict[str, Any] | None = None, quality: str | Path | None = None
) -> Scenario:
    """A scenario from a TOML file, one of the shipped by name, or an instrument of the zoo (``zoo_17``).

    ``preset`` replaces the payload it names, ``over`` some of its values, ``quality`` what the payload spends.

    The file names a payload ``preset`` and may override it under ``[payload]``; ``[scene]`` takes its sensor from the
    payload and may override it under ``[scene.sensor]``: then the payload believes something that is not so.

    Raises
    ------
    ConfigError
        With every mistake at once.
    """
    known = instrument(str(source)) if is_zoo(str(source)) else read_named(source, FOLDER, SCENARIOS, "scenario")
    values = merged(known, over or {})
    sections = ("payload", "scene", "board", "operations")
    allowed = ("name", "preset", *sections)
    extra = sorted(set(values) - set(allowed))
    if extra:
        raise ConfigError([f"$.{key}: unknown key (allowed: {', '.join(allowed)})" for key in extra])
    wrong = [f"$.{key} = {values[key]!r}: want a table" for key in sections if not isinstance(values.get(key, {}), dict)]
    if wrong:
        raise ConfigError(wrong)
    base = payload_config.load(preset or str(values.get("preset", "geo_search_2k")))
    name = str(values.get("name", Path(source).stem))
    if not re.fullmatch(r"[A-Za-z0-9_.-]+", name) or name.startswith("."):
        raise ConfigError([f"$.name = {name!r}: it becomes part of file names; use letters, digits, '_', '-' and '.'"])
    payload = _payload(merged(_given(asdict(base)), values.get("payload", {})))  # type: ignore[call-overload]
    told = {name: getattr(payload.sensor, name) for name in Sensor.__annotations__}
    sensor = {name: value for name, value in told.items() if value is not None}
    scene_values = values.get("scene", {})
    if not isinstance(scene_values.get("sensor", {}), dict):
        raise ConfigError([f"$.scene.sensor = {scene_values['sensor']!r}: want a table"])
    given = {"set_frames": payload.frame_set.max_frames} | scene_values
    scene = _validated(Scene, given | {"sensor": sensor | scene_values.get("sensor", {})}, "scene")
    names = {neighbour.name for neighbour in scene.neighbours}
    lost = [f"$.scene.formations.{k}.around = {f.around!r}: no neighbour has this name (allowed: {', '.join(sorted(names))})"
            for k, f in enumerate(scene.formations) if f.around not in names]  # fmt: skip
    if lost:
        raise ConfigError(lost)
    try:
        start = utc_from_tai_ns(tai_ns_from_utc(scene.start_utc))  # one way to write it, whatever was given
    except InputError as error:
        raise ConfigError([f"$.scene.start_utc: {error}"]) from None
    scene = replace(scene, start_utc=start)
    if scene.detector.overscan_columns >= scene.sensor.shape_px[1]:
        dark = f"{scene.detector.overscan_columns} of {scene.sensor.shape_px[1]} columns: none is left to see light"
        raise ConfigError([f"$.scene.detector.overscan_columns = {dark}"])
    if 2 * scene.defects.covered_px >= min(scene.sensor.shape_px):
        raise ConfigError([f"$.scene.defects.covered_px = {scene.defects.covered_px}: no pixel is left to see light"])
    if scene.sensor.exposure_s > scene.sensor.cadence_s:
        longer = f"an exposure of {scene.sensor.exposure_s:g} s does not fit a cadence of {scene.sensor.cadence_s:g} s"
        raise ConfigError([f"$.payload.sensor: {longer}"])
    board = _validated(Board, values.get("board", {}), "board")
    return Scenario(
        name, scene, with_quality(payload, quality), board, _validated(Operations, values.get("operations", {}), "operations")
    )


def _payload(values: dict[str, Any]) -> Config:
    try:
        return payload_config.parse(values)
    except ConfigError as error:
        raise ConfigError([problem.replace("$.", "$.payload.", 1) for problem in error.problems]) from None


def with_seed(scenario: Scenario, seed: int | None) -> Scenario:
    """The same scenario with another seed."""
    if seed is not None and seed < 0:
        raise UsageError(f"--seed {seed}: want 0 or more")
    return scenario if seed is None else scenario.with_scene(seed=seed)


def with_board(scenario: Scenario, values: dict[str, Any]) -> Scenario:
    """The same scenario with some of the board's facts replaced; None leaves one as it is."""
    return replace(scenario, board=board_of(asdict(scenario.board), values))  # type: ignore[call-overload]


def board_of(*values: dict[str, Any]) -> Board:
    """A board of such facts, the later ones going before the earlier; None leaves one as it is."""
    given = {name: value for some in values for name, value in some.items() if value is not None}
    board: Board = _validated(Board, given, "board")
    return board


def with_faults(scenario: Scenario, text: str | None) -> Scenario:
    """The same scenario with faults written as ``kind=N`` (an hour) or ``kind@T`` (seconds after the start), with commas."""
    faults = []
    for part in text.split(",") if text else ():
        found = re.fullmatch(r"\s*([a-z_]+)([=@])([0-9.eE+-]+)\s*", part)
        if not found or found[1] not in FAULTS:
            raise UsageError(f"--inject {part!r}: want kind=N or kind@T, kind one of {', '.join(FAULTS)}")
        try:
            number = float(found[3])
            faults.append(Fault(found[1], per_hour=number) if found[2] == "=" else Fault(found[1], (number,)))
        except ValueError:
            raise UsageError(f"--inject {part!r}: want a number, not below 0") from None
    if not faults:
        return scenario
    given = asdict(scenario.operations)  # type: ignore[call-overload]
    values = given | {"faults": [*given["faults"], *(asdict(fault) for fault in faults)]}  # type: ignore[call-overload]
    return replace(scenario, operations=_validated(Operations, values, "operations"))


def _validated(kind: Any, values: dict[str, Any], place: str) -> Any:
    try:
        return TypeAdapter(kind).validate_python(values)
    except ValidationError as error:
        raise ConfigError([describe(item, kind, f"$.{place}.") for item in error.errors()]) from None


def _given(values: dict[str, Any]) -> dict[str, Any]:
    """Without what is None: absent, so that defaults apply."""
    return {key: _given(value) if isinstance(value, dict) else value for key, value in values.items() if value is not None}
