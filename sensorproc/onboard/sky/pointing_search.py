"""Where the camera points when the header is nearly right: the shift and roll on which most pairs of bright stars agree."""

import math

import numpy as np

from sensorproc.geometry import Camera, compose, rotation
from sensorproc.onboard.sky.plate import turned

VOTE_PX = 4.0  # Side of a bin of votes.
BRIGHT_TABLE, BRIGHT_STARS = 150, 80  # Brightest stars of the table and of the frame that vote.
MOST_ROLLS = 41  # Roll angles tried.


def votes(prior: Camera, stars: np.ndarray, unit: np.ndarray, reach_px: float, roll_rad: float, half_px: float) -> list[Camera]:
    """A camera for the best shift at every roll tried, most votes first.

    ``stars`` (n, 3) and ``unit`` (m, 3), brightest first; the pointing is off by ``reach_px`` and ``roll_rad`` at most; rolls are
    so far apart that a star ``half_px`` from the boresight stays in its bin.
    """
    step = 2.0 * VOTE_PX / half_px
    n = min(int(math.ceil(roll_rad / step)), MOST_ROLLS // 2)
    found: list[tuple[int, int, Camera]] = []
    for k in sorted(range(-n, n + 1), key=lambda k: (abs(k), k)):
        turn = rotation(np.array([0.0, 0.0, k * roll_rad / max(n, 1)]))
        rolled = prior.with_attitude(compose(prior.dcm, turn))
        shift, count = _shift(*rolled.pixel(unit[:BRIGHT_TABLE]), stars[:BRIGHT_STARS], reach_px)
        if count:
            found.append((-count, len(found), shifted(rolled, *shift)))
    return [camera for _, _, camera in sorted(found, key=lambda item: item[:2])]


def shifted(camera: Camera, dx: float, dy: float) -> Camera:
    """The camera turned so that every star moves by (dx, dy) pixels."""
    return turned(camera, np.array([dy, -camera.parity * dx, 0.0, 0.0]))


def _shift(x: np.ndarray, y: np.ndarray, stars: np.ndarray, reach_px: float) -> tuple[tuple[float, float], int]:
    """The shift most pairs have in common, and how many do."""
    dx = (stars[:, 0][:, None] - x[None, :]).ravel()
    dy = (stars[:, 1][:, None] - y[None, :]).ravel()
    near = np.hypot(dx, dy) <= reach_px
    dx, dy = dx[near], dy[near]
    if not len(dx):
        return (0.0, 0.0), 0
    n_bins = int(2.0 * reach_px / VOTE_PX) + 1
    edges = np.linspace(-reach_px, reach_px, n_bins + 1)
    counted = np.histogram2d(dx, dy, bins=(edges, edges))[0]
    smooth = counted.copy()  # of a bin and its neighbours to the left and below: no pair is lost on a boundary
    smooth[1:] += counted[:-1]
    smooth[:, 1:] += smooth[:, :-1].copy()
    i, j = np.unravel_index(int(np.argmax(smooth)), smooth.shape)
    close = (np.abs(dx - edges[i]) <= VOTE_PX) & (np.abs(dy - edges[j]) <= VOTE_PX)
    if not close.any():
        return (0.0, 0.0), 0
    return (float(np.median(dx[close])), float(np.median(dy[close]))), int(close.sum())
