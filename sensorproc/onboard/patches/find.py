"""Objects too bright or too large for the point spread function: saturated, or resolved as they come near.

Such an object is a patch, not a point: no matched filter and no model of a star fits it, and both would make debris of it. It
is found as a patch in every frame, told from saturated stars by its motion among them, measured by the middle of its light, and
taken out of the frames before stars and faint objects are looked for.
"""

import math
from dataclasses import dataclass

import numpy as np

from sensorproc.config import Patches
from sensorproc.flags import PixelFlag
from sensorproc.onboard.image.components import Component, components
from sensorproc.onboard.image.matched_filter import noise_at
from sensorproc.onboard.kernels.filtered import above
from sensorproc.onboard.products import Flattened

SHAPE_ERROR = 0.02  # The middle of a patch's light misses that of the object by this part of its extent.

MIN_RADIUS_SIGMAS = 2.6  # Patches with a smaller radius [PSF sigmas] are points.
WIDER = 1.15  # A patch so many times wider than a point of its brightness is resolved.


@dataclass(frozen=True)
class Patch:
    """Connected bright pixels of one frame: the middle of their light [px], half-widths in x and y [px] of a disc as wide, area
    [px], sum of the pixels [e-] and its noise; ``core_px2`` saturated pixels."""

    x: float
    y: float
    half_x: float
    half_y: float
    area: float
    flux_e: float
    sigma_flux_e: float
    core_px2: float
    is_resolved: bool

    @property
    def is_saturated(self) -> bool:
        return self.core_px2 > 0

    @property
    def is_no_point(self) -> bool:
        """Whether it is more than a point of its brightness makes."""
        return self.is_saturated or self.is_resolved

    @property
    def variance(self) -> tuple[float, float]:
        """Of x and y [px^2]: its photons', and what its shape leaves open."""
        photons = max(self.flux_e, 1.0) + self.sigma_flux_e**2
        counting = photons / max(self.flux_e, 1.0) ** 2
        return (
            (counting * self.half_x**2 / 4.0 + (SHAPE_ERROR * self.half_x) ** 2),
            (counting * self.half_y**2 / 4.0 + (SHAPE_ERROR * self.half_y) ** 2),
        )


def find_patches(flat: Flattened, s: float, trail_px: float, config: Patches) -> list[Patch]:
    """Patches of a frame that are as large as bright points and larger, largest first."""
    saturated = (flat.flags & np.uint8(PixelFlag.SATURATED)) != 0
    bright = np.empty(saturated.shape, np.bool_)
    above(flat.image_e, flat.weight, config.pixel_snr, bright)
    bright |= saturated
    parts = components(bright, math.ceil(np.pi * (MIN_RADIUS_SIGMAS * s) ** 2), config.max_per_frame)
    found = [_patch(flat, part, saturated, (s, trail_px, config.pixel_snr)) for part in parts]
    return [patch for patch in found if patch is not None]


def _patch(flat: Flattened, part: Component, saturated: np.ndarray, shape: tuple[float, float, float]) -> Patch | None:
    """The patch that a part of a frame is; ``shape``: the PSF's sigma [px], the stars' trail [px], the SNR of its pixels."""
    s, trail_px, pixel_snr = shape
    box, mine, area = part.box, part.mine, part.area
    light = np.where(mine, np.maximum(flat.image_e[box], 0.0), 0.0).astype(float)
    flux = float(light.sum())
    if not flux > 0:
        return None
    v, u = np.mgrid[box]
    x, y = float((light * u).sum()) / flux, float((light * v).sum()) / flux
    xx, yy, xy = (float((p * mine).sum()) / area for p in ((u - x) ** 2, (v - y) ** 2, (u - x) * (v - y)))
    narrow = np.sqrt(max(0.5 * (xx + yy) - np.hypot(0.5 * (xx - yy), xy), 0.0)) * 2.0  # radius of a disc so wide
    core = float((saturated[box] & mine).sum())
    # a Gaussian of peak P sinks to a level t at s sqrt(2 ln(P / t)); between two levels the areas differ by as much whatever P
    sigma = noise_at(flat, box)[mine].astype(float)
    level = pixel_snr * float(sigma.mean())
    point2 = 2.0 * s * s * np.log(max(float(light.max()) / level, 1.0))
    wide = WIDER * (np.sqrt(point2) + 0.5)
    noise = float(np.sqrt((sigma**2).sum() + flux))
    if core > 0:
        resolved = narrow**2 - core / np.pi > WIDER * point2
    else:
        resolved = narrow > wide and area > np.pi * wide**2 + 2.0 * wide * trail_px
    return Patch(x, y, 2.0 * np.sqrt(xx), 2.0 * np.sqrt(yy), float(area), flux, noise, core, bool(resolved))
