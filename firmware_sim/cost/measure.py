"""Processor time of every stage on this machine, for frame sets of many sizes."""

import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from firmware_sim.cost.work import Work, work_after, work_before
from firmware_sim.scenarios.scenario import load
from firmware_sim.scenarios.simulate import as_frame
from firmware_sim.scene.render import Renderer
from sensorproc.catalog.sky import Sky
from sensorproc.catalog.stars import shipped
from sensorproc.frames import Frame
from sensorproc.onboard.pipeline import process_set
from sensorproc.onboard.stage import moved_bytes
from sensorproc.onboard.state import PayloadState

SCENARIO = "geo_search_2k"
COPIED_BYTES = tuple(2**k for k in range(15, 28))
LEAST_COPY_S = 0.02


@dataclass(frozen=True)
class Sample:
    """One stage in one run of a set: what it had to do in each call, its processor and elapsed time [s], and the bytes it
    moves for a pixel and for an item."""

    calls: tuple[Work, ...]
    cpu_s: float
    elapsed_s: float
    moved_bytes: tuple[float, float] = (0.0, 0.0)


@dataclass(frozen=True, eq=False)
class Cell:
    """A frame set of one size, ready to run."""

    side_px: int
    frames: list[Frame]
    state: PayloadState
    run: Callable[[], dict[str, Sample]]


def cell(side_px: int, n_frames: int, is_bare: bool = False) -> Cell:
    """A window of the search scenario: the same sky and optics at any size. A bare one has no dark map and stands still over the
    stars, so that every stage has its turn."""
    payload: dict[str, Any] = {"sensor": {"shape_px": [side_px, side_px]}, "frame_set": {"max_frames": n_frames}}
    over: dict[str, Any] = {"payload": payload}
    if is_bare:
        payload["search"] = {"permuted_every": 1}
        over["scene"] = {"pointing": {"mode": "sidereal"}}
    scenario = load(SCENARIO, over=over)
    scenario = scenario.with_scene(n_frames=n_frames)
    renderer = Renderer(scenario.scene, shipped())
    frames = [replace(as_frame(renderer.expose(k), scenario, "cell"), index=k) for k in range(n_frames)]
    maps = np.zeros((side_px, side_px), np.float32), np.zeros((side_px, side_px), np.uint8)
    state = PayloadState() if is_bare else PayloadState(*maps)
    sky = Sky(None, scenario.payload.solve)

    def run() -> dict[str, Sample]:
        calls: dict[str, list[Work]] = defaultdict(list)
        cpu: dict[str, float] = defaultdict(float)
        elapsed: dict[str, float] = defaultdict(float)
        moved: dict[str, tuple[float, float]] = {}

        def do(stage: Any, *arguments: Any) -> Any:
            work = work_before(stage.__name__, arguments)
            moved[stage.__name__] = moved_bytes(stage)
            start, start_cpu = time.perf_counter(), time.process_time()
            result = stage(*arguments)
            cpu[stage.__name__] += time.process_time() - start_cpu
            elapsed[stage.__name__] += time.perf_counter() - start
            calls[stage.__name__].append(work_after(work, stage.__name__, result))
            return result

        process_set(list(frames), state, sky.stars(frames), scenario.payload, do)
        return {name: Sample(tuple(calls[name]), cpu[name], elapsed[name], moved[name]) for name in calls}

    return Cell(side_px, frames, state, run)


def copy_bandwidths() -> dict[int, float]:
    """Bytes read and written a second when arrays of so many bytes are copied on one core, the best of several tries."""
    found = {}
    for n_bytes in COPIED_BYTES:
        a, b = np.ones(n_bytes // 8), np.empty(n_bytes // 8)
        best = 0.0
        for _ in range(5):
            n, start = 0, time.perf_counter()
            while (spent := time.perf_counter() - start) < LEAST_COPY_S:
                np.copyto(b, a)
                n += 1
            best = max(best, 2.0 * n * n_bytes / spent)
        found[2 * n_bytes] = best
    return found
