"""Does it move, or do the stars? Faint stars that no model knows lie in the pattern that a stare solves from its own frames.

As the platform drifts by parts of a pixel they leave a bright and a dark lobe whose light walks over the detector with the
drift. A track must keep its light when all that goes as the pattern or as the drift of the stars is taken out of the pixels.
"""

import numpy as np

from sensorproc.onboard.detector.projection import alike
from sensorproc.onboard.products import Registration
from sensorproc.onboard.search.blends import Cut
from sensorproc.onboard.search.track import Track, matched_sums
from sensorproc.onboard.stack import Stack

LEFT_FRACTION, LEAST_LEFT_SNR = 0.5, 2.0  # Of the SNR that a true motion keeps, and at least.
LEAST_LEFT = 0.01  # Part of the variance that is left at least.
LEAST_DRIFT_PX = 0.02  # A direction in which stars drift less (rms) tells nothing.
MOST_KEPT = 0.98  # If the pattern has left more of the template, it holds nothing of the track.


def moves_unlike_stars(stack: Stack, image: np.ndarray, track: Track) -> bool:
    """Whether a track of a set whose pattern was solved from its own frames is more than the drift of stars under it.

    ``image`` (n, ny, nx) are the pixels without the objects that are known already.
    """
    # where the object is too plain to have had a say in the pattern, no star had one
    scales, c = stack.pattern_scales, track.candidate
    if scales is None or not track.phi.sum() < MOST_KEPT * track.template_phi.sum():
        return True
    modes = drift_modes(stack.registrations, scales, c.x_px, c.y_px)
    if modes is None:
        return True
    cut = Cut.around(stack, image, track).without(list(track.neighbours))
    pixels = np.where(cut.weight > 0, cut.image, np.float32(0.0)).astype(float)
    left = pixels - np.einsum("km,lm,lyx->kyx", modes, modes, pixels)
    s = stack.psf_sigma_px
    psi, phi = matched_sums(np.ascontiguousarray(left, np.float32), cut.weight, track.path - cut.corner, track.trails, s)
    weighted = np.sqrt(np.maximum(phi, 0.0))[:, None] * modes
    taken = float(np.einsum("km,kl,lm->", weighted, alike(track.path, track.trails, s), weighted))
    kept = max(1.0 - taken / max(float(phi.sum()), 1e-30), LEAST_LEFT)
    snr = float(psi.sum()) / float(np.sqrt(max(phi.sum(), 1e-30) * kept))
    expected = track.snr * float(np.sqrt(kept * track.template_phi.sum() / track.phi.sum()))
    return snr > max(LEFT_FRACTION * expected, LEAST_LEFT_SNR)


def drift_modes(registrations: list[Registration], scales: np.ndarray, x: float, y: float) -> np.ndarray | None:
    """Orthonormal modes (n, m) of time, first the pattern's scales, then the drift of a star at (x, y) in the registered plane:
    its principal direction, and across it where frames are enough for both. None where stars do not drift."""
    places = np.array([r.transform.to_detector(np.float64(x), np.float64(y)) for r in registrations], float)
    first = scales / np.sqrt((scales**2).sum())
    drift = places - np.outer(first, first @ places)
    modes, spread, _ = np.linalg.svd(drift, full_matrices=False)
    n = min(int((spread > LEAST_DRIFT_PX * np.sqrt(len(scales))).sum()), len(scales) - 2)
    return np.column_stack([first, modes[:, :n]]) if n > 0 else None
