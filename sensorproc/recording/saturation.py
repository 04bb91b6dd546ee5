"""From which number on a pixel is saturated: as stated, as the converter's full scale, or as the pixels themselves show."""

import numpy as np

PILE_PX = 5  # So many pixels at one highest number,
PILE_RATIO = 2.0  # so many times those just below it, are a converter's ceiling.
JUST_BELOW = 0.02  # Part of the range that is just below.
MOST_SATURATED = 0.1  # More of a frame at one number is no saturation.


def saturation_dn(data: np.ndarray, stated_dn: float | None) -> float | None:
    """Lowest saturated number of ``data`` (ny, nx); None where nothing tells.

    A camera of 12 bits in a container of 16, or one that was converted to another type, saturates where many pixels share the
    highest number and few come near it. Noise and stars thin out towards their highest number.
    """
    levels = [] if stated_dn is None else [stated_dn]
    if data.dtype.kind in "iu" and data.dtype.itemsize <= 2:
        levels.append(float(np.iinfo(data.dtype).max))
    pile = _pile(data)
    return min([*levels, pile] if pile is not None else levels, default=None)


def _pile(data: np.ndarray) -> float | None:
    top = float(np.max(data, where=np.isfinite(data), initial=-np.inf)) if data.dtype.kind == "f" else float(data.max(initial=0))
    if not np.isfinite(top):
        return None
    n_top = int(np.count_nonzero(data == top))
    if n_top < PILE_PX or n_top > MOST_SATURATED * data.size:
        return None
    depth = max(JUST_BELOW * (top - float(np.nanmedian(data[::4, ::4]))), 1.0 if data.dtype.kind in "iu" else 0.0)
    n_near = int(np.count_nonzero((data >= top - depth) & (data < top)))
    return top if n_top > PILE_RATIO * n_near else None
