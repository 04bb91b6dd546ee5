"""Charge that comes late: traps hold some of a pixel's charge back and let it go into those that are read after it.

The trail is the brighter the longer the way to the readout, and lies away from it (Massey et al. 2010, section 2). Where the
payload has a map of its dark current, warm pixels show it: what follows them, and what they lack themselves, against their charge
times the part of the way that it had to go.
"""

import numpy as np

from sensorproc.onboard.image.thermal_scale import Scale, sharp, spread_out, thermal_scale

WAYS = (1, 0), (-1, 0), (0, 1), (0, -1)  # y and x, away from the readout
LONGEST = 6  # Pixels that a trail is followed.
MARGIN = LONGEST + 2  # Around a pixel its neighbours are looked at.
MOST_PIXELS, LEAST_PIXELS = 8_000, 1000  # More warm pixels tell nothing new, fewer too little.
ALONE = 0.02  # A pixel under a trail has itself no more than this part of the dark charge of its origin.
SIGMAS, LEAST = 5.0, 0.002  # A share of the charge that is no chance, and that matters.


def late_charge(image: np.ndarray, dark: np.ndarray, usable: np.ndarray) -> np.ndarray | None:
    """Charge (ny, nx) float32 [e-] that an ``image`` has more (or less) than its map ``dark`` says, of the same shape, because it
    came late; None if nothing shows it. ``usable`` (ny, nx) bool are pixels that tell."""
    y, x = spread_out(usable & (dark > 0.0), MARGIN, MOST_PIXELS)
    if len(y) < LEAST_PIXELS:
        return None
    late = None
    for way in WAYS:
        part = _way_to_readout(dark.shape, way)
        shares = _shares(image, dark, np.broadcast_to(part, dark.shape)[y, x], (y, x), way)
        if not shares:
            continue
        gone = dark * part
        late = np.zeros_like(dark) if late is None else late
        late -= np.float32(_held_back(image, dark, (y, x), way)) * gone
        for k, share in enumerate(shares, 1):
            after, before = _shifted(way, k)
            late[after] += np.float32(share) * gone[before]
    return late


def _way_to_readout(shape: tuple[int, ...], way: tuple[int, int]) -> np.ndarray:
    """Part of the longest way that a pixel's charge goes, as a column or a row."""
    axis = 0 if way[0] else 1
    part = (np.arange(shape[axis], dtype=np.float32) + 1.0) / shape[axis]
    return np.expand_dims(part if sum(way) > 0 else part[::-1], 1 - axis)


def _shares(
    image: np.ndarray, dark: np.ndarray, part: np.ndarray, at: tuple[np.ndarray, np.ndarray], way: tuple[int, int]
) -> list[float]:
    """Parts of the charge in the first pixels after warm ones ``at`` y and x (m,), whose way is a ``part`` (m,) of the longest,
    as if it were all of it; up to the first that shows nothing."""
    found: list[float] = []
    y, x = at
    for k in range(1, LONGEST + 1):
        v, u = y + k * way[0], x + k * way[1]
        alone = dark[v, u] <= ALONE * dark[y, x]
        share = _slope(sharp(image, v[alone], u[alone]), (dark[y, x] * part)[alone])
        if share is None or share.value < max(SIGMAS * share.sigma, LEAST):
            break
        found.append(share.value)
    return found


def _held_back(image: np.ndarray, dark: np.ndarray, at: tuple[np.ndarray, np.ndarray], way: tuple[int, int]) -> float:
    """Part of its own charge that a warm pixel lacks at the far end: near and far halves differ by half of it."""
    y, x = at
    is_far = np.broadcast_to(_way_to_readout(dark.shape, way), dark.shape)[y, x] > 0.5
    near, far = (_slope(sharp(image, y[half], x[half]), sharp(dark, y[half], x[half])) for half in (~is_far, is_far))
    if near is None or far is None:
        return 0.0
    lack = 2.0 * (near.value - far.value)
    return lack if lack > 2.0 * SIGMAS * float(np.hypot(near.sigma, far.sigma)) else 0.0


def _slope(values: np.ndarray, charge: np.ndarray) -> Scale | None:
    return thermal_scale(values, charge, np.ones(len(charge), bool)) if len(charge) >= LEAST_PIXELS // 2 else None


def _shifted(way: tuple[int, int], k: int) -> tuple[tuple[slice, slice], tuple[slice, slice]]:
    """Where charge of the second part of an image lies ``k`` pixels on, in the first."""
    ends = [(slice(k, None), slice(None, -k)) if step > 0 else (slice(None, -k), slice(k, None)) for step in way]
    every = slice(None)
    first, second = zip(*(pair if step else (every, every) for pair, step in zip(ends, way, strict=True)), strict=True)
    return (first[0], first[1]), (second[0], second[1])
