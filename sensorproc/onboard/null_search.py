"""Pixels without objects, to search as the real ones are: sign-reversed, and in a wrong order of time.

What each can and cannot see is said in :mod:`sensorproc.onboard.false_alarms`.
"""

from dataclasses import replace

import numpy as np

from sensorproc.config import Match
from sensorproc.onboard.defects import fixed_pixels
from sensorproc.onboard.false_alarms import permutation
from sensorproc.onboard.products import Residual, freeze
from sensorproc.onboard.stars import reject_outliers
from sensorproc.onboard.threads import each
from sensorproc.onboard.tracks import Stack


def sign_reversed(frames: Stack, warm_snr: np.ndarray | None, config: Match) -> Stack:
    """The set, and what earlier ones have shown of its pixels, with their signs changed, and the outlier rejection of the real
    search applied to them."""
    image, weight = -frames.image_e, np.empty_like(frames.weight)

    def reversed_frame(k: int) -> Residual:
        residual = frames.frames[k]
        noise = (1.0 / np.sqrt(np.where(residual.weight > 0, residual.weight, np.float32(1.0)))).astype(np.float32)
        flags, _ = reject_outliers(image[k], noise, residual.flags, frames.psf_sigma_px, config)
        weight[k] = np.where(flags == 0, residual.weight, np.float32(0.0))
        return replace(residual, image_e=image[k], weight=weight[k], flags=flags)

    residuals = each(reversed_frame, range(len(frames.frames)))
    fixed = fixed_pixels(residuals, None if warm_snr is None else -warm_snr)
    if fixed is not None:
        weight[:, fixed] = 0.0
    freeze(image, weight)
    return replace(frames, frames=tuple(residuals), image_e=image, weight=weight)


def permuted(frames: Stack, cleaned: np.ndarray) -> Stack:
    """The set without its accepted tracks, ``cleaned`` (n, ny, nx), every frame at the time of another."""
    order = np.argsort(frames.times, kind="stable")
    times = np.empty_like(frames.times)
    times[order] = frames.times[order][permutation(len(order))]
    return replace(
        frames,
        image_e=cleaned,
        times=times,
        frames=tuple(replace(frame, image_e=cleaned[k]) for k, frame in enumerate(frames.frames)),
    )
