"""How far the stars move from one frame to the next, before any star is matched."""

import numpy as np
from scipy import fft

from sensorproc.config import Register
from sensorproc.onboard.image.matched_filter import filtered, template, without
from sensorproc.onboard.image.star_finding import STAR_ENERGY
from sensorproc.onboard.kernels.filtered import likeness
from sensorproc.onboard.products import Flattened, Trail
from sensorproc.onboard.threads import each

SHIFT_WINDOW_PX = 1024  # Steps between frames are looked for in the middle of the frame, a square of this side.
PLAIN_AGREEMENT = 0.7  # Where star maps correlate so well at the header's step, no other step is looked for.

STAR_LIKE = 8.0  # SNR from which a pixel of a filtered map speaks for a step.


def successive_shifts(frames: list[Flattened], flags: list[np.ndarray], s: float, config: Register) -> np.ndarray:
    """Displacement (n - 1, 2) [px] of the stars from each frame to the next: the header's, if stars agree, else the best of it,
    none at all, and what phase correlation finds. ``flags`` (ny, nx) of every frame are those with its spikes, ``s`` [px] is the
    sigma of the PSF."""
    kernel = template(Trail(), s)

    def filtered_middle(k: int) -> np.ndarray:
        image, weight, bad = (_middle(one) for one in (frames[k].image_e, frames[k].weight, flags[k]))
        return np.clip(filtered(image, without(weight, bad), kernel, STAR_ENERGY), 0.0, 12.0)

    clipped = each(filtered_middle, range(len(frames)))
    shifts = np.zeros((max(len(frames) - 1, 0), 2))
    for k in range(len(frames) - 1):
        options = _predicted(frames[k], frames[k + 1])
        agreements = [_agreement(clipped[k], clipped[k + 1], shift) for shift in options]
        if not agreements or agreements[0] < PLAIN_AGREEMENT:
            others = [np.zeros(2), phase_shift(clipped[k], clipped[k + 1], config.max_shift_px)]
            options = others + options
            agreements = [_agreement(clipped[k], clipped[k + 1], shift) for shift in others] + agreements
        shifts[k] = options[int(np.argmax(agreements))]
    return shifts


def _middle(image: np.ndarray) -> np.ndarray:
    """The middle of a frame: enough stars to see how they move, and no more to look at."""
    y, x = (max(size - SHIFT_WINDOW_PX, 0) // 2 for size in image.shape)
    return np.ascontiguousarray(image[y : y + SHIFT_WINDOW_PX, x : x + SHIFT_WINDOW_PX])


def _predicted(before: Flattened, after: Flattened) -> list[np.ndarray]:
    """The displacement (2,) between two frames by their headers' pointing, if they have one."""
    cameras = [frame.facts.camera for frame in (before, after)]
    if cameras[0] is None or cameras[1] is None:
        return []
    ny, nx = before.image_e.shape
    x, y = cameras[1].pixel(cameras[0].los_icrs((nx - 1) / 2, (ny - 1) / 2))
    shift = np.array([x - (nx - 1) / 2, y - (ny - 1) / 2])
    return [shift] if np.isfinite(shift).all() and np.abs(shift).max() < min(nx, ny) else []


def _agreement(before: np.ndarray, after: np.ndarray, shift: np.ndarray) -> float:
    """Correlation of two maps at whole-pixel shifts near ``shift``; only what is star-like in both counts."""
    dx, dy = round(float(shift[0])), round(float(shift[1]))
    around = (-1, 0, 1)
    return max(likeness(before, after, dx + ox, dy + oy, STAR_LIKE) for oy in around for ox in around)


def phase_shift(before: np.ndarray, after: np.ndarray, max_shift_px: float) -> np.ndarray:
    """Displacement (dx, dy) of ``after`` against ``before`` by phase correlation, whole pixels."""
    ny, nx = before.shape
    window = np.hanning(ny)[:, None] * np.hanning(nx)[None, :]
    spectra = [fft.rfft2((image * window).astype(np.float32)) for image in (before, after)]
    cross = spectra[1] * np.conj(spectra[0])
    surface = fft.irfft2(cross / np.maximum(np.abs(cross), 1e-9), s=(ny, nx))
    dy, dx = fft.fftfreq(ny, 1.0 / ny), fft.fftfreq(nx, 1.0 / nx)
    surface[np.hypot(dy[:, None], dx[None, :]) > max_shift_px] = -1.0
    y, x = np.unravel_index(int(np.argmax(surface)), surface.shape)
    return np.array([dx[x], dy[y]])
