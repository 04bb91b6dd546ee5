"""How long a cone search of the shipped star table takes: percentiles over random directions.

Usage: python -m benchmarks.bench_catalog [--radius 2.5] [--cones 1000]
"""

import argparse
import time

import numpy as np

from sensorproc.catalog.stars import shipped

TAI_NS_2026 = 2_170_000_000 * 10**9


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--radius", type=float, default=2.5, help="deg")
    parser.add_argument("--cones", type=int, default=1000)
    options = parser.parse_args()
    table, rng = shipped(), np.random.default_rng(1)
    directions = zip(rng.uniform(0, 2 * np.pi, options.cones), np.arcsin(rng.uniform(-1, 1, options.cones)), strict=True)
    spent, counts = [], []
    for ra, dec in directions:
        start = time.perf_counter()
        stars = table.cone(float(ra), float(dec), np.radians(options.radius), TAI_NS_2026)
        spent.append(1e3 * (time.perf_counter() - start))
        counts.append(len(stars.mag))
    p50, p99 = np.percentile(spent, [50, 99])
    head = f"cones of {options.radius:g} deg, n = {options.cones}"
    print(f"{head}: median {p50:.2f} ms, p99 {p99:.2f} ms, max {max(spent):.2f} ms")
    print(f"stars: median {int(np.median(counts))}, most {max(counts)}")


if __name__ == "__main__":
    main()
