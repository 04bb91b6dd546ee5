"""An object that comes near: from a point of mag 12 to a disc of mag -2, over many frame sets.

Usage: python -m benchmarks.studies.approach [--sets 50] [--seed 1] [--diameter 1 60] [--mag 12 -2]

Made-up stares of 256 x 256 px, 6 frames a set. Of every set: how many tracklets lie on the object, its flags against the truth
(saturated: a pixel beyond full well; extended: nearer to 1.5 PSFs in width than to one), its position error over the claimed one.
"""

import argparse

import numpy as np

from sensorproc.config import Config
from sensorproc.flags import DetectionFlag
from sensorproc.onboard.pipeline import process_set
from sensorproc.onboard.state import PayloadState
from tests.skies.approach import case_of, truth
from tests.skies.cases import target_path
from tests.skies.frames import frames_of

FLAGS = ("S", DetectionFlag.SATURATED), ("E", DetectionFlag.EXTENDED)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sets", type=int, default=50)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--diameter", type=float, nargs=2, default=[1.0, 60.0])
    parser.add_argument("--mag", type=float, nargs=2, default=[12.0, -2.0])
    options = parser.parse_args()
    print(
        "| set | mag | diameter [px] | tracklets on it | others | frames | flags | truth | rms error [px] | claimed [px] | pull |"
    )
    print("|---|---|---|---|---|---|---|---|---|---|---|")
    state = PayloadState()
    for k in range(options.sets):
        step = k / max(options.sets - 1, 1)
        case = case_of(step, options.seed + k, tuple(options.diameter), tuple(options.mag))
        processed, state = process_set(frames_of(case), state, None, Config())
        target = case.targets[0]
        path = target_path(case, target)
        on, others = [], 0
        for tracklet in processed.tracklets:
            rows = np.array([(*(m.x_px, m.y_px) - path[m.frame_index], *m.cov_px2) for m in tracklet.members])
            if np.hypot(rows[:, 0], rows[:, 1]).mean() < 2.0 + 0.5 * target.diameter_px:
                on.append((tracklet, rows))
            else:
                others += 1
        saturated, extended = truth(case)
        told = "".join(name for name, holds in (("S", saturated), ("E", extended)) if holds) or "-"
        mag = options.mag[0] + (options.mag[1] - options.mag[0]) * step
        if not on:
            print(f"| {k} | {mag:.1f} | {target.diameter_px:.1f} | 0 | {others} | | | {told} | | | |", flush=True)
            continue
        tracklet, rows = on[0]
        flags = "".join(name for name, flag in FLAGS if tracklet.flags & flag) or "-"
        rms, claimed = (float(np.sqrt(v.mean())) for v in ((rows[:, :2] ** 2), rows[:, [2, 4]]))
        pull = float(np.sqrt((rows[:, :2] ** 2 / rows[:, [2, 4]]).mean()))
        print(
            f"| {k} | {mag:.1f} | {target.diameter_px:.1f} | {len(on)} | {others} | {len(rows)}/{case.n_frames} | {flags} | "
            f"{told} | {rms:.3f} | {claimed:.3f} | {pull:.2f} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
