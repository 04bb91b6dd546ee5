"""``run.json``: the state of a run, and every file it consists of with size and SHA-256.

A run within a run (the recording of a flight) has a ``run.json`` of its own, which is one of the outer run's files.
"""

import hashlib
import json
from pathlib import Path
from typing import Any

from sensorproc.errors import InputError

NAME = "run.json"
RUNNING, FINISHED, REPLACING = "running", "finished", "replacing"
CHUNK_BYTES = 1 << 20


def write(folder: Path, facts: dict[str, Any]) -> None:
    """Replace ``run.json`` in one step, so that a reader never sees half of it."""
    temporary = folder / f"{NAME}.tmp"
    temporary.write_text(json.dumps(facts, indent=1, sort_keys=True) + "\n", "utf-8")
    temporary.replace(folder / NAME)


def read(folder: Path) -> dict[str, Any]:
    """What ``run.json`` says; nothing where there is none.

    Raises
    ------
    InputError
        If it is none of ours.
    """
    path = folder / NAME
    try:
        facts = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"{path}: no readable run.json ({error})") from None
    if not isinstance(facts, dict) or not isinstance(facts.get("products", {}), dict):
        raise InputError(f"{path}: is no run.json of a run")
    return facts


def listed(folder: Path) -> dict[str, dict[str, Any]]:
    """Size and digest of every file below a folder by its name; of a run within it, of its ``run.json`` alone."""
    inner = [path.parent for path in folder.glob(f"*/{NAME}")]
    paths = sorted(path for path in folder.rglob("*") if path.is_file() and path != folder / NAME)
    own = [p for p in paths if not any(p.is_relative_to(run) and p != run / NAME for run in inner)]
    return {path.relative_to(folder).as_posix(): {"n_bytes": path.stat().st_size, "sha256": digest(path)} for path in own}


def digest(path: Path) -> str:
    """SHA-256 of a file, in hex."""
    found = hashlib.sha256()
    with path.open("rb") as file:
        while part := file.read(CHUNK_BYTES):
            found.update(part)
    return found.hexdigest()


def missing(folder: Path, facts: dict[str, Any]) -> list[str]:
    """Names of the listed files that are not there."""
    return [name for name in facts.get("products", {}) if not (folder / name).is_file()]


def changed(folder: Path, facts: dict[str, Any]) -> list[str]:
    """Names of the listed files that are there and not as they were written."""
    there = {name: (folder / name, said) for name, said in facts.get("products", {}).items() if (folder / name).is_file()}
    return [n for n, (path, said) in there.items() if path.stat().st_size != said["n_bytes"] or digest(path) != said["sha256"]]


def owned(folder: Path) -> set[str]:
    """Names of every file of a folder that is a run's, with those of runs within it; none where there is no run."""
    facts = read(folder)
    if not facts:
        return set()
    names = {NAME, *facts.get("products", {})}
    inner = {name.removesuffix(f"/{NAME}") for name in names if name.endswith(f"/{NAME}")}
    return names | {f"{run}/{name}" for run in inner for name in owned(folder / run)}


def demand_whole(folder: Path) -> dict[str, Any]:
    """What ``run.json`` says of a run that is finished and whole.

    Raises
    ------
    InputError
        If there is no run, it is not finished, or a file of it is missing or is not what was written.
    """
    facts = read(folder)
    if not facts:
        raise InputError(f"{folder}: holds no run ({NAME} is missing)")
    if (state := facts.get("state")) != FINISHED:
        raise InputError(f"{folder}: this run is not finished ({NAME} says {state or 'nothing of its state'}): run it again")
    wrong = [f"{name} is missing" for name in missing(folder, facts)]
    wrong += [f"{name} is not what was written" for name in changed(folder, facts)]
    if wrong:
        more = f", and {len(wrong) - 1} more" if wrong[1:] else ""
        raise InputError(f"{folder}: this run is not whole: {wrong[0]}{more}")
    return facts
