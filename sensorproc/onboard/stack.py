"""The frames of a set without their stars, as cubes for the kernels, and where a motion leads through them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import cv2
import numpy as np

from sensorproc.flags import PixelFlag
from sensorproc.onboard.pixel_ownership import as_cube
from sensorproc.onboard.products import FrameFacts, Registration, Residual, freeze, pattern_scales
from sensorproc.onboard.stage import stage

SAMPLED = 7  # Every so many pixels, rows and columns tell what is typical of a frame.
LINE_PX = 9  # So many flagged pixels side by side are a line's.
Hidden = tuple[np.ndarray, np.ndarray]  # pixels of a frame, by their place in memory, and their weights


@dataclass(frozen=True, eq=False)
class Stack:
    """The residuals of a set as cubes for the kernels: (n, ny, nx) float32, and the frames' times [cadences]."""

    frames: tuple[Residual, ...]
    image_e: np.ndarray
    weight: np.ndarray
    times: np.ndarray
    cadence_s: float
    exposure_fraction: float  # exposure over cadence
    psf_sigma_px: float
    rest_sigma: float = 1.0  # of the matched-filter sum for a point at rest over the detector, in its claimed sigmas

    @property
    def facts(self) -> FrameFacts:
        """Facts of the first frame, for those that all frames share."""
        return self.frames[0].facts

    @property
    def psf_flux_ratio(self) -> float:
        """What a Gaussian of ``psf_sigma_px`` finds of a point's flux."""
        return self.registrations[0].flux_ratio

    @property
    def flux_ratio(self) -> float:
        """The same, of all of its light."""
        return self.psf_flux_ratio * (1.0 - self.registrations[0].far_light)

    @property
    def registrations(self) -> list[Registration]:
        """Place of every frame in the set."""
        return [frame.registration for frame in self.frames]

    @cached_property
    def reference(self) -> Residual:
        """The frame whose time is nearest to the set's reference time."""
        return min(self.frames, key=lambda f: (abs(f.registration.t_frames), f.registration.t_frames))

    @cached_property
    def typical_weight(self) -> np.ndarray:
        """Median weight of each frame's good pixels (n,), infinite where there are none."""
        return np.array([typical_weight(one) for one in self.weight])

    @cached_property
    def n_hot(self) -> int:
        """Hot pixels that are known or have shown themselves, those of masked lines apart."""
        hot = (self.frames[0].flags & np.uint8(PixelFlag.HOT) > 0).astype(np.uint8)
        lines = [cv2.morphologyEx(hot, cv2.MORPH_OPEN, np.ones(side, np.uint8)) for side in ((LINE_PX, 1), (1, LINE_PX))]
        return int(((hot > 0) & (lines[0] == 0) & (lines[1] == 0)).sum())

    @cached_property
    def pattern_scales(self) -> np.ndarray | None:
        """:func:`~sensorproc.onboard.products.pattern_scales` of the frames."""
        return pattern_scales(self.frames)

    @property
    def pattern_prior(self) -> float:
        """What earlier sets tell of the pattern, in frames."""
        return self.facts.pattern_prior

    def taught_at(self, path: np.ndarray) -> np.ndarray:
        """Whether a frame (column) has a say in the solved pattern where an object on ``path`` (n, 2) is in another one (row)."""
        ny, nx = self.image_e.shape[1:]
        x, y = np.rint(path[:, 0]).astype(int).clip(0, nx - 1), np.rint(path[:, 1]).astype(int).clip(0, ny - 1)
        columns = [np.ones(len(path), bool) if frame.taught is None else frame.taught[y, x] for frame in self.frames]
        return np.stack(columns, axis=1)

    def path(self, x: float, y: float, vx: float, vy: float) -> np.ndarray:
        """Detector positions (n, 2) of the motion (x, y) + (vx, vy) t of the registered plane."""
        places = [
            r.transform.to_detector(np.float64(x + vx * t), np.float64(y + vy * t))
            for r, t in zip(self.registrations, self.times, strict=True)
        ]
        return np.array(places, float)

    def trails(self, vx: float, vy: float) -> np.ndarray:
        """Trail of each frame (n, 3): length [px] and direction cosines.

        The object's own motion during the exposure adds to that of the stars: the platform carries both.
        """
        rows = np.empty((len(self.frames), 3))
        for k, r in enumerate(self.registrations):
            (a, b, _), (c, d, _), _ = r.transform.inverse
            dx = r.trail.dx_px + (a * vx + b * vy) * self.exposure_fraction
            dy = r.trail.dy_px + (c * vx + d * vy) * self.exposure_fraction
            length = float(np.hypot(dx, dy))
            rows[k] = (length, dx / length, dy / length) if length > 0 else (0.0, 1.0, 0.0)
        return rows


@stage(bytes_px=4)
def stack(residuals: Sequence[Residual], cadence_s: float, rest_sigma: float) -> Stack:
    """Cubes of a set, of which its frames are views: the arrays of ``residuals`` where those lie one after the other already.
    From here on nothing changes them."""
    registrations = [frame.registration for frame in residuals]
    exposure_s = residuals[0].facts.exposure_s
    image_e, weight = as_cube([r.image_e for r in residuals]), as_cube([r.weight for r in residuals])
    freeze(image_e, weight, *(r.flags for r in residuals))
    return Stack(
        tuple(replace(r, image_e=image_e[k], weight=weight[k]) for k, r in enumerate(residuals)),
        image_e,
        weight,
        np.array([r.t_frames for r in registrations]),
        cadence_s,
        min(exposure_s / cadence_s, 1.0) if cadence_s > 0 else 0.0,
        registrations[0].psf_sigma_px,
        rest_sigma,
    )


def typical_weight(weight: np.ndarray) -> float:
    """Median weight of the good pixels of a frame (ny, nx), infinite where there are none."""
    sampled = weight[::SAMPLED, ::SAMPLED]
    good = sampled[sampled > 0]
    return float(np.median(good)) if good.size else np.inf


def hide(weight: np.ndarray, what: np.ndarray) -> Hidden:
    """Set the weights (ny, nx) of some pixels, bool or flags, to zero; which ones they were and what they had."""
    where = np.flatnonzero((what != 0) & (weight > 0))
    values = weight.ravel()[where]
    weight.ravel()[where] = 0.0
    return where, values


def show(weight: np.ndarray, hidden: Hidden) -> None:
    """Undo :func:`hide`, bit for bit."""
    where, values = hidden
    weight.ravel()[where] = values
