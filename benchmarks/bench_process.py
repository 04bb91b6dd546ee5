"""How long each stage takes on one frame set, as Mpix/s of one process, and the memory it needs.

Usage: python -m benchmarks.bench_process [--scenario geo_search_2k] [--runs 3] [--json FILE]

The frames are rendered by the simulator with everything on; times are medians of the runs after a warm-up; the peak
is the allocator's own, of one more run, beside what ``onboard.footprint`` predicts.
"""

import argparse
import json
import os
import platform
import statistics
import time
import tracemalloc
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from firmware_sim.scenarios.scenario import Scenario, load
from firmware_sim.scenarios.simulate import as_frame
from firmware_sim.scene.render import Renderer
from sensorproc.catalog.sky import Sky
from sensorproc.catalog.stars import shipped
from sensorproc.config import Config
from sensorproc.flags import PixelFlag
from sensorproc.frames import Frame
from sensorproc.onboard.footprint import RAW, footprint
from sensorproc.onboard.pipeline import process_set
from sensorproc.onboard.star_table import StarTable
from sensorproc.onboard.state import PayloadState

Set = tuple[list[Frame], PayloadState, StarTable | None, Config]


def first_set(scenario: Scenario) -> Set:
    """The first frame set of a scenario as the payload sees it."""
    renderer = Renderer(scenario.scene, shipped())
    n_frames = min(scenario.scene.n_frames, scenario.payload.frame_set.max_frames)
    frames = [replace(as_frame(renderer.expose(k), scenario, "bench"), index=k) for k in range(n_frames)]
    dark, bad = np.zeros(scenario.scene.sensor.shape_px, np.float32), np.zeros(scenario.scene.sensor.shape_px, np.uint8)
    for x, y, e_s, kind in renderer.chip.calibration:
        dark[y, x] = max(e_s, 0.0)
        bad[y, x] |= PixelFlag.DEAD if kind == "dead" else 0
    return frames, PayloadState(dark, bad), Sky(None, scenario.payload.solve).stars(frames), scenario.payload


def run(work: Set) -> dict[str, float]:
    """Seconds by stage of one set."""
    spent: dict[str, float] = {}

    def do(stage: Any, *arguments: Any) -> Any:
        start = time.perf_counter()
        result = stage(*arguments)
        spent[stage.__name__] = spent.get(stage.__name__, 0.0) + time.perf_counter() - start
        return result

    start = time.perf_counter()
    processed, _ = process_set(*work, do)
    spent["whole set"] = time.perf_counter() - start
    assert len(processed.tracklets) >= 8, "the timed run must find what is there"
    return spent


def peak_bytes(work: Set) -> int:
    """Largest allocation of a run, the frames themselves not counted."""
    tracemalloc.start()
    process_set(*work)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scenario", default="geo_search_2k")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args(argv)
    work = first_set(load(options.scenario))
    run(work)
    results = [run(work) for _ in range(options.runs)]
    n_frames, (ny, nx) = len(work[0]), work[0][0].data_dn.shape
    mpix = n_frames * ny * nx / 1e6
    seconds = {stage: statistics.median(result[stage] for result in results) for stage in results[0]}
    measured, expected = peak_bytes(work), footprint((ny, nx), n_frames, True).set_peak
    raw = RAW * n_frames * ny * nx
    machine = f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"
    print(f"{options.scenario}: {n_frames} x {nx} x {ny} px, {mpix:.1f} Mpix; {machine}; n = {options.runs}")
    print(f"{'stage':24s} {'s':>8s} {'Mpix/s':>9s} {'share':>6s}")
    for stage in sorted(seconds, key=lambda name: -seconds[name]):
        if seconds[stage] > 0.0005 * seconds["whole set"]:
            share = 100 * seconds[stage] / seconds["whole set"]
            print(f"{stage:24s} {seconds[stage]:8.3f} {mpix / seconds[stage]:9.1f} {share:5.1f} %")
    total, foretold = (measured + raw) / 1e6, (expected + raw) / 1e6
    print(f"peak memory {total:.0f} MB, of it {raw / 1e6:.0f} MB raw frames; predicted {foretold:.0f} MB")
    if options.json:
        facts = {"scenario": options.scenario, "mpix": mpix, "seconds": seconds, "peak_bytes": measured + raw, "machine": machine}
        options.json.write_text(json.dumps(facts, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
