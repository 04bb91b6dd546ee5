"""Pixels that were lost on the way and filled with one number: lines, blocks and the rest of a frame whose end never came.

A detector's noise gives neighbours the same number by chance, and a run of them the more seldom the longer it is. How often
two are the same, the frame's own pixels tell: few where noise is many numbers wide, most where it is less than one.
"""

import math

import cv2
import numpy as np

BY_CHANCE = 1e-6  # Runs that chance makes in a frame, at most.
SHORTEST_PX = 10  # Even where no two neighbours are the same: a few saturated or interpolated pixels are none.


def lost_lines(data_dn: np.ndarray) -> np.ndarray:
    """Where (ny, nx) bool one number fills a run of a row or of a column [DN] (ny, nx) that chance does not make.

    The frame's highest number is left out: what is at the converter's limit is saturated, not lost.
    """
    lost = _runs(data_dn, along_rows=True) | _runs(data_dn, along_rows=False)
    return np.asarray(lost & (data_dn < data_dn.max())) if lost.any() else lost


def _runs(data: np.ndarray, along_rows: bool) -> np.ndarray:
    """Where (ny, nx) bool a row, or a column, holds a run of one number."""
    axis = 1 if along_rows else 0
    after, before = (np.s_[:, 1:], np.s_[:, :-1]) if along_rows else (np.s_[1:], np.s_[:-1])
    same = np.zeros(data.shape, np.uint8)
    same[after] = data[after] == data[before]
    alike = cv2.reduce(same, axis, cv2.REDUCE_SUM, dtype=cv2.CV_32S).ravel() / data.shape[axis]
    shortest = _shortest(float(np.median(alike)), data.size)
    if shortest > data.shape[axis]:
        return np.zeros(data.shape, bool)
    # a run of m pixels has m - 1 that are the same as the one before, and that one
    side = (1, shortest - 1) if along_rows else (shortest - 1, 1)
    run = cv2.morphologyEx(same, cv2.MORPH_OPEN, np.ones(side, np.uint8), borderValue=0)
    lost = run > 0
    lost[before] |= run[after] > 0
    return lost


def _shortest(alike: float, n_pixels: int) -> int:
    """Length [px] of a run that chance makes in fewer than ``BY_CHANCE`` of frames if a part ``alike`` of neighbours is the same.

    It is even: its pairs are odd in number then, and an opening by as many is symmetric.
    """
    if alike >= 1.0:
        return n_pixels
    needed = math.log(n_pixels / BY_CHANCE) / -math.log(alike) if alike > 0.0 else 0.0
    return max(math.ceil(needed) // 2 * 2 + 2, SHORTEST_PX)
