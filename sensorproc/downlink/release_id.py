"""What ties a record to the marking and data mode under which it was made: no SET record can speak for the data of others."""

import hashlib


def release_id(marking: str | bytes, data_mode: int) -> int:
    """First two bytes of SHA-256 over a marking, as SET records carry it, and the place of a data mode in DATA_MODES.

    >>> release_id("U", 3) == release_id(b"U", 3) != release_id("U", 1)
    True
    """
    text = marking if isinstance(marking, bytes) else marking.encode("ascii", "replace")
    return int.from_bytes(hashlib.sha256(text.rstrip(b"\0") + bytes([0, data_mode])).digest()[:2], "big")
