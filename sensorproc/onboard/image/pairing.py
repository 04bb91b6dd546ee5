"""Points of two lists that belong together: mutual nearest neighbours."""

import numpy as np
from scipy.spatial import cKDTree


def match_nearest(points: np.ndarray, others: np.ndarray, radius: float) -> tuple[np.ndarray, np.ndarray]:
    """Indices of mutual nearest neighbours within ``radius``, in the order of ``points``."""
    if len(points) == 0 or len(others) == 0:
        return np.empty(0, int), np.empty(0, int)
    distance, nearest = cKDTree(others).query(points, distance_upper_bound=radius)
    back = cKDTree(points).query(others, distance_upper_bound=radius)[1]
    rows = np.flatnonzero(np.isfinite(distance))
    rows = rows[back[nearest[rows]] == rows]
    return rows, nearest[rows]
