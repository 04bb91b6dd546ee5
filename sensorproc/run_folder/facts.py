"""What ``run.json`` says of a run: versions, machine, configuration, recording."""

import platform
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

from sensorproc import __version__
from sensorproc.run_folder.software import files_digest

if TYPE_CHECKING:  # the ground, which has neither, says by itself what it is
    from sensorproc.config import Config
    from sensorproc.recording import Recording

LIBRARIES = ("numpy", "scipy", "numba", "opencv-python-headless", "astropy", "pydantic", "spacepackets", "fastcrc")


def program_facts(argv: list[str]) -> dict[str, Any]:
    """What made a run: versions, machine, command line."""
    return {
        "sensorproc": __version__,
        "software_sha256": files_digest("sensorproc"),
        "python": platform.python_version(),
        "libraries": {name: library_version(name) for name in LIBRARIES},
        "machine": {"system": platform.system(), "machine": platform.machine(), "byteorder": sys.byteorder},
        "argv": argv,
    }


def command_line(verb: str, what: object, options: Mapping[str, Any]) -> list[str]:
    """A verb with what it was given and the options that were."""
    return [verb, str(what), *(f"--{name}={value}" for name, value in options.items() if value is not None)]


def recording_facts(recording: "Recording", config: "Config", seeds: Sequence[int] = ()) -> dict[str, Any]:
    """What a run was made from."""
    return {
        "recording": {
            "path": str(recording.path),
            "n_frames": len(recording.entries),
            "shape_px": list(recording.entries[0].shape) if recording.entries else None,
            "notes": list(recording.notes),
            "doubts": list(recording.doubts),
        },
        "config": asdict(config),  # type: ignore[call-overload]
        "config_digest": config.digest().hex(),
        "seeds": list(seeds),
    }


def library_version(name: str) -> str:
    """Version of an installed library, ``absent`` without one."""
    try:
        return version(name)
    except PackageNotFoundError:
        return "absent"
