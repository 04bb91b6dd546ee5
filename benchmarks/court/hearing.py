"""One accused before the court: a suite's skies, rendered once, through the product with its defect."""

import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from benchmarks.court.defects import plant
from firmware_sim.scenarios.simulate import simulate
from firmware_sim.validation.suite import Case, load_suite, scenario_of
from firmware_sim.validation.task import judged
from sensorproc.scoring.truth import Row

HEALTHY = "healthy"
JOBS = 2


def heard(case: Case, place: int, seed: int, k: int, folder: Path) -> tuple[list[Row], list[Row]]:
    """Fates and sets of one sky; its recording stays in ``folder`` for the next accused."""
    scenario, recording = scenario_of(case, place, seed, k), folder / f"{case.name}_{k:04d}"
    if not (recording / "truth.json").is_file():
        simulate(scenario, recording)
    return judged(case, k, scenario, {}, recording)


def run(suite_name: str, accused: str, seed: int, folder: Path) -> Row:
    """A suite's result, as ``validate`` has it, of the product with a defect or ``healthy``."""
    suite, rows, sets = load_suite(suite_name), [], []
    tools = {"mp_context": multiprocessing.get_context("spawn")}
    if accused != HEALTHY:
        tools |= {"initializer": plant, "initargs": (accused,)}
    with ProcessPoolExecutor(JOBS, **tools) as pool:
        skies = [(c, place, k) for place, c in enumerate(suite.cases) for k in range(c.n_seeds)]
        for fates, found in pool.map(heard, *zip(*((c, place, seed, k, folder) for c, place, k in skies), strict=True)):
            rows, sets = rows + fates, sets + found
    return {"suite": suite.name, "suite_digest": suite.digest, "seed": seed, "targets": rows, "sets": sets}
