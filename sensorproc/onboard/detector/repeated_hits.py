"""A pixel that is hit again and again is not hit: particles do not aim, warm pixels are always there.

Of a clump of warm pixels some frames show one that is sharper than light and take it for a hit, as noise has it; in the others
the clump would stay and pass for a point.
"""

from collections.abc import Sequence

import numpy as np
from scipy.special import bdtrc

from sensorproc.flags import PixelFlag

BY_CHANCE = 1e-4  # Part of the pixels that particles may hit so often.


def repeated_hits(flags: Sequence[np.ndarray]) -> np.ndarray:
    """Pixels (ny, nx) bool that were flagged COSMIC_RAY in more frames than hits fall on one."""
    hits = np.zeros(flags[0].shape, np.uint8)
    for one in flags:
        hits += (one & np.uint8(PixelFlag.COSMIC_RAY)) != 0
    n = len(flags)
    share = float((hits == 1).mean()) / n  # of particles; what is hit more often is of the detector
    most = next(m for m in range(1, n + 1) if bdtrc(m, n, share) < BY_CHANCE)
    return np.asarray(hits > most)
