"""Where a hypothesis puts its light: detector positions and in-frame trails of a linear motion over a set."""

from dataclasses import dataclass

import numpy as np

from sensorproc.onboard.image.matched_filter import HALF_SIGMAS
from sensorproc.onboard.kernels.track_fit import accumulate
from sensorproc.onboard.products import Candidate

ITERATIONS = 14  # Gauss-Newton steps of one fit of a track.


@dataclass(frozen=True, eq=False)
class Track:
    """A fitted candidate. ``psi``, ``phi`` (n,) matched-filter sums; ``cov`` (4, 4) of x, y, vx, vy; ``path`` (n, 2);
    ``flags``: :class:`~sensorproc.flags.DetectionFlag` of every member; ``share`` of what an object alone would tell of its flux,
    1 but for those fitted together with another; ``neighbours``: these; ``kept`` (n,), of which ``phi``
    is that part, what the solved pattern has left of each frame's template, None for all of it."""

    candidate: Candidate
    flux_e: float
    psi: np.ndarray
    phi: np.ndarray
    cov: np.ndarray
    path: np.ndarray
    trails: np.ndarray
    flags: int = 0
    share: float = 1.0
    kept: np.ndarray | None = None
    neighbours: tuple["Track", ...] = ()

    @property
    def snr(self) -> float:
        return self.candidate.snr

    @property
    def template_phi(self) -> np.ndarray:
        """``phi`` (n,) as it would be if no pattern had been solved."""
        return self.phi if self.kept is None else self.phi / self.kept

    @property
    def light(self) -> tuple[np.ndarray, np.ndarray]:
        """Where its light is: path (n, 2) [px] and trails (n, 3), length [px] and direction cosines."""
        return self.path, self.trails


def matched_sums(
    image: np.ndarray, weight: np.ndarray, path: np.ndarray, trails: np.ndarray, s: float
) -> tuple[np.ndarray, np.ndarray]:
    """Matched-filter sums psi and phi (n,) of every frame of ``image`` (n, ny, nx), for a trail at its place of ``path`` (n, 2)
    and a PSF of sigma ``s`` [px]."""
    n = len(path)
    place, psi_phi, unused = np.zeros((n, 5)), np.zeros(2 * n), np.zeros((5, 5))
    place[:, :2] = path
    accumulate(image, weight, place, trails, s, 0.0, psi_phi, unused, 0, HALF_SIGMAS * s)
    return psi_phi[::2], psi_phi[1::2]
