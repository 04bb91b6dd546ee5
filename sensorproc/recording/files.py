"""Files as they lie in a folder: in an order people count in, told by their first bytes, unpacked to a bounded size."""

import bz2
import gzip
import re
import zlib
from functools import lru_cache
from pathlib import Path
from typing import IO, Any

from sensorproc.errors import InputError

MOST_BYTES = 1 << 30  # of one unpacked file in memory
HEAD_BYTES = 64
PACKED = ((b"\x1f\x8b", gzip.open), (b"BZh", bz2.open))


def in_order(folder: Path) -> list[Path]:
    """Files of a folder without hidden ones, f2 before f10."""
    return sorted((f for f in folder.iterdir() if f.is_file() and not f.name.startswith(".")), key=lambda f: number_key(f.name))


def number_key(name: str) -> tuple[Any, ...]:
    """Sorting key of a name: its numbers count as numbers."""
    parts = re.split(r"(\d+)", name)
    return tuple((int(part), part) if k % 2 else (0, part) for k, part in enumerate(parts)), name


def is_packed(path: Path) -> bool:
    """Whether a file is packed as a whole (gzip, bzip2)."""
    return _unpacker(path) is not None


def unpacked(path: Path) -> IO[bytes]:
    """A file to read, unpacked on the way if it is packed."""
    opener = _unpacker(path)
    return opener(path, "rb") if opener else path.open("rb")


def _unpacker(path: Path) -> Any:
    """What opens a packed file, None where it is not packed."""
    with path.open("rb") as file:
        start = file.read(3)
    return next((opener for magic, opener in PACKED if start.startswith(magic)), None)


def head(path: Path) -> bytes:
    """First bytes of a file, unpacked; empty where they cannot be read."""
    try:
        with unpacked(path) as file:
            return file.read(HEAD_BYTES)
    except (OSError, EOFError, zlib.error):
        return b""


def content(path: Path) -> bytes:
    """All bytes of a file, unpacked.

    Raises
    ------
    InputError
        If it cannot be read, or is larger than a gibibyte.
    """
    return _content(path, path.stat().st_mtime_ns)


@lru_cache(maxsize=1)
def _content(path: Path, _: int) -> bytes:
    try:
        with unpacked(path) as file:
            data = file.read(MOST_BYTES + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise InputError(f"{path}: unreadable ({error})") from None
    if len(data) > MOST_BYTES:
        raise InputError(f"{path}: more than {MOST_BYTES} bytes unpacked")
    return data
