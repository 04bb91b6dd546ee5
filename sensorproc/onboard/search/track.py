"""Where a hypothesis puts its light: detector positions and in-frame trails of a linear motion over a set."""

from dataclasses import dataclass

import numpy as np

from sensorproc.onboard.products import Candidate


@dataclass(frozen=True, eq=False)
class Track:
    """A fitted candidate. ``psi``, ``phi`` (n,) matched-filter sums; ``cov`` (4, 4) of x, y, vx, vy; ``path`` (n, 2);
    ``flags``: :class:`~sensorproc.flags.DetectionFlag` of every member; ``share`` of what an object alone would tell of its flux,
    1 but for those fitted together with another; ``neighbours``: these."""

    candidate: Candidate
    flux_e: float
    psi: np.ndarray
    phi: np.ndarray
    cov: np.ndarray
    path: np.ndarray
    trails: np.ndarray
    flags: int = 0
    share: float = 1.0
    neighbours: tuple["Track", ...] = ()

    @property
    def snr(self) -> float:
        return self.candidate.snr

    @property
    def light(self) -> tuple[np.ndarray, np.ndarray]:
        """Where its light is: path (n, 2) [px] and trails (n, 3), length [px] and direction cosines."""
        return self.path, self.trails
