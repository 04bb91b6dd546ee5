"""The host's profile and the costs of stages, measured and fitted on this machine and written as TOML."""

import statistics
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path

from firmware_sim.board.processor_profile import Profile, load_profile
from firmware_sim.cost.fit import fit_stage, levels_of
from firmware_sim.cost.measure import Cell, Sample, cell, copy_bandwidths
from firmware_sim.cost.model import StageCost
from sensorproc.config import toml_value

CELLS = ((320, 6), (320, 12), (320, 24), (640, 6), (640, 12), (640, 24), (1280, 6), (1280, 12))
BARE_CELLS = ((320, 6), (320, 12), (640, 6), (640, 12), (960, 6))  # without a dark map: stages that others spare
N_RUNS = 3
Progress = Callable[[str, int, int], None]


def measured_profile() -> Profile:
    """The shipped host profile with this machine's bandwidths."""
    levels, host = levels_of(copy_bandwidths()), load_profile("host")
    values = asdict(host) | asdict(levels)  # type: ignore[call-overload]
    values["basis"] = host.basis | dict.fromkeys(asdict(levels), "copies between arrays of 32 kB to 128 MB, measured")
    return Profile(**values)


def fitted(profile: Profile, progress: Progress) -> dict[str, StageCost]:
    """Costs of every stage. Cells differ in size and in number of frames; runs of a cell follow a warm-up."""
    plan = [(side, n, False) for side, n in CELLS] + [(side, n, True) for side, n in BARE_CELLS]
    samples: dict[str, list[Sample]] = {}
    full: set[str] = set()
    for k, (side, n, bare) in enumerate(plan):
        progress("cell", k, len(plan))
        found = medians(cell(side, n, bare), N_RUNS)
        full |= set(found) if not bare else set()
        for stage, sample in found.items():
            if not bare or stage not in full:
                samples.setdefault(stage, []).append(sample)
    progress("cell", len(plan), len(plan))
    return {stage: fit_stage(samples[stage], profile) for stage in sorted(samples)}


def medians(what: Cell, n_runs: int) -> dict[str, Sample]:
    """Every stage's median times of several runs."""
    what.run()
    runs = [what.run() for _ in range(n_runs)]
    return {stage: median_of([run[stage] for run in runs if stage in run]) for stage in runs[0]}


def median_of(samples: Sequence[Sample]) -> Sample:
    """The median of the same work's times."""
    cpu, elapsed = (statistics.median(getattr(s, name) for s in samples) for name in ("cpu_s", "elapsed_s"))
    return Sample(samples[0].calls, cpu, elapsed)


def write_stages(path: Path, stages: dict[str, StageCost], reference: str) -> None:
    """Costs as TOML."""
    head = f"# Costs of the pipeline's stages in operations of the host's nominal core and bytes; {reference}.\n"
    body = "".join(
        f"\n[stages.{name}]\n" + "".join(f"{key} = {toml_value(_rounded(value))}\n" for key, value in asdict(cost).items())  # type: ignore[call-overload]
        for name, cost in stages.items()
    )
    path.write_text(head + body, "utf-8")


def write_profile(path: Path, profile: Profile) -> None:
    """A profile as TOML."""
    values = asdict(profile)  # type: ignore[call-overload]
    basis = values.pop("basis")
    lines = ["# The machine that costs were calibrated on."]
    lines += [f"{key} = {toml_value(_rounded(value))}" for key, value in values.items()]
    lines += ["", "[basis]", *(f"{key} = {toml_value(value)}" for key, value in basis.items())]
    path.write_text("\n".join(lines) + "\n", "utf-8")


def _rounded(value: object) -> object:
    """Figures to four digits: no measurement is better."""
    if isinstance(value, tuple):
        return tuple(_rounded(v) for v in value)
    return float(f"{value:.4g}") if isinstance(value, float) else value
