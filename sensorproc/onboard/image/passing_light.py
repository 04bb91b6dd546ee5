"""Where objects that are known to pass through a set have their light in its frames, before any of them is measured."""

from collections.abc import Sequence

import numpy as np

from sensorproc.onboard.products import Candidate, Registration

REACH_SIGMAS = 3.2  # Farther out [PSF sigmas], and half the step to the next frame, is no light.
EDGE = 0.01  # An object is where it has at least so much of its highest light.


def passes(place: Registration, shape: tuple[int, ...], passing: Sequence[Candidate]) -> np.ndarray:
    """Where (ny, nx) bool passing objects are in a frame at ``place``."""
    return passing_light(place, shape, passing) > EDGE


def passing_light(place: Registration, shape: tuple[int, ...], passing: Sequence[Candidate]) -> np.ndarray:
    """Light (ny, nx) float32 of passing objects in a frame at ``place``, each in parts of its own highest."""
    light, s = np.zeros(shape, np.float32), place.psf_sigma_px
    for c in passing:
        u, v = c.x_px + c.vx_px_frame * place.t_frames, c.y_px + c.vy_px_frame * place.t_frames
        x, y = (float(value) for value in place.transform.to_detector(np.float64(u), np.float64(v)))
        half_step = 0.5 * float(np.hypot(c.vx_px_frame, c.vy_px_frame))
        reach = REACH_SIGMAS * s + half_step
        top, left = max(int(np.ceil(y - reach)), 0), max(int(np.ceil(x - reach)), 0)
        here = light[top : max(int(y + reach) + 1, 0), left : max(int(x + reach) + 1, 0)]
        rows, columns = np.ogrid[top : top + here.shape[0], left : left + here.shape[1]]
        # wherever in the step it may be: its motion within the exposure is shorter
        apart = np.maximum(np.hypot(columns - x, rows - y) - half_step, 0.0)
        np.maximum(here, np.exp(-0.5 * (apart / s) ** 2), out=here)
    return light
