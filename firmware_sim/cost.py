"""How long a stage takes on a processor: operations and bytes over rates, never a stopwatch.

First version: a stage's operations are its time on one core of the machine this was written on, times that core's
nominal rate; ``benchmarks.bench_process`` prints those times. Bytes are counted passes over the images. Both per pixel
and frame, at the work for which the table was taken.
"""

from dataclasses import dataclass

import numpy as np

from firmware_sim.processor_profile import Profile

REFERENCE_OPS_S = 24e9  # one reference core: 3 GHz x 8 operations a cycle, nominal
REFERENCE_VELOCITIES = 961  # hypotheses in one search
REFERENCE_CANDIDATES = 450  # fitted by one acceptance


@dataclass(frozen=True)
class StageCost:
    """Per pixel and frame: seconds per megapixel on the reference core, bytes moved."""

    reference_s_per_mpix: float
    bytes_per_px: float


STAGES = {
    "calibrate": StageCost(0.011, 12),
    "flatten": StageCost(0.017, 30),
    "subtract_fixed_pattern": StageCost(0.10, 60),
    "register": StageCost(0.042, 45),
    "bright_objects": StageCost(0.016, 12),
    "solve": StageCost(0.001, 1),
    "slow_movers": StageCost(0.001, 1),
    "bright_movers": StageCost(0.0005, 1),
    "subtract_stars": StageCost(0.29, 200),
    "mask_dead_columns": StageCost(0.001, 12),
    "fill_shadows": StageCost(0.005, 30),
    "level_glow": StageCost(0.006, 30),
    "mask_fixed_pixels": StageCost(0.004, 12),
    "stack": StageCost(0.015, 16),
    "boxes": StageCost(0.0, 0),
    "sign_reversed": StageCost(0.008, 20),
    "permuted": StageCost(0.001, 4),
    "search": StageCost(0.05, 961.0),
    "accept": StageCost(0.08, 20),
    "link_points": StageCost(0.009, 20),
    "single_streaks": StageCost(0.12, 300),
    "link_streaks": StageCost(0.0001, 1),
}


def work_of(stage: str, arguments: tuple[object, ...], result: object) -> float:
    """How much of the reference work a call was, per pixel and frame."""
    if stage == "search":
        return float(result[1]) / REFERENCE_VELOCITIES  # type: ignore[index]
    if stage == "accept":
        return len(arguments[1]) / REFERENCE_CANDIDATES  # type: ignore[arg-type]
    return 1.0


def duration_s(stage: str, pixels: float, profile: Profile, rng: np.random.Generator) -> float:
    """Time of one call on one core: the slower of arithmetic and memory, with overhead and jitter."""
    cost = STAGES[stage]
    arithmetic = cost.reference_s_per_mpix * 1e-6 * pixels * REFERENCE_OPS_S / profile.ops_per_core_s
    memory = cost.bytes_per_px * pixels / profile.bandwidth_bytes_s
    return max(arithmetic, memory) * (1.0 + profile.overhead) * (1.0 + profile.jitter * float(rng.uniform(-1.0, 1.0)))
