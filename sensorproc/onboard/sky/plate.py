"""One frame's plate solution: which stars are which, and the attitude and scale that put them there, with covariance."""

import math
from dataclasses import dataclass, replace

import numpy as np
from scipy.special import pdtrc

from sensorproc.geometry import Camera, attitude_terms, compose, on_detector, rotation
from sensorproc.onboard.image.pairing import match_nearest
from sensorproc.onboard.kernels.cholesky import invert_symmetric

TABLE_SIGMA_PX = 0.05  # Error of the table's places and of what the optics' model misses.
CENTROID_SIGMAS = 1.5  # A star's place is so many PSF widths over its SNR uncertain: sqrt(2), and the pixels.
OUTLIER, LEAST_OUTLIER_PX = 3.0, 0.3  # An outlier's distance in medians of all, and the distance never called one.
ROBUST_SIGMAS = 3.0  # A larger residual counts less (Huber 1964).
# Brightest stars of the frame that may match, at least, and for each of the table: the rest only adds chance.
LEAST_STARS, STARS_PER_TABLE_STAR = 40, 4
STILL_PX = 0.01  # The fit has settled when it moves no star farther.
MOST_CHANCE = 1e-9  # As many stars may match where the camera does not point so often.
FITTED_STARS = 2  # So many of the matched stars the fit itself has put in place: it has four parameters.


@dataclass(frozen=True, eq=False)
class Plate:
    """A fit: the camera; matched pairs (stars ``here`` of the frame, ``there`` of the table), ``places`` of these (m, 2) [px from
    the boresight, x by parity], residuals (m, 2), weights (m,) [px^-2] and table magnitudes (m,); rms per axis [px];
    covariance (4, 4) of turns about image x and y [px], about the line of sight [rad] and of the relative scale; the
    ``chance`` that so many match where the camera does not point."""

    camera: Camera
    here: np.ndarray
    there: np.ndarray
    places: np.ndarray
    residual: np.ndarray
    weight: np.ndarray
    rms_px: float
    cov: np.ndarray
    chance: float
    mag: np.ndarray


def fit_plate(
    camera: Camera, stars: np.ndarray, table: tuple[np.ndarray, np.ndarray], shape: tuple[int, int], s: float,
    radii: tuple[float, ...], scale_sigma: float, min_matched: int,
) -> Plate | None:  # fmt: skip
    """Match and fit in rounds, each with its search radius [px]; None if too few stars match.

    ``stars`` (n, 3): x, y, SNR; ``table``: directions (m, 3) and magnitudes (m,); ``scale_sigma`` how well the camera's scale
    is known.
    """
    unit, mag = table
    plate, before_px, moved_px, half_px = None, 0.0, math.inf, 0.5 * math.hypot(*shape)
    for radius in radii:
        if radius == before_px and moved_px < STILL_PX:
            continue  # would match the same pairs
        x, y = camera.pixel(unit)
        n_table = int(on_detector(x, y, shape).sum())
        bright = stars[: max(LEAST_STARS, STARS_PER_TABLE_STAR * n_table)]
        here, there = match_nearest(bright[:, :2], np.stack([x, y], axis=1), radius)
        if len(here) < min_matched:
            return None
        gap = np.stack([camera.parity * (stars[here, 0] - x[there]), stars[here, 1] - y[there]], axis=1)
        distance = np.hypot(gap[:, 0], gap[:, 1])
        keep = distance <= max(OUTLIER * float(np.median(distance)), LEAST_OUTLIER_PX)
        here, there, gap = here[keep], there[keep], gap[keep]
        if len(here) < min_matched:
            return None
        variance = TABLE_SIGMA_PX**2 + (CENTROID_SIGMAS * s / stars[here, 2]) ** 2
        pull = np.sqrt((gap**2).sum(axis=1) / (2.0 * variance))
        scatter = max(float(np.median(pull)) / 0.833, 1.0)  # median of the rms of two unit normals
        weight = np.minimum(1.0, ROBUST_SIGMAS * scatter / np.maximum(pull, 1e-9)) / (variance * scatter**2)
        p, q = camera.parity * (x[there] - camera.x0_px), y[there] - camera.y0_px
        answer = _step(p, q, gap, weight, scale_sigma)
        if answer is None:
            return None
        step, cov = answer
        camera = turned(camera, step)
        before_px, moved_px = radius, float(np.abs(step * np.array([1.0, 1.0, half_px, half_px])).sum())
        left = gap - np.einsum("mij,j->mi", attitude_terms(p, q), step)
        rms = float(np.sqrt((weight[:, None] * left**2).sum() / (2.0 * weight.sum())))
        likely = len(bright) * n_table * math.pi * radius**2 / (shape[0] * shape[1])  # matches by chance
        chance = float(pdtrc(len(here) - FITTED_STARS - 1, likely))
        plate = Plate(camera, here, there, np.stack([p, q], axis=1), left, weight, rms, cov, chance, mag[there])
    return plate


def turned(camera: Camera, step: np.ndarray) -> Camera:
    """The camera after a step (4,) of :func:`attitude_terms`."""
    vector = np.array([step[0] * camera.ifov_rad, step[1] * camera.ifov_rad, step[2]])
    moved = camera.with_attitude(compose(camera.dcm, rotation(vector)))
    return replace(moved, ifov_rad=camera.ifov_rad / (1.0 + step[3]))


def _step(p: np.ndarray, q: np.ndarray, gap: np.ndarray, weight: np.ndarray, scale_sigma: float) -> tuple | None:
    terms = attitude_terms(p, q)
    normal = np.einsum("m,mia,mib->ab", weight, terms, terms)
    rhs = np.einsum("m,mia,mi->a", weight, terms, gap)
    normal[3, 3] += scale_sigma**-2
    cov = np.zeros((4, 4))
    if not invert_symmetric(normal, cov):
        return None
    return np.einsum("ab,b->a", cov, rhs), cov
