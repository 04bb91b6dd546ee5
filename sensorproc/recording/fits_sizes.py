"""The sizes in a FITS file, before a library trusts them: an axis below nothing, or a billion axes, have no end."""

import re
from typing import IO

from sensorproc.errors import InputError

BLOCK = 2880
MOST_HDUS, MOST_BLOCKS, MOST_AXES = 1000, 4000, 8
SIZE_CARD = re.compile(rb"(NAXIS\d*|BITPIX|PCOUNT|GCOUNT) *= *([^/]*?) *(?:/.*)?")


def demand_sane_sizes(file: IO[bytes]) -> None:
    """Demand that the axes of all HDUs of an opened file are such as an image or a table may have.

    Raises
    ------
    InputError
        If they are not.
    """
    at = 0
    for hdu in range(MOST_HDUS):
        file.seek(at)
        sizes, n_blocks = _size_cards(file, hdu)
        if not n_blocks:
            return  # the end, or what is no HDU behind the last one
        n_axes = sizes.get("NAXIS", 0)
        axes = [sizes.get(f"NAXIS{k}", 0) for k in range(1, min(n_axes, MOST_AXES) + 1)]
        if not 0 <= n_axes <= MOST_AXES or any(size < 0 for size in (*axes, sizes.get("PCOUNT", 0))):
            raise InputError(f"HDU {hdu} has {n_axes} axes of {axes}")
        n_values = sizes.get("PCOUNT", 0) if axes else 0
        product = 1
        for size in axes:
            product *= size
        n_bytes = abs(sizes.get("BITPIX", 8)) // 8 * max(sizes.get("GCOUNT", 1), 1) * (n_values + (product if axes else 0))
        at += BLOCK * n_blocks + -(-n_bytes // BLOCK) * BLOCK
    raise InputError(f"more than {MOST_HDUS} HDUs")


def _size_cards(file: IO[bytes], hdu: int) -> tuple[dict[str, int], int]:
    """Numbers of the cards that tell a size, and how many blocks their header has; none where there is no header."""
    sizes: dict[str, int] = {}
    for n in range(1, MOST_BLOCKS + 1):
        block = file.read(BLOCK)
        if len(block) < BLOCK or (n == 1 and not block.startswith((b"SIMPLE", b"XTENSION"))):
            return sizes, 0
        for start in range(0, BLOCK, 80):
            card = block[start : start + 80]
            if card.rstrip() == b"END":
                return sizes, n
            found = SIZE_CARD.fullmatch(card)
            if found:
                try:
                    sizes[found[1].decode()] = int(found[2])
                except ValueError:
                    raise InputError(f"HDU {hdu}: {card.decode('latin-1').strip()} is no size") from None
    raise InputError(f"HDU {hdu} has a header without an end")
