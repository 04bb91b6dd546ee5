"""CRC-32 of an array's bytes."""

from zlib import crc32

import numpy as np


def crc_of(array: np.ndarray) -> int:
    """CRC-32 over the bytes of an array in C order."""
    return crc32(np.ascontiguousarray(array).data)
