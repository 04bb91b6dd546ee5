"""A run is built where nobody looks and takes its folder's name when it is whole: disk full, an error, a kill at any moment
leave the older run as it was."""

import errno
import os
import shutil
import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sensorproc.errors import InputError
from sensorproc.run_folder import manifest
from sensorproc.run_folder.lock import locked
from sensorproc.run_folder.publish import aside, is_movable, publish, publish_inside
from sensorproc.run_folder.room import demand_inputs_stay, demand_room

# What only a run writes: where one of these lies and no run.json lists it, a person's own file would be in the way.
RESERVED = (
    manifest.NAME, "downlink.bin", "gaps.json", "report.html", "summary.json", "timeline.json", "picture.jpg", "products",
    "detections.ecsv", "tracklets.ecsv", "frames.ecsv", "housekeeping.ecsv", "events.ecsv", "stages", "result.json",
    "frames", "truth.json",
)  # fmt: skip
NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EFBIG, errno.EIO)


@dataclass
class Building:
    """A run that is being made: files go to ``folder``, ``facts`` become its ``run.json``, ``out`` is what it will be called."""

    folder: Path
    out: Path
    facts: dict[str, Any] = field(default_factory=dict)

    def named(self, path: Path) -> Path:
        """Where a file of this run will lie when it is done; of any other file where it lies."""
        return self.out / path.relative_to(self.folder) if path.is_relative_to(self.folder) else path


@contextmanager
def building(out: Path, facts: dict[str, Any], inputs: Sequence[Path | None] = (), alone: str = "") -> Iterator[Building]:
    """A new run for the folder ``out``, which is put there on leaving without an error.

    What is in ``out`` and belongs to no run stays there, but none of it may lie in the run's own folder ``alone``. ``inputs``
    are what the run reads.

    Raises
    ------
    UsageError
        If another process writes to it, or what the run would replace is an input of it or is none of a run's files.
    InputError
        If ``out`` is a file or cannot be written.
    """
    called, out = out, out.resolve()
    if out.exists() and not out.is_dir():
        raise InputError(f"{out}: is a file, not a folder")
    try:
        (out if out.exists() else out.parent).mkdir(parents=True, exist_ok=True)
        home = _home(out)
        with locked(_lock(out), out):
            _clear(out)
            demand_room(out, RESERVED, alone)
            demand_inputs_stay(out, inputs)
            yield from _built(Building(_part(home, out), called, facts), out, home == out)
    except OSError as error:
        if error.errno in NO_ROOM or str(error.filename or "").startswith(f"{out.parent}/.{out.name}.sensorproc"):
            raise InputError(f"{out}: cannot be written ({error.strerror or error}); what was there is as it was") from None
        raise


@contextmanager
def adding(out: Path, shared: bool = False) -> Iterator[None]:
    """Hold a folder while files that belong to no run are added to it, alone or with others that do the same.

    Raises
    ------
    UsageError
        If another process writes to it, or if there is no room for the run that will follow.
    """
    out = out.resolve()
    out.mkdir(parents=True, exist_ok=True)
    demand_room(out, RESERVED)
    with locked(_lock(out), out, shared):
        yield


def _home(out: Path) -> Path:
    """Where a run is built: beside its folder, or in it where the folder cannot be renamed."""
    return out.parent if is_movable(out) else out


def _part(home: Path, out: Path) -> Path:
    return home / f".{out.name}.sensorproc-part"


def _lock(out: Path) -> Path:
    """The lock file of a folder, the same for everybody: beside it, or in it where nothing may be written beside it."""
    return (out.parent if os.access(out.parent, os.W_OK) else out) / f".{out.name}.sensorproc-lock"


def _built(run: Building, out: Path, inside: bool) -> Iterator[Building]:
    part = run.folder
    part.mkdir()
    try:
        manifest.write(part, run.facts | {"state": manifest.RUNNING})
        yield run
        manifest.write(part, run.facts | {"state": manifest.FINISHED, "products": manifest.listed(part)})
    except BaseException:
        shutil.rmtree(part, ignore_errors=True)
        raise
    with _uninterrupted():
        (publish_inside if inside else publish)(part, out)


@contextmanager
def _uninterrupted() -> Iterator[None]:
    """An interrupt waits until two folders have changed their names."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _clear(out: Path) -> None:
    """Remove what killed runs left; one that was whole and half in its place is put there first."""
    for home in (out.parent, out):
        part = _part(home, out)
        old = aside(part)
        if old.exists() and not out.exists():
            old.rename(out)
        shutil.rmtree(old, ignore_errors=True)
        if not part.exists():
            continue
        if home == out and manifest.read(out).get("state") == manifest.REPLACING:
            publish_inside(part, out)
        shutil.rmtree(part, ignore_errors=True)
