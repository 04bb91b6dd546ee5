"""What a payload gives up by spending less: every quality, and every level of relief of a board that is late, on the same skies.

Usage: python -m benchmarks.quality_ladder [-n 12] [--jobs 2] [--write] [--svg docs/quality.svg]

SNR lost against a perfect search of the whole detector (the limit of ``docs/detection.md``), on 512 x 512 px: movers of a
body-fixed camera, of a stare and of a rate track, all inside of every box of velocities; a smaller one asks for less SNR.
``--write`` keeps the losses in firmware_sim/sizing/losses.toml, from which
``firmware-sim size`` tells them; time, energy and memory of the largest payload on boards that fly are of the cost model.
"""

import argparse
import json
import statistics
import tempfile
import time
from collections import defaultdict
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from benchmarks.pareto import Place, pareto_svg
from firmware_sim.board.overload import degraded, frame_step
from firmware_sim.board.processor_profile import load_profile
from firmware_sim.cost.model import load_stages
from firmware_sim.scenarios.scenario import load
from firmware_sim.scenarios.simulate import simulate
from firmware_sim.sizing.ladder import LOSSES, RUNGS, Rung, at_rungs
from firmware_sim.sizing.sizing import Sizing, size
from firmware_sim.validation.suite import Case, load_suite, scenario_of
from firmware_sim.validation.task import limit_snr
from sensorproc.config import with_quality
from sensorproc.processing import process
from sensorproc.recording import Problem, Recording, open_recording
from sensorproc.run_folder.building import building
from sensorproc.scoring.fates import fates_and_sets, read_run
from sensorproc.scoring.figures.intervals import Estimate
from sensorproc.scoring.figures.limits import search_loss
from sensorproc.scoring.truth import load_truth

CASES = ("movers", "stare", "track")
SEED = 9001
LARGEST, BOARDS = "search_day", ("pic64_hpsc", "zynq_ultrascale", "jetson_orin", "rad5545")


class Seen(NamedTuple):
    """A target at one rung: its SNR, the limit of a perfect search, whether it was found."""

    snr: float
    limit_snr: float
    is_found: bool


class Run(NamedTuple):
    """A set at one rung: its targets, processor time of all of ``process`` [s], bytes to the ground, false tracklets."""

    targets: list[Seen]
    cpu_s: float
    n_bytes: int
    n_false: int


def sky(case: Case, place: int, k: int) -> dict[Rung, Run]:
    """One sky at every rung."""
    scenario = scenario_of(case, place, SEED, k)
    runs = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        simulate(scenario, folder / "rec")
        truth = load_truth(folder / "rec" / "truth.json")
        rest = json.loads((folder / "rec" / "truth.json").read_text("utf-8"))["rest_px_frame"]
        limit = limit_snr(scenario.scene, scenario.payload, rest)
        for rung in RUNGS:
            step = frame_step(rung.level)
            config = degraded(with_quality(scenario.payload, rung.quality), rung.level)
            start = time.process_time()
            with building(folder / "run", {}) as made:
                process(every(open_recording(folder / "rec"), step), config, None, None, made)
            spent = time.process_time() - start
            rows, sets = fates_and_sets(read_run(folder / "run"), truth, {"limit_snr": limit})
            targets = [Seen(row["snr"], limit, row["n_held"] >= 0.5 * row["n_frames"] / step) for row in rows]
            runs[rung] = Run(
                targets, spent, (folder / "run" / "downlink.bin").stat().st_size, sum(one["n_false"] for one in sets)
            )
    return runs


def every(recording: Recording, step: int) -> Recording:
    """A recording of which only every so many frames could be read."""
    skipped = [Problem(entry.source, "OVERLOAD", k) for k, entry in enumerate(recording.entries) if k % step]
    return replace(recording, entries=recording.entries[::step], problems=tuple(skipped))


def measured(n: int, jobs: int) -> dict[Rung, list[Run]]:
    """All skies at every rung."""
    suite = load_suite("limits")
    found: dict[Rung, list[Run]] = defaultdict(list)
    with ProcessPoolExecutor(jobs, get_context("spawn")) as pool:
        cases = [(case, place) for place, case in enumerate(suite.cases) if case.name in CASES]
        waiting = [pool.submit(sky, case, place, k) for k in range(n) for case, place in cases]
        for future in waiting:
            for rung, run in future.result().items():
                found[rung].append(run)
    return found


def loss_of(runs: list[Run]) -> Estimate:
    """SNR lost [dB] of all targets of a rung, with its 95 % interval."""
    targets = [target for run in runs for target in run.targets]
    snr, limit, is_found = (np.array(values, float) for values in zip(*targets, strict=True))
    return search_loss(snr, is_found, limit)


def sized(processor: str) -> dict[Rung, Sizing]:
    """The largest payload at every rung on a processor."""
    scenario = load(LARGEST, over={"board": {"processor": processor}})
    profile, stages = load_profile(processor), load_stages()
    return {rung: size(sets, config, scenario.board, profile, stages) for rung, sets, config in at_rungs(scenario)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-n", type=int, default=12, help="skies of each case")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--svg", type=Path)
    options = parser.parse_args()
    found = measured(options.n, options.jobs)
    losses = {rung: loss_of(runs) for rung, runs in found.items()}
    boards = {name: sized(name) for name in BOARDS}
    whole = statistics.median(run.cpu_s for run in found[RUNGS[0]])
    heads = "quality", "box [px/frame]", "SNR lost [dB], 95 %", "targets", "found", "false tracklets", "CPU", "bytes", *BOARDS
    print(f"| {' | '.join(heads)} |\n" + "|---" * len(heads) + "|")
    for rung, runs in found.items():
        loss, targets = losses[rung], [target for run in runs for target in run.targets]
        share = statistics.median(run.cpu_s for run in runs) / whole
        fits = " | ".join(f"{100 * of[rung].load:.0f} %, {of[rung].joule:.0f} J" for of in boards.values())
        said = f"{loss.value:.2f} ({loss.low:.2f} to {loss.high:.2f}) | {loss.n} | {sum(t.is_found for t in targets)}"
        n_bytes, n_false = statistics.mean(run.n_bytes for run in runs), sum(run.n_false for run in runs)
        box = boards[BOARDS[0]][rung].box_px_frame
        print(f"| {rung.text} | +-{box:g} | {said} | {n_false} | {share:.2f} | {n_bytes:.0f} | {fits} |")
    if options.write:
        write(losses)
    if options.svg:
        places = [Place(name, rung.text, losses[rung].value, one.load) for name, of in boards.items() for rung, one in of.items()]
        options.svg.write_text(pareto_svg(places), "utf-8")


def write(losses: dict[Rung, Estimate]) -> None:
    """Keep the losses beside the code that tells them."""
    lines = ["# SNR lost against a perfect search [dB] and its 95 % interval, by quality and level of relief: written by",
             "# python -m benchmarks.quality_ladder --write", ""]  # fmt: skip
    for rung, loss in losses.items():
        values: dict[str, Any] = {"quality": json.dumps(rung.quality), "level": rung.level}
        values |= {name: f"{getattr(loss, name):.2f}" for name in ("value", "low", "high")} | {"n": loss.n}
        lines += ["[[loss]]", *(f"{key} = {value}" for key, value in values.items()), ""]
    LOSSES.write_text("\n".join(lines), "utf-8")


if __name__ == "__main__":
    main()
