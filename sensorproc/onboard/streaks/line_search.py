"""Where straight lines may be in a filtered frame: every length from a few PSFs to the frame's side, every angle.

Blocks of a fast Radon transform and pairs of neighbouring ones give lines of h and 1.5 h rows that start every h rows:
half-overlapped, at lengths a factor of 1.4 apart, so that no streak falls between two blocks. The PSF-filtered image makes
the sum along a line a matched filter (Nir, Zackay & Ofek 2018, AJ 156, 229); its values are clipped, so that a spike makes
no line. The threshold comes from the number of independent lines (:func:`sensorproc.theory.streak_curvatures`).
"""

from dataclasses import dataclass

import cv2
import numpy as np

from sensorproc.config import Streaks
from sensorproc.onboard.kernels.radon import best_pieces, join_blocks
from sensorproc.theory import streak_curvatures, threshold

LEVELS_PER_SIGMA = 31  # Quantised steps of a sigma: a clip at 4 sigma keeps below 127,
PLAIN_ROWS = 128  # and sums over so many rows below half of 16 bits; beyond, each doubling drops the lowest bit.
CANDIDATE_MARGIN = 1.2  # Lines so far below the threshold [SNR] are fitted: the worst piece misses as much of a streak.
MOST_FOUND = 4000  # Lines kept of each quarter turn.
N_ANGLES = 64  # The room for streaks is averaged over so many angles.
MOST_LINES = 4000  # Lines that are worth a look, strongest first: hundreds are pieces of one bright streak.


@dataclass(frozen=True)
class Line:
    """A streak: ends [px], significance, and the threshold for lines of its length."""

    x0: float
    y0: float
    x1: float
    y1: float
    snr: float
    threshold: float

    @property
    def length_px(self) -> float:
        return float(np.hypot(self.x1 - self.x0, self.y1 - self.y0))


def curvatures(shape: tuple[int, ...], s: float, config: Streaks) -> np.ndarray:
    """Search volume of streaks of every length in a frame: lengths a factor of sqrt(2) apart are taken for independent, and
    each has the places in which it lies in the frame as a whole."""
    ny, nx = shape
    volume, length = np.zeros(4), float(config.min_length_px)
    angles = (np.arange(N_ANGLES) + 0.5) * np.pi / N_ANGLES
    while length < max(np.hypot(nx, ny), 2.0 * config.min_length_px):
        room = np.maximum(nx - length * np.abs(np.cos(angles)), 0.0) * np.maximum(ny - length * np.sin(angles), 0.0)
        volume += streak_curvatures(max(float(room.mean()), 1.0), s, length)
        length *= np.sqrt(2.0)
    return volume


def search_lines(snr: np.ndarray, s: float, config: Streaks) -> list[Line]:
    """Lines in a map (ny, nx) of filtered, clipped values whose fit may exceed the threshold; clearest first.

    Neighbouring pieces of one streak are all listed. ``s`` is the PSF's sigma [px].
    """
    asked = threshold(config.false_alarms_per_frame, curvatures(snr.shape, s, config))
    levels = min(LEVELS_PER_SIGMA, 127.0 / config.clip_snr)
    image = np.rint(snr * np.float32(levels)).astype(np.int16)
    found: list[Line] = []
    for transposed in (False, True):
        turned = cv2.transpose(image) if transposed else image
        for sign in (1, -1):
            for z, u, x0, y0, x1, y1 in _pieces(turned, sign, levels, s, asked, config):
                found.append(Line(y0, x0, y1, x1, z, u) if transposed else Line(x0, y0, x1, y1, z, u))
    return sorted(found, key=lambda f: (f.threshold - f.snr, f.x0, f.y0))[:MOST_LINES]


def _pieces(image: np.ndarray, sign: int, levels: float, s: float, asked: float, config: Streaks) -> list[tuple[float, ...]]:
    """Significance, threshold and ends of lines with slopes dx / dy between 0 and ``sign``."""
    ny, nx = image.shape
    tallest = 1 << int(np.log2(ny))
    lower = np.zeros((-(-ny // tallest) * tallest, nx), np.int16)
    lower[:ny] = image
    upper = np.empty_like(lower)
    found = np.empty((MOST_FOUND, 5))
    pieces: list[tuple[float, ...]] = []
    h = 1
    while 2 * h <= tallest:
        dropped = _bits(2 * h) - _bits(h)
        join_blocks(lower, h, sign, dropped, upper)
        is_searched = 3 * h >= 0.5 * config.min_length_px
        noise = _noise(upper, 2 * h, levels, s) if is_searched else 1.0
        scans = (  # of blocks: first, second, their rows, first start, bits dropped
            (upper, lower, 2 * h, 0, 0, 0, 0),
            (lower, lower, h, h, h, dropped, dropped),
            (upper, lower, 2 * h, h, 0, 0, dropped),
            (lower, upper, h, 2 * h, h, dropped, 0),
        )
        for first, second, h1, h2, start, bits1, bits2 in scans:
            rows = h1 + h2
            if rows < 0.5 * config.min_length_px:
                continue
            lowest = (asked - CANDIDATE_MARGIN) * noise
            limits = (lowest * _sum_noise(rows, levels, s) / 2.0 ** _bits(2 * h)).astype(np.float32)
            n = best_pieces(first, second, h1, h2, start, 2 * h, sign, bits1, bits2, limits, 0, found)
            for ratio, y, height, shift, x in found[:n].tolist():
                pieces.append((ratio * lowest, asked * noise, x, y, x + sign * shift, min(y + height, ny) - 1.0))
        lower, upper = upper, lower
        h *= 2
    return pieces


def _bits(rows: int) -> int:
    """Lowest bits that sums over blocks of so many rows have lost."""
    return max(int(np.log2(rows)) - int(np.log2(PLAIN_ROWS)), 0)


def _sum_noise(rows: int, levels: float, s: float) -> np.ndarray:
    """Noise of the sum along a line of every shift: filtered noise is correlated as exp(-d^2 / 4 s^2)."""
    step2 = 1.0 + (np.arange(rows) / max(rows - 1, 1)) ** 2
    lags = np.arange(-int(8 * s) - 1, int(8 * s) + 2)
    return np.asarray(levels * np.sqrt(rows * np.exp(-(lags[:, None] ** 2) * step2 / (4.0 * s * s)).sum(axis=0)))


def _noise(sums: np.ndarray, rows: int, levels: float, s: float) -> float:
    """Measured spread of line sums over the expected one, at least 1: structure such as stray light is not white."""
    sampled = np.unique(np.linspace(0, len(sums) - 1, 96).astype(int))
    expected = _sum_noise(rows, levels, s)[sampled % rows] / 2.0 ** _bits(rows)
    some = sums[sampled][:, :: max(sums.shape[1] // 128, 1)]
    z = (some / expected[:, None])[some != 0]
    if z.size < 100:
        return 1.0
    low, high = np.percentile(z, [15.87, 84.13])
    return max(0.5 * float(high - low), 1.0)
