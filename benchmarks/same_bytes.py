"""SHA-256 of every product of a fixed set of runs, to prove that a change of structure changed no result.

    python -m benchmarks.same_bytes OUT [REFERENCE]          # writes OUT/digests.txt
    diff BEFORE/digests.txt AFTER/digests.txt                # empty when nothing changed

The runs go through the real command line: the sample recording, the demo flight, and, where REFERENCE (or ``$SENSORPROC_DATA``)
holds them, thirteen real NEOSSat frames and three SatSim sets. Five minutes on two cores.
"""

import hashlib
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
REFERENCE_RECORDINGS = (
    "neossat/seqA_2021A1",
    "satsim/dev_bodyfixed",
    "satsim/dev_sidereal",
    "satsim/dev_radiation",
)
PROCESS = ("--marking", "U", "--data-mode", "SIMULATED")


def main(out: Path, reference: Path | None) -> int:
    """Run everything and write one line for each product file: its digest and its path below ``out``."""
    for name, command in commands(out, reference):
        print(f"{name} ...", flush=True)
        subprocess.run([sys.executable, "-c", command[0], *command[1:]], check=True, cwd=ROOT, stdout=subprocess.DEVNULL)
    lines = [f"{_sha256(path)}  {path.relative_to(out)}" for path in sorted(out.rglob("*")) if _is_product(path)]
    (out / "digests.txt").write_text("\n".join(lines) + "\n")
    print(f"{len(lines)} products in {out / 'digests.txt'}")
    return 0


def commands(out: Path, reference: Path | None) -> list[tuple[str, list[str]]]:
    """Name and command of each run: the entry point as a Python statement, then its arguments."""
    process, fly = "from sensorproc.cli import run; run()", "from firmware_sim.cli import run; run()"
    rows = [
        ("sample", [process, "process", str(ROOT / "docs/sample"), "-o", str(out / "sample"), *PROCESS]),
        ("geo_demo", [fly, "run", "geo_demo", "-o", str(out / "geo_demo")]),
    ]
    for recording in REFERENCE_RECORDINGS:
        if reference is None or not (reference / recording).exists():
            print(f"{recording}: not in the reference data, left out")
            continue
        name = recording.replace("/", "_")
        rows.append((name, [process, "process", str(reference / recording), "-o", str(out / name), *PROCESS]))
    return rows


def _is_product(path: Path) -> bool:
    return path.is_file() and path.name not in ("digests.txt", "run.json")  # a run.json names paths and library versions


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


if __name__ == "__main__":
    given = sys.argv[2] if len(sys.argv) > 2 else os.environ.get("SENSORPROC_DATA")
    sys.exit(main(Path(sys.argv[1]).resolve(), Path(given).resolve() if given else None))
