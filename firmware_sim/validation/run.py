"""All tasks of a suite in a pool of processes; what this very code has done already is not done again."""

import hashlib
import json
import multiprocessing
import os
import threading
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from firmware_sim.validation.suite import Case, Suite
from firmware_sim.validation.task import run_task
from sensorproc import __version__
from sensorproc.errors import InputError
from sensorproc.run_folder.software import files_digest
from sensorproc.scoring.truth import Row

Progress = Callable[[str, int, int], None]
WATCH_S = 1.0
ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")


@dataclass(frozen=True)
class Task:
    """One sky: its case, the case's place in the suite, its seed, and the file of its result."""

    case: Case
    place: int
    k: int
    path: Path
    key: str


def tasks(suite: Suite, seed: int, over: dict[str, Any], out: Path) -> list[Task]:
    """Every sky of a run, the cases taken in turn so that a part of them is a fair sample."""
    said = json.dumps([files_digest("sensorproc", "firmware_sim"), suite.digest, seed, over], sort_keys=True)
    key = hashlib.sha256(said.encode()).hexdigest()[:16]
    every = [
        Task(case, place, k, out / "tasks" / f"{case.name}_{k:04d}.json", key)
        for place, case in enumerate(suite.cases)
        for k in range(case.n_seeds)
    ]
    return sorted(every, key=lambda task: (task.k, task.place))


def run_tasks(todo: list[Task], seed: int, over: dict[str, Any], jobs: int, progress: Progress) -> list[str]:
    """Run what has no result yet; returns what went wrong, a line each. Results of the rest stay."""
    waiting = [task for task in todo if result_of(task) is None]
    for task in waiting:
        task.path.parent.mkdir(parents=True, exist_ok=True)
    done = len(todo) - len(waiting)
    progress("sky", done, len(todo))
    if not waiting:
        return []
    limit_threads()
    problems = []
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(jobs, context, initializer=_follow, initargs=(os.getpid(),)) as pool:
        try:
            running = {pool.submit(run_task, t.case, t.place, seed, t.k, over, t.path, t.key): t for t in waiting}
            for future in as_completed(running):
                done += 1
                progress("sky", done, len(todo))
                error = future.exception()
                if error is not None:
                    problems.append(f"{running[future].case.name}, sky {running[future].k}: {type(error).__name__}: {error}")
        except KeyboardInterrupt:
            pool.shutdown(cancel_futures=True)
            raise
    return sorted(problems)


def limit_threads() -> None:
    """One process per core, not one thread more: worker processes inherit it."""
    os.environ.update(dict.fromkeys(ONE_THREAD, "1"))


def _follow(parent: int) -> None:
    """End this worker when the process that started it is gone: one that was killed cannot tell its workers to stop."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(WATCH_S)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def result_of(task: Task) -> Row | None:
    """The result of a sky, if it is whole and of this very suite, seed, payload and code."""
    try:
        result: Row = json.loads(task.path.read_text("utf-8"))
        return result if result["key"] == task.key else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def gather(todo: list[Task], suite: Suite, seed: int, over: dict[str, Any]) -> Row:
    """The result of a run: every fate and every set, in order of cases and seeds.

    Raises
    ------
    InputError
        If no sky has a result.
    """
    results = [result_of(task) for task in sorted(todo, key=lambda task: (task.place, task.k))]
    finished = [result for result in results if result is not None]
    if not finished:
        raise InputError("no sky of the suite has a result")
    return {
        "sensorproc": __version__, "suite": suite.name, "suite_digest": suite.digest, "seed": seed, "payload_over": over,
        "n_skies": len(todo), "n_finished": len(finished),
        "targets": [row for result in finished for row in result["targets"]],
        "sets": [row for result in finished for row in result["sets"]],
    }  # fmt: skip
