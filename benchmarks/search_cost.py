"""How the cost of the velocity search grows with the area of its box.

Usage: python -m benchmarks.search_cost [--size 1024] [--frames 16] [--runs 5] [--half 1 2 4 8]

CPU seconds of ``search`` on one residual stack of a made-up body-fixed sky, medians of interleaved runs; the exponent is that
of time against velocities searched, from one box to the next. A search that sums every velocity by itself has 1.
"""

import argparse
import statistics
import time
from typing import Any

import numpy as np

from sensorproc.config import Config
from sensorproc.onboard.pipeline import process_set
from sensorproc.onboard.search.find import search
from sensorproc.onboard.search.velocity_boxes import Box, detector_rest
from sensorproc.onboard.stack import Stack
from sensorproc.onboard.state import PayloadState
from tests.skies.frames import made_up_frames


def residuals(size: int, n_frames: int) -> Stack:
    """The stack the chain searches."""
    kept: list[Stack] = []

    def do(stage: Any, *arguments: Any) -> Any:
        result = stage(*arguments)
        if stage.__name__ == "stack":
            kept.append(result)
        return result

    process_set(made_up_frames(size, n_frames), PayloadState(), None, Config(), do)
    return kept[0]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=int, default=1024)
    parser.add_argument("--frames", type=int, default=16)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--half", type=float, nargs="+", default=[1.0, 2.0, 4.0, 8.0])
    options = parser.parse_args()
    frames, config = residuals(options.size, options.frames), Config()
    boxes = [Box((detector_rest(frames),), half) for half in options.half]
    spent: list[list[float]] = [[] for _ in boxes]
    counts = [0] * len(boxes)
    for _ in range(options.runs + 1):  # the first warms up
        for k, box in enumerate(boxes):
            start = time.process_time()
            counts[k] = search(frames, box, config.search, 6.5).n_velocities
            spent[k].append(time.process_time() - start)
    medians = [statistics.median(times[1:]) for times in spent]
    print("| half box [px/frame] | velocities | CPU s | ns per velocity, pixel and frame | exponent from the row above |")
    print("|---|---|---|---|---|")
    pixels = frames.image_e.size
    for k, half in enumerate(options.half):
        exponent = f"{np.log(medians[k] / medians[k - 1]) / np.log(counts[k] / counts[k - 1]):.2f}" if k else ""
        print(f"| {half:g} | {counts[k]} | {medians[k]:.2f} | {1e9 * medians[k] / pixels / counts[k]:.3f} | {exponent} |")


if __name__ == "__main__":
    main()
