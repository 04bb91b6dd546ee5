"""Whom the court convicts: ``python -m benchmarks.court OUT [--suite smoke] [--defects NAME ...] [--healthy 20]``.

The suite's skies are rendered once. The healthy product is judged on them, then a copy with each planted defect, by the gates and
against the healthy run. ``--healthy N`` judges the healthy product on N other seeds by the gates alone: a conviction there is a
wrong one. What is done is kept in OUT, a file each, and is not done again.
"""

import argparse
import json
import sys
import tempfile
from pathlib import Path

from benchmarks.court.defects import DEFECTS
from benchmarks.court.hearing import HEALTHY, run
from firmware_sim.validation.run import limit_threads
from firmware_sim.validation.suite import load_suite
from sensorproc.scoring.figures.intervals import wilson
from sensorproc.scoring.truth import Row
from sensorproc.scoring.verdict.baseline import compare
from sensorproc.scoring.verdict.gates import judge

SEED = 1


def kept(file: Path, suite: str, accused: str, seed: int, recordings: Path | None) -> Row:
    """A result that lies there already, or a new one; without a folder of ``recordings`` they are thrown away."""
    if not file.is_file():
        file.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory() as folder:
            result = run(suite, accused, seed, recordings or Path(folder))
        file.write_text(json.dumps(result), "utf-8")
    return json.loads(file.read_text("utf-8"))


def charges(suite: str, result: Row, old: Row | None) -> tuple[list[str], list[str]]:
    """What convicts: names of gates, and of figures that are worse than the ``old`` run's."""
    gates = [judge(gate, result["targets"], result["sets"]) for gate in load_suite(suite).gates]
    changes = compare(old, result) if old else []
    return [g.gate.name for g in gates if g.is_failed], [c.figure for c in changes if c.is_worse]


def main() -> int:
    """Print a row for each accused, and both counts."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--suite", default="smoke")
    parser.add_argument("--defects", nargs="*", default=list(DEFECTS), choices=list(DEFECTS))
    parser.add_argument("--healthy", type=int, default=20)
    options = parser.parse_args()
    limit_threads()
    results = options.out / Path(options.suite).stem
    recordings = results / "recordings"
    old = kept(results / "healthy.json", options.suite, HEALTHY, SEED, recordings)
    convicted = by_gates = 0
    print("| defect | gates | against the healthy run |\n|---|---|---|")
    for name in options.defects:
        result = kept(results / f"{name.replace(' ', '_')}.json", options.suite, name, SEED, recordings)
        gates, worse = charges(options.suite, result, old)
        convicted, by_gates = convicted + bool(gates or worse), by_gates + bool(gates)
        print(f"| {name} | {', '.join(gates)} | {', '.join(worse)} |", flush=True)
    print(f"\n{convicted} of {len(options.defects)} convicted, {by_gates} of them by the gates alone")
    wrong = 0
    for seed in range(SEED + 1, SEED + 1 + options.healthy):
        gates, _ = charges(options.suite, kept(results / f"healthy_{seed}.json", options.suite, HEALTHY, seed, None), None)
        wrong += bool(gates)
        print(f"healthy, seed {seed}: {', '.join(gates) or 'none'}", flush=True)
    if options.healthy:
        low, high = wilson(wrong, options.healthy)
        print(f"{wrong} of {options.healthy} healthy ones convicted ({100 * low:.0f} to {100 * high:.0f} %)")
    return 0


if __name__ == "__main__":
    sys.exit(main())
