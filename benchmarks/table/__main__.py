"""The table: every part beside the machine's limits and other people's tools, on the same arrays, answers judged.

Usage: python -m benchmarks.table [--side 2048] [--repeats 7] [--only TEXT] [--no-growth] [--json FILE] [--against OLD.json]
       python -m benchmarks.table --readme
       python -m benchmarks.table --compare OLD.json NEW.json

Processor time is what compares; ``pip install -e .[peers]`` brings the peers. ``--against`` also prints what has changed since an
earlier run, ``--readme`` puts the tables into benchmarks/README.md. Other tools: see ``benchmarks/table/peers.py``.
"""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

from benchmarks.table import of_frames, of_sets
from benchmarks.table.case import Row, run
from benchmarks.table.growth import Growth, growths
from benchmarks.table.history import Facts, as_markdown, compare, facts_of, into, write
from benchmarks.table.machine import Watch, environment, limits

README = Path(__file__).resolve().parents[1] / "README.md"
GROWTH_SIDE = 512


def table(side: int, repeats: int, only: str = "", growth_side: int = GROWTH_SIDE, n_growth: int = 3) -> Facts:
    """A run of all cases whose names hold ``only``; no growth is measured of sets with sides of 0."""
    watch, found = Watch(), limits()
    cases = [case for module in (of_frames, of_sets) for case in module.cases(side) if only in case.name]
    rows: list[Row] = [run(case, repeats) for case in cases]
    grown: list[Growth] = list(growths(growth_side, max(repeats // 3, 1), n_growth)) if growth_side else []
    return facts_of(environment(), watch.told(), found, rows, grown, side)


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--side", type=int, default=2048)
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--only", default="", help="cases whose names hold this")
    parser.add_argument("--no-growth", action="store_true")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--against", type=Path)
    parser.add_argument("--readme", action="store_true")
    parser.add_argument("--compare", type=Path, nargs=2)
    options = parser.parse_args(argv)
    if options.readme and (options.only or options.no_growth):
        parser.error("--readme writes the whole table: not with --only or --no-growth")
    if options.compare:
        print(compare(*(json.loads(path.read_text("utf-8")) for path in options.compare)))
        return
    facts = table(options.side, options.repeats, options.only, 0 if options.no_growth else GROWTH_SIDE)
    print(as_markdown(facts))
    if options.json:
        write(facts, options.json)
    if options.against:
        print("\n" + compare(json.loads(options.against.read_text("utf-8")), facts))
    if options.readme:
        into(README, as_markdown(facts))


if __name__ == "__main__":
    main()
