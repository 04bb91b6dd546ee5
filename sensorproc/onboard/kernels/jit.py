"""Types of kernel arguments and the one compile decorator."""

from typing import Any

from numba import njit, types

f4, f8 = types.float32, types.float64
i1, i2, i4, i8 = types.int8, types.int16, types.int32, types.int64
u1, u2, u4 = types.uint8, types.uint16, types.uint32
void, boolean = types.void, types.boolean
pair, triple = types.UniTuple(f8, 2), types.UniTuple(f8, 3)

# Sums may be taken in any order and products joined with them (vectors, fused multiply-add); NaN and infinity stay what they are.
FREEDOM = {"reassoc", "contract", "nsz"}


def ro(dtype: Any, ndim: int) -> types.Array:
    """A C-contiguous input: accepts read-only and writable arrays with one variant."""
    return types.Array(dtype, ndim, "C", readonly=True)


def out(dtype: Any, ndim: int) -> types.Array:
    """A C-contiguous array the kernel writes."""
    return types.Array(dtype, ndim, "C")


def kernel(signature: Any) -> Any:
    """Compile now, cache on disk, release the interpreter lock."""
    return njit(signature, cache=True, nogil=True, error_model="numpy", fastmath=FREEDOM)
