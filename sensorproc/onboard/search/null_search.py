"""Null searches: the search of a set on pixels that hold no object, sign-reversed ones or ones in a wrong order of time.

What each can and cannot see is said in :mod:`sensorproc.onboard.false_alarms`.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import numpy as np

from sensorproc.config import Config, CosmicRays
from sensorproc.onboard.detector.defects import clustered_pixels, fixed_pixels
from sensorproc.onboard.false_alarms import permutation
from sensorproc.onboard.image.cosmic_rays import reject_outliers
from sensorproc.onboard.products import Candidate, freeze
from sensorproc.onboard.search.accept import accept
from sensorproc.onboard.search.find import find
from sensorproc.onboard.search.velocity_boxes import Box
from sensorproc.onboard.stack import Hidden, Stack, hide, show
from sensorproc.onboard.stage import Do, stage
from sensorproc.onboard.state import PayloadState
from sensorproc.onboard.threads import each


@contextmanager
def dark_outliers_hidden(stack: Stack, warm_snr: np.ndarray | None, config: CosmicRays, do: Do) -> Iterator[None]:
    """The pixels that a search of the sign-reversed set would reject have no weight in ``stack`` while the block runs.

    The one search of both signs then sees the same pixels. ``warm_snr`` (ny, nx) is what earlier sets have shown of the pixels;
    its sign changes, too.
    """
    with sign_reversed_pixels(stack) as pixels:
        hidden = do(hide_outliers, pixels, None if warm_snr is None else -warm_snr, config)
    try:
        yield
    finally:
        stack.weight.setflags(write=True)
        for k, pixels in reversed(list(enumerate(hidden))):
            show(stack.weight[k % len(stack.weight)], pixels)
        freeze(stack.weight)


@stage(bytes_px=20)
def hide_outliers(stack: Stack, warm_snr: np.ndarray | None, config: CosmicRays) -> list[Hidden]:
    """Hide of every frame what is sharper than light, and of every frame once and twice more what is fixed. What was hidden is
    returned."""
    weight, frames = stack.weight, list(stack.frames)
    weight.setflags(write=True)

    def rejected(k: int) -> tuple[Hidden, np.ndarray]:
        flags, _ = reject_outliers(stack.image_e[k], weight[k], frames[k].flags, stack.psf_sigma_px, config)
        return hide(weight[k], flags != 0), flags

    each_frame = each(rejected, range(len(weight)))
    hidden = [one for one, _ in each_frame]
    fixed = fixed_pixels(frames, warm_snr)
    hidden += [hide(one, fixed) for one in weight] if fixed is not None else []
    clustered = clustered_pixels(frames, [flags for _, flags in each_frame])  # without those that are hidden by now
    hidden += [hide(one, clustered) for one in weight] if clustered is not None else []
    freeze(weight)
    return hidden


@contextmanager
def sign_reversed_pixels(stack: Stack) -> Iterator[Stack]:
    """The set with the signs of its pixels changed, while the block runs.

    A second set of pixels would need as much memory again: this one lies where ``stack`` does, which holds nothing else until
    the block ends. Then it is as it was, bit for bit.
    """
    _change_signs(stack.image_e)
    try:
        yield replace(stack)  # a stack of its own, which has not yet computed anything of the other signs
    finally:
        _change_signs(stack.image_e)


def _change_signs(image: np.ndarray) -> None:
    image.setflags(write=True)
    each(lambda one: np.negative(one, out=one), list(image))
    freeze(image)


@stage(bytes_px=4)
def permuted(stack: Stack, cleaned: np.ndarray) -> Stack:
    """The set without its accepted tracks, ``cleaned`` (n, ny, nx), every frame at the time of another."""
    order = np.argsort(stack.times, kind="stable")
    times = np.empty_like(stack.times)
    times[order] = stack.times[order][permutation(len(order))]
    return replace(
        stack,
        image_e=cleaned,
        times=times,
        frames=tuple(replace(frame, image_e=cleaned[k]) for k, frame in enumerate(stack.frames)),
    )


def null_tracks(stack: Stack, candidates: list[Candidate], lowest: float, config: Config, do: Do) -> list[float]:
    """SNRs of the tracks above ``lowest`` that the real search makes of candidates in a stack that holds no object."""
    tracks, _ = do(accept, stack, candidates, lowest, config.accept)
    return [track.snr for track in tracks]


def permuted_null_search(
    stack: Stack, cleaned: np.ndarray, found: list[Box], lowest: float, state: PayloadState, config: Config, do: Do
) -> list[float] | None:
    """The null search in a wrong order of time, without the accepted tracks, in every ``search.permuted_every``-th set; None in
    the others. ``cleaned`` (n, ny, nx) are the pixels without the tracks."""
    every = config.search.permuted_every
    if not every or state.n_sets % every != every - 1:
        return None
    shuffled = do(permuted, stack, cleaned)
    candidates = find(shuffled, found, config, lowest - config.search.candidate_margin, do).bright
    return null_tracks(shuffled, candidates, lowest, config, do)
