"""How warm a frame's dark charge is, by its own pixels, where the payload has a map of it.

A map holds at one temperature; a kelvin is a tenth of every warm pixel. Pixels of the map are compared with those of the frame,
each less the median of its neighbours, which takes out sky, stray light and most stars.
"""

from dataclasses import dataclass

import numpy as np

from sensorproc.onboard.image.thermal_scale import sharp, spread_out, thermal_scale

KNOWN_SIGMAS = 10.0  # A pixel whose charge is known so well tells.
MOST_PIXELS = 40_000  # More tell nothing new.
OTHER_SIGMAS = 4.0  # So many sigmas from one a scale is another temperature.
GROUND_ERROR = 0.08  # A map from the ground is bent by so much by its own errors and by charge that is lost on its way out.
# A map whose pixels scatter by more about it is worse than maps are believed to be (``flatten.dark_error``).
USUAL_SCATTER = 0.06
LARGEST_SIGMA = 0.1  # A scale known worse is not known.
LEAST, LARGEST = 0.1, 10.0  # A scale outside is no temperature's.


@dataclass(frozen=True)
class Warmth:
    """How many times as strong as in a map dark charge is, and how much that scatters from pixel to pixel, relative; 1 and 0
    where pixels do not tell otherwise."""

    scale: float = 1.0
    scatter: float = 0.0


def warmth(image: np.ndarray, dark: np.ndarray, error: np.ndarray | None, usable: np.ndarray) -> Warmth:
    """Warmth of an ``image`` (ny, nx) against the map ``dark`` of the same shape [e-], by its ``usable`` (ny, nx) bool pixels.
    ``error`` [e-] is that of the map, None if it is small."""
    y, x = spread_out(usable & (dark > (0.0 if error is None else KNOWN_SIGMAS * error)), 2, MOST_PIXELS)
    found = thermal_scale(sharp(image, y, x), sharp(dark, y, x), np.ones(len(y), bool)) if len(y) else None
    if found is None or found.sigma > LARGEST_SIGMA * found.value or not LEAST < found.value < LARGEST:
        return Warmth()
    unsure = OTHER_SIGMAS * found.sigma + (GROUND_ERROR if error is None else 0.0)
    return Warmth(found.value if abs(found.value - 1.0) > unsure else 1.0, found.scatter)
