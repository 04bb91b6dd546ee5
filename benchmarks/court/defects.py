"""Twenty defects that a product of this kind has had or might have, each planted by wrapping one name of one module.

Every one is a mistake of a few per cent or of one line: what breaks everything needs no court.
"""

import importlib
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from sensorproc.onboard.products import Transform

Wrapper = Callable[[Callable[..., Any]], Callable[..., Any]]
LOST_ONE_IN = 8


def after(change: Callable[[Any], Any]) -> Wrapper:
    """What a function answers, changed."""
    return lambda f: lambda *a, **k: change(f(*a, **k))


def before(change: Callable[..., tuple]) -> Wrapper:
    """What a function is asked, changed."""
    return lambda f: lambda *a, **k: f(*change(*a), **k)


def _frames(change: Callable[[Any], Any]) -> Wrapper:
    return after(lambda read: ([change(frame) for frame in read[0]], read[1]))


def _pixel(change: Callable[[Any], Any]) -> Wrapper:
    return before(lambda residual, pixel: (residual, change(pixel)))


def _wider(psf: Any) -> Any:
    return replace(psf, core_px=1.3 * psf.core_px)


def _higher(found: Any) -> Any:
    threshold, candidates, n = found
    return replace(threshold, snr=threshold.snr + 0.5), candidates, n


def _noisier(flat: Any) -> Any:
    flat.weight[:] /= np.float32(1.44)
    return replace(flat, facts=replace(flat.facts, noise_e=1.2 * flat.facts.noise_e))


def _whole_pixels(answer: Any) -> Any:
    """Registered frames, each displaced to the next whole pixel of the first one's plane."""

    def rounded(frame: Any) -> Any:
        matrix = np.array(frame.transform.matrix)
        matrix[:2, 2] = np.round(matrix[:2, 2])
        rows = [tuple(tuple(float(v) for v in row) for row in m) for m in (matrix, np.linalg.inv(matrix))]
        return replace(frame, transform=Transform(*rows))

    frames, unplaced = answer
    return [rounded(frame) for frame in frames], unplaced


def _bolder(pixel: Any) -> Any:
    return replace(pixel, cov_px2=tuple(0.64 * v for v in pixel.cov_px2))


def _bolder_rate(tracklet: Any) -> Any:
    scale = np.array([1.0, 1.0, 0.5, 0.5])
    return replace(tracklet, cov=tracklet.cov * np.outer(scale, scale))


def _some(read: Any) -> Any:
    frames, unreadable = read
    return [frame for frame in frames if frame.index % LOST_ONE_IN != LOST_ONE_IN - 1], unreadable


def _late(frame: Any) -> Any:
    return replace(frame, t_mid_tai_ns=frame.t_mid_tai_ns + int(5e8 * frame.exposure_s))


def _stronger(frame: Any) -> Any:
    return replace(frame, facts=replace(frame.facts, gain_e_per_dn=1.1 * frame.facts.gain_e_per_dn))


def _mirrored(frame: Any) -> Any:
    return replace(frame, data_dn=np.ascontiguousarray(frame.data_dn[:, ::-1]), flags=np.ascontiguousarray(frame.flags[:, ::-1]))


PIPELINE, RESIDUALS = ("sensorproc.onboard.pipeline",), ("sensorproc.onboard.residual_set",)
SUBTRACT, ZERO_POINT = ("sensorproc.onboard.stars.subtract",), ("sensorproc.onboard.sky.zero_point",)
NULLS = ("sensorproc.onboard.search.threshold", "sensorproc.onboard.search.null_search")
MEASURED = tuple(f"sensorproc.onboard.{part}.tracklet" for part in ("search", "streaks", "patches"))
READ = ("sensorproc.processing",)

# name: (modules, name in them, what becomes of it)
DEFECTS: dict[str, tuple[tuple[str, ...], str, Wrapper]] = {
    "threshold half a sigma too high": (PIPELINE, "find_and_decide", after(_higher)),
    "places 0.1 px to the right": (MEASURED, "on_sky", _pixel(lambda p: replace(p, x_px=p.x_px + 0.1))),
    "claimed sigmas 0.8 of the true": (MEASURED, "on_sky", _pixel(_bolder)),
    "one frame in eight dropped": (READ, "read_frames", after(_some)),
    "aberration with the wrong sign": (("sensorproc.onboard.sky.solve",), "earth_velocity_km_s", after(lambda v: -v)),
    "point-spread function 1.3 times too wide": (SUBTRACT, "measure_psf", after(_wider)),
    "one axis mirrored": (READ, "read_frames", _frames(_mirrored)),
    "exposures 10 % too long": (READ, "read_frames", _frames(lambda f: replace(f, exposure_s=1.1 * f.exposure_s))),
    "null searches lost": (NULLS, "null_tracks", after(lambda found: [])),
    "fluxes 3 % too low": (MEASURED, "on_sky", _pixel(lambda p: replace(p, flux_e=0.97 * p.flux_e))),
    "times half an exposure late": (READ, "read_frames", _frames(_late)),
    "claimed rate sigmas half of the true": (PIPELINE, "tracklet", after(_bolder_rate)),
    "magnitudes 0.1 too faint": (ZERO_POINT, "zero_point", after(lambda zero: zero and (zero[0] + 0.1, zero[1]))),
    "noise believed 1.2 times as large": (PIPELINE, "flatten", after(_noisier)),
    "hits of particles kept": (SUBTRACT, "reject_outliers", lambda f: lambda image, weight, flags, *rest: (flags.copy(), 0)),
    "registration to whole pixels": (RESIDUALS, "register", after(_whole_pixels)),
    "grid of velocities three times too coarse": (
        ("sensorproc.onboard.search.find",), "velocity_step", after(lambda step: 3.0 * step),
    ),
    "box of velocities half as wide": (PIPELINE, "boxes", before(lambda stack, cadence_s, box: (stack, cadence_s, 0.5 * box))),
    "directions of pixels' corners": (
        ("sensorproc.geometry",), "Camera.radec", before(lambda camera, x, y: (camera, x + 0.5, y + 0.5)),
    ),
    "gain 10 % too high": (READ, "read_frames", _frames(_stronger)),
}  # fmt: skip


def plant(name: str) -> None:
    """Put a defect into this process.

    Raises
    ------
    AttributeError
        If the product has no longer what the defect is of.
    """
    wrapper = DEFECTS[name][2]
    for owner, last in places(name):
        setattr(owner, last, wrapper(getattr(owner, last)))


def places(name: str) -> list[tuple[Any, str]]:
    """What a defect changes: modules or classes, and the name in them.

    Raises
    ------
    AttributeError
        If there is no such name any more.
    """
    modules, attribute, _ = DEFECTS[name]
    found = []
    for module in modules:
        owner: Any = importlib.import_module(module)
        *path, last = attribute.split(".")
        for part in path:
            owner = getattr(owner, part)
        getattr(owner, last)
        found.append((owner, last))
    return found
