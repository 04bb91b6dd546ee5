"""All memory of a run: what the payload carries from one frame set to the next, explicit and digested."""

import hashlib
from dataclasses import dataclass

import numpy as np

from sensorproc.onboard.products import freeze


@dataclass(frozen=True, eq=False)
class PayloadState:
    """Dark map and bad pixels of one detector.

    ``dark_e_s`` (ny, nx) float32 [e-/s] or None; ``bad`` (ny, nx) uint8 :class:`~sensorproc.flags.PixelFlag` or
    None; ``n_sets`` frame sets processed so far.
    """

    dark_e_s: np.ndarray | None = None
    bad: np.ndarray | None = None
    n_sets: int = 0

    def __post_init__(self) -> None:
        freeze(*(array for array in (self.dark_e_s, self.bad) if array is not None))

    def digest(self) -> bytes:
        """First 8 bytes of SHA-256 over the content."""
        content = hashlib.sha256(str(self.n_sets).encode())
        for array in (self.dark_e_s, self.bad):
            content.update(b"-" if array is None else repr(array.shape).encode() + np.ascontiguousarray(array).tobytes())
        return content.digest()[:8]

    def after_set(self) -> "PayloadState":
        """State for the next frame set."""
        return PayloadState(self.dark_e_s, self.bad, self.n_sets + 1)


@dataclass(frozen=True, eq=False)
class StarTable:
    """Stars the payload may use: unit vectors (n, 3) float64, ICRS at the epoch of use, and magnitudes (n,)."""

    unit: np.ndarray
    mag: np.ndarray

    def __post_init__(self) -> None:
        freeze(self.unit, self.mag)
