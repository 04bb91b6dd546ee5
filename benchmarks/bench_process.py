"""How long each stage takes on one made-up set, as Mpix/s of one process: median of the runs after a warm-up.

Usage: python -m benchmarks.bench_process [--size 512] [--frames 8] [--runs 5]
"""

import argparse
import os
import platform
import statistics
import time
from dataclasses import replace

from benchmarks.cases import BODY_FIXED, START, render
from sensorproc.config import Config
from sensorproc.onboard.pipeline import process_set
from sensorproc.onboard.products import Frame, SensorFacts
from sensorproc.onboard.state import PayloadState
from sensorproc.recording.entry import make_frame


def made_up_frames(size: int, n_frames: int) -> list[Frame]:
    """A body-fixed set with star density kept."""
    case = replace(BODY_FIXED, shape=(size, size), n_frames=n_frames, n_stars=round(60 * (size / 256) ** 2))
    facts = SensorFacts(case.gain_e_per_dn, case.read_noise_e, case.bias_dn, 90000.0, 6.0, 21.5)
    times = [START + round((k + 0.4) * 1e9) for k in range(n_frames)]
    made = [make_frame(data, "bench", t, case.exposure_s, facts) for data, t in zip(render(case), times, strict=True)]
    return [replace(frame, index=k) for k, frame in enumerate(made)]


def run(frames: list[Frame]) -> dict[str, float]:
    """Seconds by stage of one set."""
    spent: dict[str, float] = {}

    def do(stage, *arguments):  # type: ignore[no-untyped-def]
        start = time.perf_counter()
        result = stage(*arguments)
        spent[stage.__name__] = spent.get(stage.__name__, 0.0) + time.perf_counter() - start
        return result

    start = time.perf_counter()
    processed, _ = process_set(frames, PayloadState(), None, Config(), do)
    spent["whole set"] = time.perf_counter() - start
    assert len(processed.tracklets) == 2, "the timed run must find what is there"
    return spent


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=int, default=512)
    parser.add_argument("--frames", type=int, default=8)
    parser.add_argument("--runs", type=int, default=5)
    options = parser.parse_args()
    frames = made_up_frames(options.size, options.frames)
    run(frames)
    results = [run(frames) for _ in range(options.runs)]
    mpix = options.frames * options.size**2 / 1e6
    machine = platform.processor() or platform.machine()
    print(f"{machine}, {os.cpu_count()} cores, {options.frames} x {options.size}^2, n = {options.runs}")
    for stage in sorted(results[0], key=lambda name: -results[0][name]):
        seconds = statistics.median(result[stage] for result in results)
        print(f"{stage:24s} {seconds:8.3f} s {mpix / seconds:9.1f} Mpix/s")


if __name__ == "__main__":
    main()
