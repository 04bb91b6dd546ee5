"""Time of a call on a processor: the slower of arithmetic and memory, with overhead and jitter, never a stopwatch.

Arithmetic is counted in operations of a nominal core and calibrated on the host (``stages.toml``, written by
``firmware-sim calibrate``); bytes go over the bandwidth of the cache level that holds what a stage touches at a time.
Stages that share their rows or frames among threads gain by cores, Amdahl's way.
"""

import math
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

import numpy as np

from firmware_sim.board.processor_profile import Profile
from firmware_sim.cost.work import Work
from sensorproc.errors import ConfigError, SensorprocError
from sensorproc.toml_file import read_toml

LEVEL_BLUR = 0.5  # natural logarithm of the size over which one level of memory gives way to the next


@dataclass(frozen=True)
class StageCost:
    """Operations of a call, of a frame, of a pixel and of an item; bytes moved for a pixel and an item; share of the time that
    threads divide; ``spread``: rms of the logarithm of measured over fitted times."""

    ops_call: float
    ops_frame: float
    ops_px: float
    ops_item: float
    bytes_px: float
    bytes_item: float
    parallel: float
    spread: float


def load_stages(path: Path | None = None) -> dict[str, StageCost]:
    """The calibrated costs, by stage: the shipped ones, or a file that ``calibrate`` has written.

    Raises
    ------
    InputError, ConfigError
        If the file cannot be read or is no table of costs.
    """
    values = read_toml(path or resources.files("firmware_sim").joinpath("cost", "stages.toml"))
    try:
        return {name: _finite(StageCost(**of_stage)) for name, of_stage in values["stages"].items()}
    except (KeyError, TypeError, ValueError, AttributeError):
        raise ConfigError([f"{path}: not a table of stages' costs; firmware-sim calibrate writes one"]) from None


def _finite(cost: StageCost) -> StageCost:
    if not all(isinstance(v, int | float) and math.isfinite(v) and v >= 0 for v in vars(cost).values()):
        raise ValueError
    return cost


def bandwidth_bytes_s(profile: Profile, resident_bytes: float) -> float:
    """Of the level that holds so many bytes; near a level's size, between its own and the next one's."""
    slow = 1.0 / profile.bandwidth_bytes_s[0]
    for size, wider in zip(profile.cache_bytes, profile.bandwidth_bytes_s[1:], strict=True):
        beyond = 1.0 / (1.0 + math.exp(-math.log(max(resident_bytes, 1.0) / size) / LEVEL_BLUR))
        slow = (1.0 - beyond) * slow + beyond / wider
    return 1.0 / slow


def cpu_s(cost: StageCost, work: Work, profile: Profile) -> float:
    """Processor time of a call on one core, without overhead."""
    fixed = cost.ops_call + cost.ops_frame * work.frames
    arithmetic = (cost.ops_px * work.pixels + cost.ops_item * work.items) / profile.ops_per_core_s
    memory = (cost.bytes_px * work.pixels + cost.bytes_item * work.items) / bandwidth_bytes_s(profile, work.resident_bytes)
    return fixed / profile.ops_per_core_s + max(arithmetic, memory)


@dataclass
class CostModel:
    """Durations of stages on one processor."""

    profile: Profile
    rng: np.random.Generator
    stages: dict[str, StageCost]

    def core_s(self, stage: str, work: Work) -> tuple[float, float]:
        """Processor time of a call [s]: of its serial part, and of the part that cores divide."""
        if stage not in self.stages:
            raise SensorprocError(f"stage {stage!r} has no cost: run firmware-sim calibrate")
        cost, profile = self.stages[stage], self.profile
        jitter = 1.0 + profile.jitter * float(self.rng.uniform(-1.0, 1.0))
        total = cpu_s(cost, work, profile) * (1.0 + profile.overhead) * jitter
        return (1.0 - cost.parallel) * total, cost.parallel * total
