"""The spotGEO rule by trying every assignment: for a handful of points."""

import itertools
import math


def score_frame(found, true, gate=10.0, dead=3.0):
    """True positives, false negatives, false positives and error of the assignment with the least summed cost, a pair
    beyond the gate costing 1000."""
    swap = len(found) > len(true)
    few, many = (true, found) if swap else (found, true)
    best = None
    for chosen in itertools.permutations(range(len(many)), len(few)):
        distances = [math.dist(few[i], many[j]) for i, j in enumerate(chosen)]
        cost = sum(d if d <= gate else 1000.0 for d in distances)
        if best is None or cost < best[0] - 1e-12:
            best = cost, distances
    distances = best[1] if best else []
    n = sum(d <= gate for d in distances)
    missed, false = len(true) - n, len(found) - n
    error = sum(d for d in distances if dead <= d < gate) + gate**2 * (missed + false)
    return n, missed, false, error
