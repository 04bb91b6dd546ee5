"""What tells one version of code and settings from another: two builds with other constants have other digests."""

import hashlib
from functools import cache
from importlib import resources
from pathlib import Path

CARRIED_BYTES = 8  # of the digest, in SET records


@cache
def files_digest(*packages: str) -> str:
    """SHA-256 over names and bytes of all code and settings in packages."""
    found = hashlib.sha256()
    for package in packages:
        folder = Path(str(resources.files(package)))
        for path in sorted([*folder.rglob("*.py"), *folder.rglob("*.toml")]):
            found.update(path.relative_to(folder).as_posix().encode() + b"\0" + path.read_bytes())
    return found.hexdigest()


def software_digest() -> int:
    """The processing software's digest as packets carry it."""
    return int(files_digest("sensorproc")[: 2 * CARRIED_BYTES], 16)
