"""One writer a folder: a lock file beside it, which the system lets go when its process ends, however it ends."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sensorproc.errors import UsageError


@contextmanager
def locked(path: Path, what: Path, shared: bool = False) -> Iterator[None]:
    """Hold the lock file ``path`` of the folder ``what``, alone or with others that share it; it is gone afterwards.

    Raises
    ------
    UsageError
        If another process holds it.
    """
    file = _taken(path, what, shared)
    try:
        yield
    finally:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)  # nobody else shares it: the last one clears up
            path.unlink(missing_ok=True)
        except OSError:
            pass
        os.close(file)


def _taken(path: Path, what: Path, shared: bool) -> int:
    """Descriptor of the locked file. A file that was removed between opening and locking is opened anew."""
    while True:
        file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(file, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(file)
            raise UsageError(f"{what}: another process writes into this folder; wait for it or choose another folder") from None
        try:
            if os.path.samestat(os.fstat(file), path.stat()):
                return file
        except FileNotFoundError:
            pass
        os.close(file)
