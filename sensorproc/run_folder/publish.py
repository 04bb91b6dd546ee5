"""A whole folder takes the place of an older one in one step; what a person had put there stays.

On Linux two folders change names at once (``renameat2`` with ``RENAME_EXCHANGE``): at every moment the name is that of the whole
old run or of the whole new one. A folder that cannot be renamed (a mount point, the working directory, one whose parent may not
be written) gets the new files one by one; meanwhile its ``run.json`` says so and readers refuse it.
"""

import ctypes
import os
import shutil
from pathlib import Path

from sensorproc.errors import UsageError
from sensorproc.run_folder import manifest

AT_FDCWD, RENAME_EXCHANGE = -100, 2


def is_movable(folder: Path) -> bool:
    """Whether a folder (or one yet to be made) may change its name."""
    here = Path.cwd()
    if not folder.exists():
        return True
    return not (os.path.ismount(folder) or folder == here or folder in here.parents) and os.access(folder.parent, os.W_OK)


def publish(new: Path, folder: Path) -> None:
    """Put a whole folder in the place of another, with what there is besides a run."""
    if not folder.exists():
        new.rename(folder)
        return
    ours = manifest.owned(folder)
    carried = _carry(folder, new, ours)
    if not _exchange(new, folder):
        between = aside(new)
        folder.rename(between)
        new.rename(folder)
        between.rename(new)
    _remove(new, ours | carried)


def aside(new: Path) -> Path:
    """Where the old folder lies for a moment on systems that cannot exchange two names."""
    return new.with_name(f"{new.name}.old")


def publish_inside(new: Path, folder: Path) -> None:
    """As :func:`publish` where the folder itself must stay: ``new`` lies in it. Goes on where it was interrupted."""
    ours, coming = manifest.owned(folder), manifest.owned(new)
    manifest.write(folder, manifest.read(folder) | {"state": manifest.REPLACING})
    for name in sorted(ours - coming - {manifest.NAME}):
        (folder / name).unlink(missing_ok=True)
    for name in sorted(coming - {manifest.NAME}) + [manifest.NAME]:
        if (new / name).exists():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (new / name).replace(folder / name)
    _remove(new, set())
    _remove_empty(folder, {Path(name).parent.as_posix() for name in ours})


def _carry(folder: Path, new: Path, ours: set[str]) -> set[str]:
    """Give the new folder what lies in the old one and is no run's; names of what it took."""
    taken = set()
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        target = new / name
        if path.is_dir() and not path.is_symlink():
            if not any(one.startswith(f"{name}/") for one in ours):
                target.mkdir(parents=True, exist_ok=True)
        elif name not in ours:
            if target.exists():
                raise UsageError(f"{path}: is in the way and was not written by a run; move it away")
            target.parent.mkdir(parents=True, exist_ok=True)
            try:
                os.link(path, target, follow_symlinks=False)
            except OSError:
                shutil.copy2(path, target, follow_symlinks=False)
            taken.add(name)
    return taken


def _exchange(one: Path, other: Path) -> bool:
    """Two folders change names in one step, where the system can."""
    rename = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    if rename is None:
        return False
    return bool(rename(AT_FDCWD, os.fsencode(one), AT_FDCWD, os.fsencode(other), RENAME_EXCHANGE) == 0)


def _remove(folder: Path, names: set[str]) -> None:
    """Remove named files of a folder and what is empty then. Whatever appeared there meanwhile stays."""
    for name in names:
        (folder / name).unlink(missing_ok=True)
    folders = sorted((path for path in folder.rglob("*") if path.is_dir() and not path.is_symlink()), reverse=True)
    for path in [*folders, folder]:
        if not any(path.iterdir()):
            path.rmdir()


def _remove_empty(folder: Path, names: set[str]) -> None:
    for name in sorted(names - {"."}, reverse=True):
        if (folder / name).is_dir() and not any((folder / name).iterdir()):
            (folder / name).rmdir()
