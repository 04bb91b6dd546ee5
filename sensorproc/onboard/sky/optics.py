"""What the payload has learnt of its optics: scale and distortion, from all stars of all frames, carried from set to set.

Every frame turns its own way; its attitude is eliminated from the equations and what is left is of the optics. A prior holds what
the stars have not yet told: a distortion of low order that is small, but for a radial one of third order.
"""

from collections.abc import Sequence

import numpy as np

from sensorproc.geometry import N_BEND, attitude_terms, bend_terms
from sensorproc.onboard.kernels.cholesky import invert_symmetric
from sensorproc.onboard.sky.plate import Plate
from sensorproc.onboard.state import FADING, Optics

FIRST_SCALE_SIGMA, LATER_SCALE_SIGMA = 0.02, 1e-3  # Relative error of a header's pixel scale, and of one that was seen on stars.
BEND_SIGMAS = (0.3, 0.3, *[0.3] * 6, *[0.3] * 8)  # What a lens may bend before it is known [px at 1000 px from the boresight].
RADIAL_SIGMA = 6.0  # The same of a radial distortion of third order, which lenses do have.
RADIAL = (8, 10, 13, 15)  # Those of the 16 terms that a radial distortion of third order has alike: p^3, p q^2, p^2 q, q^3.
SAME_STARS = 0.3  # Part of a frame's information that is new when the same stars stand on the same pixels.


def learnt(plates: Sequence[Plate], before: Optics | None, is_stare: bool) -> Optics:
    """The optics that fit all plates of a set and what was known ``before`` best."""
    camera = plates[0].camera
    normal, rhs = np.zeros((N_BEND + 1, N_BEND + 1)), np.zeros(N_BEND + 1)
    for plate in plates:
        n, r = _without_attitude(plate)
        normal += n
        rhs += r
    # the same stars on the same pixels have the same errors in every frame
    share = 1.0 / (1.0 + (len(plates) - 1) * (1.0 - SAME_STARS)) if is_stare else 1.0
    normal, rhs = share * normal, share * rhs
    information = FADING * before.information if before else np.zeros_like(normal)
    prior = _prior()
    now = np.array([0.0, *(camera.distortion or (0.0,) * N_BEND)])
    known = np.array([before.ifov_rad / camera.ifov_rad - 1.0, *before.distortion]) if before else now
    known[0] = -known[0]  # a larger angle per pixel brings stars nearer
    total = normal + information + prior
    cov = np.zeros_like(total)
    if not invert_symmetric(total, cov):
        return before or Optics(camera.ifov_rad, camera.parity, camera.distortion, information)
    pull = rhs + np.einsum("ab,b->a", information, known - now) - np.einsum("ab,b->a", prior, now)
    step = np.einsum("ab,b->a", cov, pull)
    bent = tuple((now[1:] + step[1:]).tolist())
    return Optics(camera.ifov_rad / (1.0 + float(step[0])), camera.parity, bent, information + normal)


def _without_attitude(plate: Plate) -> tuple[np.ndarray, np.ndarray]:
    """Normal equations of scale and distortion of one frame, its three turns eliminated (Schur complement)."""
    x, y = plate.places.T
    turns = attitude_terms(x, y)
    terms = np.concatenate([turns[:, :, 3:], -bend_terms(x, y)], axis=2)  # a pixel bent outwards sees a star farther out
    turns = turns[:, :, :3]
    w = plate.weight
    aa = np.einsum("m,mia,mib->ab", w, turns, turns)
    ao = np.einsum("m,mia,mib->ab", w, turns, terms)
    oo = np.einsum("m,mia,mib->ab", w, terms, terms)
    ra, ro = (np.einsum("m,mia,mi->a", w, t, plate.residual) for t in (turns, terms))
    inverse = np.zeros_like(aa)
    if not invert_symmetric(aa, inverse):
        return np.zeros_like(oo), np.zeros_like(ro)
    gain = np.einsum("ao,ab->ob", ao, inverse)
    return oo - np.einsum("ob,bc->oc", gain, ao), ro - np.einsum("ob,b->o", gain, ra)


def _prior() -> np.ndarray:
    """Inverse covariance of scale and distortion before any star is seen."""
    cov = np.diag(np.array([FIRST_SCALE_SIGMA, *BEND_SIGMAS]) ** 2)
    radial = np.zeros(N_BEND + 1)
    radial[[k + 1 for k in RADIAL]] = 1.0
    cov += RADIAL_SIGMA**2 * np.outer(radial, radial)
    inverse = np.zeros_like(cov)
    invert_symmetric(cov, inverse)
    return inverse
