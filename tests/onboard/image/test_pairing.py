"""Mutual nearest neighbours against a search of all pairs."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from sensorproc.onboard.image.pairing import match_nearest

seeds = st.integers(0, 10_000)


@given(seeds, st.integers(0, 30), st.integers(0, 30), st.floats(0.1, 30.0))
def test_pairs_are_those_of_a_search_of_all(seed, n, m, radius):
    rng = np.random.default_rng(seed)
    points, others = rng.uniform(0, 100, (n, 2)), rng.uniform(0, 100, (m, 2))
    a, b = match_nearest(points, others, radius)
    gaps = np.hypot(*(points[:, None] - others[None]).transpose(2, 0, 1)) if n and m else np.empty((n, m))
    expected = [
        (i, int(gaps[i].argmin()))
        for i in range(n if m else 0)
        if gaps[i].min() < radius and gaps[:, gaps[i].argmin()].argmin() == i
    ]
    assert list(zip(a.tolist(), b.tolist(), strict=True)) == expected
