"""What whole rows and columns of a frame hold."""

from dataclasses import dataclass

import numpy as np

from sensorproc.onboard.kernels.lines import line_sums, means_near_medians


@dataclass(frozen=True, eq=False)
class LineSums:
    """Sums of good pixels' clipped SNR over the halves of all lines, and how many they are: of columns (2, nx), upper and lower,
    of rows (2, ny), left and right. ``power`` is the mean square of all."""

    columns: np.ndarray
    rows: np.ndarray
    n_columns: np.ndarray
    n_rows: np.ndarray
    power: float

    @classmethod
    def of(cls, image: np.ndarray, sigma: np.ndarray, flags: np.ndarray, clip: float) -> "LineSums":
        """Of an image (ny, nx) without background, of noise ``sigma``; pixels count up to +-``clip`` sigmas."""
        ny, nx = image.shape
        sums, counts = (np.zeros((2, nx)), np.zeros((2, ny))), (np.zeros((2, nx), np.int64), np.zeros((2, ny), np.int64))
        squares = line_sums(image, sigma, flags, clip, *sums, *counts)
        return cls(*sums, *counts, squares / max(int(counts[0].sum()), 1))

    def levels(self, across: bool, least: int) -> np.ndarray:
        """Means (2, n) over the halves of all columns, or of all rows if ``across``; NaN where fewer than ``least`` pixels are
        good."""
        sums, n = (self.rows, self.n_rows) if across else (self.columns, self.n_columns)
        return np.where(n >= least, sums / np.maximum(n, 1), np.nan)

    def whole(self, across: bool) -> tuple[np.ndarray, np.ndarray]:
        """Sums (n,) over whole columns, or rows if ``across``, and how many pixels they are."""
        sums, n = (self.rows, self.n_rows) if across else (self.columns, self.n_columns)
        return sums.sum(axis=0), n.sum(axis=0)


def line_means(part: np.ndarray, reach: float) -> np.ndarray:
    """Levels (m,) of lines (n, m): means of what lies within ``reach`` of their medians, which a coarse converter gives in whole
    steps only. NaN in ``part`` says nothing, and is the level of a line that says nothing."""
    means = np.empty(part.shape[1])
    means_near_medians(np.ascontiguousarray(part.T, np.float32), reach, means)
    return means
