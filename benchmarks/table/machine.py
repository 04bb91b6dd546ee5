"""The machine a run was on: what it is, how busy it was, and what it can do at most."""

import os
import platform
import statistics
import subprocess
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numba
import numpy as np

from firmware_sim.bench.machine import processor_name, stalled_s, stolen_s
from sensorproc.run_folder.facts import library_version

LARGE, SMALL = 1 << 24, 1 << 15  # elements of float32: far beyond every cache, and within a core's own
FLOATS, ROUNDS = 16 * 16, 20_000  # accumulators that a core can work at side by side, and rounds of them
LIBRARIES = ("numpy", "scipy", "numba", "opencv-python-headless", "photutils", "sep", "astroscrappy", "scikit-image")


def environment() -> dict[str, Any]:
    """What the machine and the software are."""
    commit = subprocess.run(
        ["git", "describe", "--always", "--dirty"], capture_output=True, text=True, check=False
    ).stdout.strip()
    found = {
        "processor": processor_name(),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "commit": commit or "unknown",
    }
    return found | {name: library_version(name) for name in LIBRARIES}


class Watch:
    """How busy the machine was during a run: share of time in which something waited for a core, and that was stolen."""

    def __init__(self) -> None:
        self.begun_s, self.waited_s, self.stolen_s = time.perf_counter(), stalled_s(), stolen_s()

    def told(self) -> dict[str, float | None]:
        """Shares since the start; None where the system does not tell."""
        elapsed_s = time.perf_counter() - self.begun_s
        waited, stolen, cores = stalled_s(), stolen_s(), os.cpu_count() or 1
        return {
            "waiting": None if waited is None or self.waited_s is None else (waited - self.waited_s) / elapsed_s,
            "stolen": None if stolen is None or self.stolen_s is None else (stolen - self.stolen_s) / cores / elapsed_s,
        }


@numba.njit(nogil=True, fastmath=True)
def _copy(a: np.ndarray, b: np.ndarray) -> None:
    for i in range(len(a)):
        b[i] = a[i]


@numba.njit(nogil=True, fastmath=True)
def _triad(a: np.ndarray, b: np.ndarray, c: np.ndarray, factor: np.float32) -> None:
    for i in range(len(a)):
        a[i] = b[i] + factor * c[i]


@numba.njit(nogil=True, fastmath={"contract"})
def _multiply_add(sums: np.ndarray, factor: np.float32, rounds: int) -> None:
    for _ in range(rounds):
        for i in range(len(sums)):
            sums[i] = sums[i] * factor + factor


def limits(large: int = LARGE, rounds: int = ROUNDS) -> dict[str, float]:
    """GB/s of copy and triad from memory and within a core's cache, and Gflop/s of multiply-add, of one thread and of two."""
    found = {}
    for n_threads in (1, 2):
        for name, size in (("memory", large), ("cache", SMALL)):
            passes = max(large // size, 1)
            arrays = [[np.ones(size, np.float32) for _ in range(3)] for _ in range(n_threads)]

            def copy(a: list[np.ndarray], passes: int = passes) -> None:
                for _ in range(passes):
                    _copy(a[0], a[1])

            def triad(a: list[np.ndarray], passes: int = passes) -> None:
                for _ in range(passes):
                    _triad(*a, np.float32(0.5))

            moved = 4e-9 * size * passes * n_threads
            found[f"copy, {name}, {n_threads} thread{'s' * (n_threads > 1)} [GB/s]"] = 2 * moved / _best_s(copy, arrays)
            found[f"triad, {name}, {n_threads} thread{'s' * (n_threads > 1)} [GB/s]"] = 3 * moved / _best_s(triad, arrays)
        sums = [np.ones(FLOATS, np.float32) for _ in range(n_threads)]
        done = 2e-9 * FLOATS * rounds * n_threads
        rate = done / _best_s(lambda one: _multiply_add(one, np.float32(0.5), rounds), sums)
        found[f"multiply-add, {n_threads} thread{'s' * (n_threads > 1)} [Gflop/s]"] = rate
    return found


def _best_s(work: Callable[[Any], None], parts: list[Any], tries: int = 5) -> float:
    """Median time of ``work`` of all parts side by side, a thread each."""
    work(parts[0])  # compiled
    with ThreadPoolExecutor(len(parts)) as pool:
        return statistics.median(_together_s(pool, work, parts) for _ in range(tries))


def _together_s(pool: ThreadPoolExecutor, work: Callable[[Any], None], parts: list[Any]) -> float:
    gate = threading.Barrier(len(parts) + 1)

    def begin(part: Any) -> None:
        gate.wait()
        work(part)

    running = [pool.submit(begin, part) for part in parts]
    gate.wait()
    start = time.perf_counter()
    for one in running:
        one.result()
    return time.perf_counter() - start
