"""Time of one rendered frame with everything on, stage by stage.

Usage: python -m benchmarks.bench_scene [--frames 5]
"""

import argparse
import time

import numpy as np

from firmware_sim.scenarios.scenario import load
from firmware_sim.scene.camera.readout import read
from firmware_sim.scene.render import Renderer
from sensorproc.catalog.stars import shipped

# 2048 x 2048 px, body-fixed, 4 s: stars trail 10 px
OVER = {"payload": {"sensor": {"exposure_s": 4.0, "cadence_s": 5.0}}, "scene": {"sky": {"faintest_mag": 14.0}}}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--frames", type=int, default=5)
    options = parser.parse_args()
    start = time.perf_counter()
    made = Renderer(load("geo_belt", "geo_search_2k", OVER).scene, shipped())
    print(f"setup {time.perf_counter() - start:.2f} s")
    places = made.lens.project(made.stars.unit, made.attitude.middle)
    on_chip = int(((places >= 0) & (places < 2048)).all(axis=1).sum())
    path = made._star_paths(0.0, 0)
    trail = float(np.median(np.hypot(*(path[-1] - path[0]).T)))
    print(f"{on_chip} stars on the chip, trails of {trail:.1f} px, {len(made.targets)} targets, every effect on")
    walls, stages = [], []
    for k in range(options.frames + 1):
        start = time.process_time()
        exposure = made.expose(k)
        whole = time.process_time() - start
        start = time.process_time()
        read(made.chip, made.scene.radiation, exposure.expected_e, k, 1)
        stages.append(time.process_time() - start)
        walls.append(whole)
    n = options.frames
    print(f"frame: median {np.median(walls[1:]):.2f} s of one core ({min(walls[1:]):.2f} to {max(walls[1:]):.2f}, n = {n});"
          f" detector {np.median(stages[1:]):.2f} s of it")  # fmt: skip


if __name__ == "__main__":
    main()
