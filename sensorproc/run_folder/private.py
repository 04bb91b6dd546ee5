"""Folders that are kept between runs belong to one user: what lies in them is believed, or run as code."""

import atexit
import os
import shutil
import stat
import tempfile
from pathlib import Path

from sensorproc.errors import ConfigError

KERNEL_CACHE = "NUMBA_CACHE_DIR"
_TEMPORARY: list[str] = []  # the folder of this process alone, if it needed one


def why_not_private(folder: Path) -> str:
    """Why others could have put something into a folder; nothing if they could not."""
    try:
        status = folder.stat()
    except OSError:
        return ""  # not there: whoever needs it makes it, for itself alone
    if status.st_uid not in (os.getuid(), 0):
        return "belongs to another user"
    by_group = status.st_mode & stat.S_IWGRP and status.st_gid != os.getgid()  # a user's own group is the user
    return "may be written by others" if status.st_mode & stat.S_IWOTH or by_group else ""


def make_private(folder: Path) -> None:
    """Make a folder that its user alone can write to, and those above it."""
    if not folder.is_dir():
        folder.parent.mkdir(parents=True, exist_ok=True)
        folder.mkdir(mode=0o700, exist_ok=True)


def prepare_kernel_cache(package: Path) -> str:
    """See that compiled kernels have a folder: the one that is set, the ``package``'s own, the user's, or one for this process
    alone, of which the note that is returned speaks.

    Raises
    ------
    ConfigError
        If others can write to the folder that is set: numba runs what lies in it.
    """
    given = os.environ.get(KERNEL_CACHE)
    if given and given not in _TEMPORARY:
        if wrong := why_not_private(Path(given)):
            raise ConfigError(
                [f"{KERNEL_CACHE} = {given}: {wrong}, and what lies in it is run as code; choose a folder of your own"]
            )
        make_private(Path(given))
        return ""
    if any(_is_writable(folder) for folder in (package / "__pycache__", user_cache())):
        return ""
    if not _TEMPORARY:
        _TEMPORARY.append(tempfile.mkdtemp(prefix="sensorproc-kernels-"))  # its user's alone
        atexit.register(shutil.rmtree, _TEMPORARY[0], ignore_errors=True)
        os.environ[KERNEL_CACHE] = _TEMPORARY[0]
    return f"no folder to keep compiled kernels in: they are compiled anew, a minute; set {KERNEL_CACHE} to a folder of your own"


def user_cache() -> Path:
    """Where a user's programs keep what they can make again."""
    given = os.environ.get("XDG_CACHE_HOME")
    try:
        return Path(given) if given else Path.home() / ".cache"
    except RuntimeError:  # a user that the system does not know
        return Path(os.devnull)


def _is_writable(folder: Path) -> bool:
    """Whether a folder is private and can be written to, which only trying tells: of some systems the modes say nothing."""
    try:
        make_private(folder)
        with tempfile.TemporaryFile(dir=folder):
            return not why_not_private(folder)
    except OSError:
        return False
