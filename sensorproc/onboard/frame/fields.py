"""Video whose rows are of two times: what moves is in the even rows at one place and in the odd ones at another.

Light in every other row is sharper than light should be: most of it is taken for hits, and what is left of an object may be
nothing, or one in each field. The frames should be split into their fields; here the ground is told.
"""

import numpy as np

from sensorproc.flags import PixelFlag
from sensorproc.onboard.image.components import places
from sensorproc.onboard.products import Artefact, Residual
from sensorproc.onboard.stack import Stack
from sensorproc.onboard.stage import stage
from sensorproc.onboard.threads import each

LIT_SIGMA = 4.0  # Three pixels of a row, and of the next but one, together are so bright,
LEFT = 0.3  # and those between them have no more than this part of it,
GAP_SIGMA = 4.0  # which is so much less.
MOST_IN_ONE = 0.75  # One of the three has no larger part of it: in a particle's track it has nearly all.
LEAST_STARLESS = 1.0  # Where a star has left so much of the noise, what remains of it may alternate.


@stage(bytes_px=4)
def rows_of_two_times(stack: Stack) -> tuple[Artefact, ...]:
    """What combs in most frames tell of the camera; nothing if there are none."""
    combs = each(_combs, stack.frames)
    if 2 * sum(len(one) > 0 for one in combs) <= len(combs):
        return ()
    x, y = np.median(np.concatenate(combs), axis=0)
    return (Artefact("INTERLACED", sum(map(len, combs)), float(x), float(y)),)


def _combs(frame: Residual) -> np.ndarray:
    """Places x, y (m, 2) as wide as light, taken for hits, that a row on one side has little of and the next but one has."""
    ny, nx = frame.image_e.shape
    y, x = places(frame.flags == np.uint8(PixelFlag.COSMIC_RAY))
    y, x = np.concatenate([y, y - 2]), np.concatenate([x, x])  # the first row is taken for a hit, or the third
    inner = (x > 0) & (x < nx - 1) & (y >= 0) & (y < ny - 2)
    y, x = y[inner], x[inner]
    if not len(y):
        return np.empty((0, 2))
    near = y[:, None, None] + np.arange(3)[None, :, None], x[:, None, None] + np.arange(-1, 2)[None, None, :]
    is_clear = (frame.flags[near] & ~np.uint8(PixelFlag.COSMIC_RAY) == 0) & (frame.star_snr[near] < LEAST_STARLESS)
    light = frame.image_e[near]
    first, between, third = light.sum(axis=2).T
    is_wide = (light[:, ::2].max(axis=2) < MOST_IN_ONE * light[:, ::2].sum(axis=2)).all(axis=1)
    lower, sigma = np.minimum(first, third), np.sqrt(3.0) * frame.facts.noise_e
    comb = (lower > LIT_SIGMA * sigma) & (between < LEFT * lower) & (lower - between > GAP_SIGMA * sigma * np.sqrt(2.0))
    comb &= is_clear.all(axis=(1, 2)) & is_wide
    return np.stack([x[comb], y[comb]], axis=1).astype(float)
