"""Where objects that are known to pass through a set have their light in its frames, before any of them is measured."""

from collections.abc import Sequence

import numpy as np

from sensorproc.onboard.products import Candidate, Registration

REACH_SIGMAS = 3.2  # Farther out [PSF sigmas], and half the step to the next frame, is no light.
EDGE = 0.01  # An object is where it has at least so much of its highest light.
Box = tuple[slice, slice]


def passes(place: Registration, shape: tuple[int, ...], passing: Sequence[Candidate]) -> np.ndarray:
    """Where (ny, nx) bool passing objects are in a frame at ``place``."""
    return passing_light(place, shape, passing) > EDGE


def passing_light(place: Registration, shape: tuple[int, ...], passing: Sequence[Candidate]) -> np.ndarray:
    """Light (ny, nx) float32 of passing objects in a frame at ``place``, each in parts of its own highest, wherever it may be
    between two frames: its motion within the exposure is shorter."""
    light, s = np.zeros(shape, np.float32), place.psf_sigma_px
    for c in passing:
        half_step = 0.5 * float(np.hypot(c.vx_px_frame, c.vy_px_frame))
        box, apart = _around(place, shape, c, half_step)
        np.maximum(light[box], np.exp(-0.5 * (np.maximum(apart - half_step, 0.0) / s) ** 2), out=light[box])
    return light


def in_registered(c: Candidate, t_frames: float) -> tuple[float, float]:
    """Place of an object in the registered plane [px] at a time [frames]."""
    return c.x_px + c.vx_px_frame * t_frames, c.y_px + c.vy_px_frame * t_frames


def on_detector(c: Candidate, place: Registration) -> tuple[float, float]:
    """Place of an object on the detector [px] in a frame at ``place``."""
    u, v = in_registered(c, place.t_frames)
    x, y = place.transform.to_detector(np.float64(u), np.float64(v))
    return float(x), float(y)


def _around(place: Registration, shape: tuple[int, ...], c: Candidate, more_px: float) -> tuple[Box, np.ndarray]:
    """The part of a frame within reach of a passing object, and how far from it its pixels are [px]."""
    x, y = on_detector(c, place)
    reach = REACH_SIGMAS * place.psf_sigma_px + more_px
    low = [max(int(np.ceil(value - reach)), 0) for value in (y, x)]
    high = [min(max(int(value + reach) + 1, first), size) for value, first, size in zip((y, x), low, shape, strict=True)]
    rows, columns = np.ogrid[low[0] : high[0], low[1] : high[1]]
    return (slice(low[0], high[0]), slice(low[1], high[1])), np.hypot(columns - x, rows - y)
