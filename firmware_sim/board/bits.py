"""An array as bytes: their CRC-32, and the array with one of its bits flipped."""

from zlib import crc32

import numpy as np


def crc_of(array: np.ndarray) -> int:
    """CRC-32 over the bytes of an array in C order."""
    return crc32(np.ascontiguousarray(array).data)


def flipped(array: np.ndarray, bit: int) -> np.ndarray:
    """A copy with one bit flipped; places beyond the array's end count on from its start."""
    changed = array.copy()
    octets = changed.view(np.uint8).reshape(-1)
    octets[bit // 8 % octets.size] ^= np.uint8(1 << bit % 8)
    return changed
