"""Residuals of a set with other pixels: known light in known noise."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from sensorproc.onboard.products import Residual


def lit(
    residuals: Sequence[Residual], rng: np.random.Generator, light: Callable[[int], object], s: float | None = None
) -> list[Residual]:
    """New noise of unit sigma and what ``light(k)`` adds to frame k in its sigmas; a PSF of sigma ``s`` [px] if one is given."""
    shape = residuals[0].image_e.shape
    return [
        replace(
            r,
            image_e=(rng.normal(size=shape) + light(k)).astype(np.float32),
            weight=np.ones(shape, np.float32),
            flags=np.zeros(shape, np.uint8),
            registration=replace(r.registration, psf_sigma_px=s or r.registration.psf_sigma_px),
        )
        for k, r in enumerate(residuals)
    ]
