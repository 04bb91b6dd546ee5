"""What each stage of one frame set costs: processor time, time on the wall, Mpix/s, and the memory it needs.

Usage: python -m benchmarks.bench_process [--scenario geo_search_2k] [--box PX_FRAME] [--runs 3] [--json FILE]

The frames are rendered by the simulator with everything on; times are medians of the runs after a warm-up. Processor time is what
compares on a machine that is shared; over the time on the wall it says how many cores were at work. The peak is the allocator's
own, of one more run, beside what ``onboard.footprint`` predicts.
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
from sensorproc.onboard.products import Processed
from sensorproc.onboard.star_table import StarTable
from sensorproc.onboard.state import PayloadState

WHOLE = "whole set"
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


Seconds = tuple[float, float]  # of all processors, and on the wall


def _now() -> Seconds:
    return time.process_time(), time.perf_counter()


def run(work: Set) -> dict[str, Seconds]:
    """Seconds by stage of one set, and of it all."""
    spent, processed = timed(work)
    assert len(processed.tracklets) >= 8, "the timed run must find what is there"
    return spent


def timed(work: Set) -> tuple[dict[str, Seconds], Processed]:
    """The same of any set, whatever is found, and that."""
    spent: dict[str, Seconds] = {}

    def count(name: str, start: Seconds) -> None:
        (cpu, wall), (cpu0, wall0), (before, wall_before) = _now(), start, spent.get(name, (0.0, 0.0))
        spent[name] = before + cpu - cpu0, wall_before + wall - wall0

    def do(stage: Any, *arguments: Any) -> Any:
        start = _now()
        result = stage(*arguments)
        count(stage.__name__, start)
        return result

    start = _now()
    processed, _ = process_set(*work, do)
    count(WHOLE, start)
    return spent, processed


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
    parser.add_argument("--box", type=float, help="half of the box of velocities, both axes [px/frame]")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args(argv)
    frames, state, table, config = first_set(load(options.scenario))
    if options.box is not None:
        config = replace(config, search=replace(config.search, box_px_frame=options.box))
    work = frames, state, table, config
    run(work)
    results = [run(work) for _ in range(options.runs)]
    n_frames, (ny, nx) = len(frames), frames[0].data_dn.shape
    mpix = n_frames * ny * nx / 1e6
    cpu, wall = ({stage: statistics.median(result[stage][i] for result in results) for stage in results[0]} for i in (0, 1))
    measured, expected = peak_bytes(work), footprint((ny, nx), n_frames, True).set_peak
    raw = RAW * n_frames * ny * nx
    machine = f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"
    print(f"{options.scenario}: {n_frames} x {nx} x {ny} px, {mpix:.1f} Mpix; {machine}; n = {options.runs}")
    print(f"{'stage':24s} {'CPU s':>8s} {'wall s':>8s} {'cores':>6s} {'Mpix/s':>9s} {'share':>6s}")
    for stage in sorted(cpu, key=lambda name: -cpu[name]):
        if cpu[stage] > 0.0005 * cpu[WHOLE]:
            cores, share = cpu[stage] / wall[stage], 100 * cpu[stage] / cpu[WHOLE]
            print(f"{stage:24s} {cpu[stage]:8.3f} {wall[stage]:8.3f} {cores:6.2f} {mpix / wall[stage]:9.1f} {share:5.1f} %")
    total, foretold = (measured + raw) / 1e6, (expected + raw) / 1e6
    print(f"peak memory {total:.0f} MB, of it {raw / 1e6:.0f} MB raw frames; predicted {foretold:.0f} MB")
    if options.json:
        facts = {"scenario": options.scenario, "mpix": mpix, "cpu_s": cpu, "wall_s": wall}
        options.json.write_text(json.dumps(facts | {"peak_bytes": measured + raw, "machine": machine}, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
