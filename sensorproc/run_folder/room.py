"""Is there room for a run in a folder? What a person put there is never in its way, and never deleted."""

from collections.abc import Sequence
from pathlib import Path

from sensorproc.errors import UsageError
from sensorproc.run_folder import manifest

OTHERWISE = "choose another folder or move it away"
MOST_NAMED = 3


def demand_room(folder: Path, reserved: Sequence[str], alone: str = "") -> None:
    """Demand that whatever a run would replace in a folder is a run's and as that run wrote it, and that in its part ``alone``
    there is nothing else.

    Raises
    ------
    UsageError
        Naming what is in the way.
    InputError
        If the folder's ``run.json`` cannot be read.
    """
    facts = manifest.read(folder)
    if facts and "products" not in facts:
        raise UsageError(f"{folder}: holds a run of an older version, or half of one; {OTHERWISE}")
    ours = manifest.owned(folder)
    own_names = {name.split("/")[0] for name in ours}
    for name in reserved:
        path = folder / name
        if path.is_symlink() or (path.exists() and name not in own_names):
            held = ", ".join(sorted(p.name for p in path.glob("*"))[:MOST_NAMED])
            raise UsageError(f"{path}{f' ({held})' if held else ''}: no run.json says that a run wrote it; {OTHERWISE}")
    others = [p.name for p in sorted((folder / alone).glob("*")) if p.relative_to(folder).as_posix() not in ours] if alone else []
    if others:
        raise UsageError(f"{folder / alone} holds other files ({', '.join(others[:MOST_NAMED])}); {OTHERWISE}")
    changed = manifest.changed(folder, facts)
    if changed:
        raise UsageError(f"{folder}: {changed[0]} is not what was written by its run; {OTHERWISE}")


def demand_inputs_stay(folder: Path, inputs: Sequence[Path | None]) -> None:
    """Demand that a run replaces nothing that it reads.

    Raises
    ------
    UsageError
        Naming the input.
    """
    ours = manifest.owned(folder)
    for path in inputs:
        place = path.resolve() if path else folder.parent
        if place == folder or folder in place.parents:
            name = place.relative_to(folder).as_posix()
            if (place == folder and ours) or any(one == name or one.startswith(f"{name}/") for one in ours):
                raise UsageError(f"{path}: is read by this run and would be replaced by it; choose another folder")
