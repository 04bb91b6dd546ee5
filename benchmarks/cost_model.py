"""How well the cost model foretells processor time on this machine, at sizes it was not calibrated on.

Usage: python -m benchmarks.cost_model [--runs 9] [--sides 256 512 1024 2048] [--frames 4 8 16 32] [--costs DIR]

Every cell is a frame set of the search scenario; runs of the cells of one size are interleaved after a warm-up; measured is the
median of the processor time of a whole set, predicted the sum over its stages with the work they were given. ``--costs``: a
folder written by ``firmware-sim calibrate`` instead of the shipped costs.
"""

import argparse
import statistics
from pathlib import Path

from firmware_sim.board.processor_profile import load_profile
from firmware_sim.cost.calibrate import CELLS
from firmware_sim.cost.measure import Sample, cell
from firmware_sim.cost.model import cpu_s, load_stages


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=9)
    parser.add_argument("--sides", type=int, nargs="+", default=[256, 512, 1024, 2048])
    parser.add_argument("--frames", type=int, nargs="+", default=[4, 8, 16, 32])
    parser.add_argument("--costs", type=Path)
    options = parser.parse_args()
    profile = load_profile(options.costs / "host.toml" if options.costs else "host")
    stages = load_stages(options.costs / "stages.toml" if options.costs else None)
    assert not {side for side, _ in CELLS} & set(options.sides), "test sizes must differ from those of the calibration"

    def predicted(samples: dict[str, Sample]) -> float:
        return sum(cpu_s(stages[stage], call, profile) for stage, sample in samples.items() for call in sample.calls)

    print("| side [px] | frames | measured [s], quartiles | predicted [s] | predicted / measured |\n|---|---|---|---|---|")
    ratios, by_stage = [], {}
    for side in options.sides:
        cells = {n: cell(side, n) for n in options.frames}
        runs: dict[int, list[dict[str, Sample]]] = {n: [] for n in options.frames}
        for k in range(options.runs + 1):
            for n, one in cells.items():
                found = one.run()
                if k:
                    runs[n].append(found)
        for n in options.frames:
            times = [sum(sample.cpu_s for sample in run.values()) for run in runs[n]]
            low, middle, high = statistics.quantiles(times, n=4) if len(times) > 1 else times * 3
            told = predicted(runs[n][0])
            ratios.append(told / middle)
            print(f"| {side} | {n} | {middle:.2f} ({low:.2f}-{high:.2f}) | {told:.2f} | {ratios[-1]:.2f} |", flush=True)
            for stage, sample in runs[n][0].items():
                seconds = statistics.median(run[stage].cpu_s for run in runs[n] if stage in run)
                if seconds > 0.05 * middle:
                    by_stage.setdefault(stage, []).append(predicted({stage: sample}) / seconds)
    within = [sum(abs(r - 1.0) <= limit for r in ratios) for limit in (0.2, 0.4)]
    print(f"\nwithin 20 %: {within[0]} of {len(ratios)} cells, within 40 %: {within[1]}; runs a cell: {options.runs}")
    for stage, values in sorted(by_stage.items()):
        print(f"{stage:20s} {min(values):.2f} to {max(values):.2f}, where it takes more than 5 % (n = {len(values)})")


if __name__ == "__main__":
    main()
