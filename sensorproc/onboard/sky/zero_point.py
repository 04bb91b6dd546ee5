"""How bright one electron a second is: the zero point of a frame from its matched stars, for objects of the Sun's colour.

The star model's fluxes are used, fitted through all frames of a set with the PSF that also measures objects; matched-filter SNRs
only where a set is too short for one. Stars redder than the Sun are brighter or fainter in the camera than in the table's band:
a colour term is fitted on those whose colour is known.
"""

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from sensorproc.conventions import SUN_COLOUR
from sensorproc.onboard.image.matched_filter import noise_at
from sensorproc.onboard.image.pairing import match_nearest
from sensorproc.onboard.kernels.cholesky import solve_symmetric
from sensorproc.onboard.products import FrameFacts, Registered, Solved
from sensorproc.theory import snr_streak

PLAIN_SNR = 15.0  # The light of such stars is more than noise.
MIN_STARS = 5  # Fewer stars give no zero point.
FLOOR_MAG = 0.005  # Flat fields and passbands are no better than this [mag].
KNOWN_SIGMA_MAG = 0.05  # Error of a zero point that was only given [mag].
FIELD_COLOUR = 1.0  # BP-RP of field stars [mag], about.
TERM_SIGMA = 0.3  # Colour term before any star is seen, 1 sigma [mag per mag of colour].
SAME_PX = 1.5  # A modelled star and its place by the table are so near.
ROUNDS, CLIP = 4, 3.0  # Fits, and the scatters beyond which a star is left out of the next one.


def zero_point(rate_e_s: np.ndarray, mag: np.ndarray, colour: np.ndarray) -> tuple[float, float] | None:
    """Magnitude of 1 e-/s for the Sun's colour and its sigma; None if the stars are too few.

    ``rate_e_s``, ``mag`` and ``colour`` (n,) are those of the stars; a colour is NaN if unknown.
    """
    if len(mag) < MIN_STARS:
        return None
    zero = mag + 2.5 * np.log10(rate_e_s)
    redder = np.where(np.isnan(colour), FIELD_COLOUR, colour) - SUN_COLOUR
    known = ~np.isnan(colour)
    middle, term = float(np.median(zero)), 0.0
    for _ in range(ROUNDS):
        left = zero - middle - term * redder
        scatter = max(1.4826 * float(np.median(np.abs(left - np.median(left)))), FLOOR_MAG)
        used = np.abs(left - np.median(left)) < CLIP * scatter
        weight = np.where(known, 1.0, 0.5)[used] / scatter**2  # what is unknown scatters by its colour, too
        columns = np.stack([np.ones(int(used.sum())), redder[used]])
        normal = np.einsum("an,n,bn->ab", columns, weight, columns) + np.diag([0.0, TERM_SIGMA**-2])
        answer = np.zeros(2)
        if not solve_symmetric(normal, np.einsum("an,n,n->a", columns, weight, zero[used]), np.zeros((2, 2)), answer):
            return None
        middle, term = (float(v) for v in answer)
    error = math.sqrt(normal[1, 1] / (normal[0, 0] * normal[1, 1] - normal[0, 1] ** 2))
    return middle, math.hypot(error, FLOOR_MAG)


def with_model_fluxes(frames: Sequence[Solved], paths: np.ndarray, flux_e: np.ndarray) -> list[Solved]:
    """Frames with the zero point of the star model's fluxes (m,) at ``paths`` (m, n, 2), where enough of its stars are the
    table's; the others as they are."""
    found = []
    for k, frame in enumerate(frames):
        exposure_s = frame.facts.exposure_s
        zero = None
        if frame.table_px is not None and exposure_s > 0 and len(flux_e):
            here, there = match_nearest(paths[:, k], frame.table_px[:, :2], SAME_PX)
            zero = zero_point(
                flux_e[here] * frame.facts.flux_scale / exposure_s, frame.table_px[there, 2], frame.table_px[there, 3]
            )
        found.append(replace(frame, zeropoint_mag=zero[0], sigma_zeropoint_mag=zero[1]) if zero else frame)
    return found


def less_sure(frames: Sequence[Solved], sigma_mag: float) -> list[Solved]:
    """Frames whose zero points have a further error: of light that stars have not shown to be missing."""
    return [
        replace(f, sigma_zeropoint_mag=math.hypot(f.sigma_zeropoint_mag, sigma_mag)) if f.sigma_zeropoint_mag is not None else f
        for f in frames
    ]


def first_zero_point(frame: Registered, stars: np.ndarray, mag: np.ndarray) -> tuple[float | None, float | None]:
    """Zero point and sigma from matched detections (n, 3) with magnitudes (n,), before stars are modelled."""
    flux = flux_of_snr(frame, stars)
    exposure_s = frame.facts.exposure_s
    usable = (stars[:, 2] > PLAIN_SNR) & (flux > 0)
    zero = zero_point(flux[usable] / exposure_s, mag[usable], np.full(int(usable.sum()), np.nan)) if exposure_s > 0 else None
    return zero or known_zero(frame.facts)


def known_zero(frame: FrameFacts) -> tuple[float | None, float | None]:
    """The zero point that was given with the sensor, if one was."""
    zero = frame.sensor.zeropoint_mag
    return zero, (KNOWN_SIGMA_MAG if zero is not None else None)


def flux_of_snr(frame: Registered, stars: np.ndarray) -> np.ndarray:
    """Flux [e-] of matched-filter detections: SNR times the noise of the template's equivalent area."""
    s, length = frame.psf_sigma_px, frame.trail.length_px
    ny, nx = frame.facts.shape
    y = np.clip(np.round(stars[:, 1]).astype(int), 0, ny - 1)
    x = np.clip(np.round(stars[:, 0]).astype(int), 0, nx - 1)
    return stars[:, 2] * noise_at(frame.flattened, (y, x)) * frame.facts.flux_scale / snr_streak(1.0, 1.0, length, s)
