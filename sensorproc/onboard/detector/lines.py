"""Columns and rows, or parts of them, that the readout makes too dark or too bright in all frames of a set."""

import math
from dataclasses import dataclass

import cv2
import numpy as np

from sensorproc.onboard.detector.defects import TEST_SIGMA, lasting, mask
from sensorproc.onboard.products import MIN_FRAMES, Residual
from sensorproc.onboard.stage import stage

LINE_SIGMA = 7.0  # Significance of a run of pixels over the set, above its surroundings, at which it is a defect of the readout.
BESIDE_PX, WIDE_FRACTION = 3, 0.4  # Lines to either side must not be so nearly as bright.


@dataclass(frozen=True)
class Run:
    """So many pixels of a line in a row [px], and the clip of a pixel in one frame and over the set [sigmas]: what is shorter by
    far does not count as long."""

    length: int
    clip: float
    clip_set: float

    @property
    def noise(self) -> float:
        """Standard deviation of a unit normal clipped at +-``clip``."""
        tail, density = math.erfc(self.clip / math.sqrt(2.0)), math.sqrt(2.0 / math.pi) * math.exp(-0.5 * self.clip**2)
        return math.sqrt(1.0 - tail - self.clip * density + self.clip**2 * tail)


# Single dark pixels stay: they tell the null search how wrong the dark map is.
RUNS = Run(17, 2.0, 8.0), Run(51, 1.0, 2.5), Run(153, 1.0, 1.5)


@stage(bytes_px=30)
def mask_lines(residuals: list[Residual]) -> list[Residual]:
    """Residuals with columns and rows, or parts of them, that are too dark or too bright flagged HOT: lasting, long and narrow.

    A shadow of dust is as dark but wide, what is over-subtracted of a star is short, a streak of light is in few of the frames,
    whose say is clipped, and as wide as the PSF: none of them is for here.
    """
    if len(residuals) < MIN_FRAMES:
        return residuals
    shape = residuals[0].image_e.shape
    rows, columns = np.zeros(shape[::-1], bool), np.zeros(shape, bool)
    maps: dict[float, np.ndarray] = {}  # by clip: runs share them
    for run in RUNS:
        if run.clip not in maps:
            maps[run.clip] = lasting(residuals, run.clip) / np.float32(run.noise)
        pixel = np.clip(maps[run.clip], -run.clip_set, run.clip_set)
        _add_columns(columns, pixel, [(r.image_e, r.weight) for r in residuals], run)
        _add_columns(rows, np.ascontiguousarray(pixel.T), [(r.image_e.T, r.weight.T) for r in residuals], run)
    return mask(residuals, columns | rows.T)


def _add_columns(lines: np.ndarray, pixel: np.ndarray, frames: list[tuple[np.ndarray, np.ndarray]], run: Run) -> None:
    """Add to ``lines`` (ny, nx) bool where columns are bright or dark over a run of a map (ny, nx) of unit noise, and not beside
    it, in more than one of the ``frames``, image and weight, of which it is the sum; with neighbours that are so as well."""
    level, nx = _mean(pixel, run.length), pixel.shape[1]
    for sign in (np.float32(1.0), np.float32(-1.0)):
        where = np.flatnonzero(((sign * level) > LINE_SIGMA).any(axis=0))  # most columns are no lines
        if not len(where):
            continue
        line = _bright(sign, level, pixel, where, run)
        snr = np.stack([sign * image[:, where] * np.sqrt(weight[:, where]) for image, weight in frames])
        line &= _in_more_than_one(sign * level[:, where], snr, run)
        lines[:, where] |= line
        for shift in (-1, 1):
            inside = (where + shift >= 0) & (where + shift < nx)
            near = where[inside] + shift
            lines[:, near] |= line[:, inside] & (sign * level[:, near] > TEST_SIGMA)


def _bright(sign: np.float32, level: np.ndarray, pixel: np.ndarray, where: np.ndarray, run: Run) -> np.ndarray:
    """Where (ny, m) bool in some columns of a map the run is bright, ``sign`` times ``level`` (ny, nx), as a line is."""
    bright, beside = sign * level[:, where], np.zeros((len(level), len(where)), np.float32)
    for shift in (-BESIDE_PX, BESIDE_PX):
        inside = (where + shift >= 0) & (where + shift < level.shape[1])
        beside[:, inside] = np.maximum(beside[:, inside], sign * level[:, where[inside] + shift])
    shortest = RUNS[0].length
    line = (bright > LINE_SIGMA) & (bright - beside > LINE_SIGMA) & (beside < WIDE_FRACTION * bright)
    line &= _mean(sign * pixel[:, where], shortest) > 1.0  # a long run reaches past the line's end
    return cv2.morphologyEx(line.astype(np.uint8), cv2.MORPH_OPEN, np.ones((shortest, 1), np.uint8)) > 0


def _in_more_than_one(bright: np.ndarray, snr: np.ndarray, run: Run) -> np.ndarray:
    """Around which places (ny, m) bool of some columns a run is significant without the frame that has the largest share in it.
    ``snr`` (n, ny, m) is the pixels'; 0 is one that was not seen."""
    seen = np.sqrt(np.maximum((snr != 0.0).sum(axis=0), 1)) * run.noise
    share = np.max([_mean((np.clip(one, -run.clip, run.clip) / seen).astype(np.float32), run.length) for one in snr], axis=0)
    sure = (bright - share > TEST_SIGMA).astype(np.uint8)
    return cv2.dilate(sure, np.ones((run.length, 1), np.uint8)) > 0


def _mean(pixel: np.ndarray, length: int) -> np.ndarray:
    """Significance (ny, nx) of the mean of a map of unit noise over a ``length`` [px] of the column around every pixel, as far as
    that lies on the detector."""
    column = np.ones((len(pixel), 1), np.float32)
    mean, held = (cv2.blur(one, (1, length), borderType=cv2.BORDER_CONSTANT) for one in (pixel, column))
    np.multiply(mean, np.float32(np.sqrt(length)) / np.sqrt(held.reshape(-1, 1)), out=mean)
    return mean
