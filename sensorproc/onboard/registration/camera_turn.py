"""The camera's rotation that carries the stars of one frame onto those of another, by least squares."""

import numpy as np

from sensorproc.config import Register
from sensorproc.geometry import compose, rotation
from sensorproc.onboard.image.pairing import match_nearest
from sensorproc.onboard.kernels.cholesky import solve_symmetric
from sensorproc.onboard.products import Transform

POSITION_FLOOR_PX = 0.03  # No star is placed better than this, however bright.
MOST_VOTES = 0.5  # Until it is clear which pairs are stars none counts more than most do: satellites side by side may be bright.
OWN_SIGMAS = 2.0  # A pair farther apart than the others is kept all the same if its own places are as uncertain as that.


def fit_transform(
    stars: np.ndarray, reference: np.ndarray, shift: np.ndarray, shape: tuple, ifov_rad: float, config: Register
) -> tuple[Transform, int, float]:
    """Camera rotation that carries ``stars`` (n, 3) onto ``reference`` (m, 3), its matches and their rms [px]."""
    ny, nx = shape
    focal = 1.0 / ifov_rad
    to_angle = np.array([[ifov_rad, 0, -ifov_rad * (nx - 1) / 2], [0, ifov_rad, -ifov_rad * (ny - 1) / 2], [0, 0, 1.0]])
    to_pixel = np.array([[focal, 0, (nx - 1) / 2], [0, focal, (ny - 1) / 2], [0, 0, 1.0]])
    # a small rotation (wx, wy, wz) moves the centre by (wy, -wx) / ifov and turns the field by wz
    vector = np.array([-shift[1] * ifov_rad, shift[0] * ifov_rad, 0.0])
    n, rms = 0, float("inf")
    for widening, is_rough in ((2.0, True), (1.0, True), (1.0, False), (1.0, False)):
        transform = _transform(to_pixel, rotation(vector), to_angle)
        x, y = transform.to_registered(stars[:, 0], stars[:, 1])
        a, b = match_nearest(np.stack([x, y], 1), reference[:, :2], widening * config.match_radius_px)
        n = len(a)
        if n < 3:
            return transform, n, float("inf")
        dx, dy = reference[b, 0] - x[a], reference[b, 1] - y[a]
        distance = np.hypot(dx, dy)
        weight = pair_weight(stars[a, 2], reference[b, 2])
        votes = np.minimum(weight, np.quantile(weight, MOST_VOTES))
        keep = _are_near(distance, votes, weight)
        if is_rough:
            weight = votes
        else:
            keep[keep] = _are_near(distance[keep], weight[keep], weight[keep])
        step = _rotation_step(x[a][keep], y[a][keep], dx[keep], dy[keep], weight[keep], nx, ny)
        vector = vector + step * np.array([ifov_rad, ifov_rad, 1.0])
        n = int(keep.sum())
        rms = float(np.sqrt((weight * distance**2)[keep].sum() / weight[keep].sum()))
    return _transform(to_pixel, rotation(vector), to_angle), n, rms


def _are_near(distance: np.ndarray, votes: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Pairs (n,) as near as most votes are, or as their own weights allow."""
    return np.asarray(distance <= np.maximum(max(3.0 * _weighted_median(distance, votes), 0.1), OWN_SIGMAS / np.sqrt(weight)))


def pair_weight(snr: np.ndarray, other_snr: np.ndarray) -> np.ndarray:
    """Weight (n,) [px^-2] of the distance between two images of a star: bright ones are placed better, and are more surely stars
    than the faintest detections."""
    return np.asarray(1.0 / (POSITION_FLOOR_PX**2 + (2.0 / snr) ** 2 + (2.0 / other_snr) ** 2))


def _weighted_median(values: np.ndarray, weight: np.ndarray) -> float:
    order = np.argsort(values, kind="stable")
    return float(values[order][np.searchsorted(np.cumsum(weight[order]), 0.5 * weight.sum())])


def _rotation_step(
    x: np.ndarray, y: np.ndarray, dx: np.ndarray, dy: np.ndarray, weight: np.ndarray, nx: int, ny: int
) -> np.ndarray:
    """Least-squares (wx, wy, wz) with wx, wy in pixels: dx = wy - wz v, dy = -wx + wz u about the centre."""
    u, v, w = x - (nx - 1) / 2, y - (ny - 1) / 2, weight
    n, wu, wv = w.sum(), (w * u).sum(), (w * v).sum()
    normal = np.array([[n, 0.0, -wu], [0.0, n, -wv], [-wu, -wv, (w * (u * u + v * v)).sum()]])
    rhs = np.array([-(w * dy).sum(), (w * dx).sum(), (w * (u * dy - v * dx)).sum()])
    solution = np.zeros(3)
    return solution if solve_symmetric(normal, rhs, np.zeros((3, 3)), solution) else np.zeros(3)


def _transform(to_pixel: np.ndarray, turn: np.ndarray, to_angle: np.ndarray) -> Transform:
    forward = compose(to_pixel, compose(turn, to_angle))
    backward = compose(to_pixel, compose(turn.T.copy(), to_angle))
    return Transform(_rows(forward), _rows(backward))


def _rows(matrix: np.ndarray) -> tuple:
    return tuple(tuple(float(v) for v in row) for row in matrix)
