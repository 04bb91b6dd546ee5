"""Where a hypothesis puts its light, detector positions and in-frame trails of a linear motion, and how wrong it may be.

Errors are those of the normal equations of its fit, and near the threshold those of the likelihood itself: where an object stands
out of the noise by little that is no paraboloid. Other places explain the pixels nearly as well, and errors are larger than any
bound from its curvature (Barankin 1949; Van Trees, part I, section 2.4).
"""

from dataclasses import dataclass, replace

import numpy as np
from scipy.special import ndtri

from sensorproc.onboard.image.matched_filter import HALF_SIGMAS
from sensorproc.onboard.kernels.cholesky import invert_symmetric
from sensorproc.onboard.kernels.track_fit import N_SUMS, frame_sums, snr_beside
from sensorproc.onboard.products import Candidate
from sensorproc.onboard.stack import Stack

ITERATIONS = 14  # Gauss-Newton steps of one fit of a track.
PLAIN_SNR = 14.0  # Brighter tracks have no second place that explains their pixels.
N_DRAWS, WIDER = 400, 2.0  # Places and rates looked at, drawn from a normal so many times as wide as the fit says.


def _moment(logarithm: np.ndarray) -> np.ndarray:
    """Second moment (4, 4) of the draws, weighted by what the logarithms (n,) are of."""
    weight = np.exp(logarithm - logarithm.max())
    return np.einsum("k,ki,kj->ij", weight / weight.sum(), DRAWS, DRAWS)


# Evenly spread in four dimensions: multiples of powers of the root of x^5 = x + 1 (Roberts 2018).
DRAWS = ndtri(np.mod(np.outer(np.arange(1, N_DRAWS + 1), 1.1673039782614187 ** -np.arange(1.0, 5.0)), 1.0))
# What makes the moment of a likelihood that is a paraboloid exact.
EXACT = np.linalg.inv(np.linalg.cholesky(_moment(-0.5 * (WIDER**2 - 1.0) * (DRAWS**2).sum(axis=1))))


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
    sums = np.empty((len(path), N_SUMS))
    frame_sums(image, weight, path, trails, s, HALF_SIGMAS * s, sums)
    return sums[:, 0].copy(), sums[:, 1].copy()


def position_covariance(stack: Stack, normal: np.ndarray) -> np.ndarray:
    """Covariance (4, 4) of x, y, vx, vy from the normal equations of a Gaussian, for a point that is told less steeply; infinite
    where they are singular."""
    matrix = np.tril(normal[:4, :4]) + np.tril(normal[:4, :4], -1).T
    cov = np.empty((4, 4))
    return cov / stack.registrations[0].steepness ** 2 if invert_symmetric(matrix, cov) else np.full((4, 4), np.inf)


def as_likely(stack: Stack, image: np.ndarray, track: Track) -> Track:
    """A faint track with the covariance of all places and rates as likely as they are, about the best one.

    ``image`` (n, ny, nx) are the set's pixels with this object in them and no other. The likelihood of an SNR rho is
    exp(rho^2 / 2), with as much of rho^2 as the fit's own covariance allows; what was drawn from a wider normal is weighted by it
    over that normal's density.
    """
    if track.snr > PLAIN_SNR or track.neighbours or not np.isfinite(track.cov).all():
        return track
    root = np.linalg.cholesky(track.cov)
    steps, rho = np.ascontiguousarray(WIDER * DRAWS @ root.T), np.empty(N_DRAWS)
    s = stack.psf_sigma_px
    snr_beside(image, stack.weight, track.path, stack.times, track.trails, s, HALF_SIGMAS * s, steps, rho)
    told = stack.registrations[0].steepness ** 2 * float(track.phi.sum() / track.template_phi.sum())
    moment = EXACT @ _moment(0.5 * told * np.maximum(rho, 0.0) ** 2 + 0.5 * (DRAWS**2).sum(axis=1)) @ EXACT.T
    return replace(track, cov=root @ moment @ root.T)
