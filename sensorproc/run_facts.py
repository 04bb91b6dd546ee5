"""What ``run.json`` says of a run: versions, machine, configuration, recording."""

import json
import platform
import sys
from collections.abc import Sequence
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from sensorproc import __version__
from sensorproc.config import Config
from sensorproc.recording import Recording

LIBRARIES = ("numpy", "scipy", "numba", "opencv-python-headless", "astropy", "pydantic", "spacepackets", "fastcrc")


def run_facts(recording: Recording, config: Config, argv: list[str], seeds: Sequence[int] = ()) -> dict[str, Any]:
    """What ``run.json`` says of a run before it starts."""
    return {
        "sensorproc": __version__,
        "python": platform.python_version(),
        "libraries": {name: _version(name) for name in LIBRARIES},
        "machine": {"system": platform.system(), "machine": platform.machine(), "byteorder": sys.byteorder},
        "argv": argv,
        "recording": {
            "path": str(recording.path),
            "n_frames": len(recording.entries),
            "notes": list(recording.notes),
            "doubts": list(recording.doubts),
        },
        "config": asdict(config),  # type: ignore[call-overload]
        "config_digest": config.digest().hex(),
        "seeds": list(seeds),
    }


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "absent"


def write_run(out: Path, facts: dict[str, Any]) -> None:
    """Replace run.json in one step, so that a reader never sees half of it."""
    temporary = out / "run.json.tmp"
    temporary.write_text(json.dumps(facts, indent=1, sort_keys=True) + "\n", "utf-8")
    temporary.replace(out / "run.json")
