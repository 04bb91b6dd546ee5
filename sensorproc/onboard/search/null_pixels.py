"""Pixels without objects, to search as the real ones are: sign-reversed, and in a wrong order of time.

What each can and cannot see is said in :mod:`sensorproc.onboard.false_alarms`.
"""

from dataclasses import replace

import numpy as np

from sensorproc.config import Match
from sensorproc.onboard.detector.defects import fixed_pixels
from sensorproc.onboard.false_alarms import permutation
from sensorproc.onboard.image.cosmic_rays import reject_outliers
from sensorproc.onboard.products import freeze
from sensorproc.onboard.stack import Stack
from sensorproc.onboard.threads import each

Hidden = tuple[np.ndarray, np.ndarray]  # pixels of a frame, by their place in memory, and their weights


def sign_reversed(frames: Stack, warm_snr: np.ndarray | None, config: Match) -> tuple[Stack, list[Hidden]]:
    """The set, and what earlier ones have shown of its pixels, with their signs changed, the outlier rejection of the real
    search applied, and what that takes away: of every frame, and of every frame once more where pixels are fixed.

    A second set of pixels would need as much memory again: this one lies where ``frames`` do, which hold nothing else until
    they are :func:`restored`.
    """
    image, weight = frames.image_e, frames.weight
    image.setflags(write=True)
    weight.setflags(write=True)

    def turn(k: int) -> Hidden:
        residual = frames.frames[k]
        np.negative(image[k], out=image[k])
        noise = (1.0 / np.sqrt(np.where(weight[k] > 0, weight[k], np.float32(1.0)))).astype(np.float32)
        flags, _ = reject_outliers(image[k], noise, residual.flags, frames.psf_sigma_px, config)
        return _hide(weight[k], flags != 0)

    hidden = each(turn, range(len(image)))
    fixed = fixed_pixels(list(frames.frames), None if warm_snr is None else -warm_snr)
    if fixed is not None:
        hidden += [_hide(one, fixed) for one in weight]
    freeze(image, weight)
    return replace(frames), hidden


def _hide(weight: np.ndarray, what: np.ndarray) -> Hidden:
    """Set the weights of some pixels to zero; which ones they were and what they had."""
    where = np.flatnonzero(what & (weight > 0))
    values = weight.ravel()[where]
    weight.ravel()[where] = 0.0
    return where, values


def restored(frames: Stack, hidden: list[Hidden]) -> None:
    """Undo :func:`sign_reversed`, bit for bit."""
    image, weight = frames.image_e, frames.weight
    image.setflags(write=True)
    weight.setflags(write=True)

    each(lambda one: np.negative(one, out=one), list(image))
    for k, (where, values) in enumerate(hidden):
        weight[k % len(weight)].ravel()[where] = values
    freeze(image, weight)


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
