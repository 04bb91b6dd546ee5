"""Pixels without objects, to search as the real ones are: sign-reversed, and in a wrong order of time.

What each can and cannot see is said in :mod:`sensorproc.onboard.false_alarms`.
"""

from dataclasses import replace

import numpy as np

from sensorproc.config import Match
from sensorproc.onboard.defects import mask_fixed_pixels
from sensorproc.onboard.false_alarms import permutation
from sensorproc.onboard.products import Residual, freeze
from sensorproc.onboard.stars import reject_outliers
from sensorproc.onboard.tracks import Stack


def sign_reversed(residuals: list[Residual], config: Match) -> list[Residual]:
    """Residuals with their sign changed and the outlier rejection of the real search applied to them."""
    return mask_fixed_pixels([_reversed(residual, config) for residual in residuals])


def _reversed(residual: Residual, config: Match) -> Residual:
    image = -residual.image_e
    noise = (1.0 / np.sqrt(np.where(residual.weight > 0, residual.weight, 1.0))).astype(np.float32)
    s = residual.solved.registered.psf_sigma_px
    flags, _ = reject_outliers(image, noise, residual.flags, s, config)
    weight = np.where(flags == 0, residual.weight, np.float32(0.0))
    freeze(image, weight, flags)
    return replace(residual, image_e=image, weight=weight, flags=flags)


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
