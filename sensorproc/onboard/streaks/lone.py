"""Streaks that one frame alone shows: hidden from the search over all frames, which they would only mislead.

A bright streak holds light enough in one frame for many a false track on it. An object so fast that it is gone before the next
frame, or so bright that the other frames would have shown it too, has nothing to add to the search.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np

from sensorproc.onboard.image.matched_filter import HALF_SIGMAS
from sensorproc.onboard.products import freeze
from sensorproc.onboard.stack import Hidden, Stack, hide, show
from sensorproc.onboard.stage import Do, stage
from sensorproc.onboard.streaks.fit import Streak, snr_as_wide
from sensorproc.onboard.streaks.link import Numbered, link_streaks, motions
from sensorproc.onboard.streaks.plausible import lies_on

BRIGHT_SNR = 12.0  # In the other frames a streak so bright would be a streak, too, were its object there.
TRACK_SIGMAS = 4.0  # A streak so near to the trail of an accepted track [PSF widths] is what its model left.
LEFT_FRACTION = 0.7  # A streak that has less of its SNR once the accepted tracks are gone was made of their light.


@contextmanager
def lone_streaks_hidden(stack: Stack, streaks: Sequence[Numbered], do: Do) -> Iterator[None]:
    """The pixels of streaks that are in one frame alone have no weight in ``stack`` while the block runs."""
    hidden = do(hide_streaks, stack, streaks)
    try:
        yield
    finally:
        stack.weight.setflags(write=True)
        for k, pixels in reversed(hidden):
            show(stack.weight[k], pixels)
        freeze(stack.weight)


@stage(bytes_px=2)
def hide_streaks(stack: Stack, streaks: Sequence[Numbered]) -> list[tuple[int, Hidden]]:
    """Take the weight of lone streaks' pixels away; what they had, frame by frame."""
    _, alone = link_streaks(streaks, stack)
    stack.weight.setflags(write=True)
    hidden = [
        (k, hide(stack.weight[k], _light(streak, stack.weight.shape[1:], HALF_SIGMAS * stack.psf_sigma_px)))
        for k, streak in alone
        if streak.snr > BRIGHT_SNR or _is_gone(k, streak, stack)
    ]
    freeze(stack.weight)
    return hidden


def _is_gone(k: int, streak: Streak, stack: Stack) -> bool:
    """Whether the object lies outside of the detector in all other frames, whichever way along its streak it went."""
    if not stack.exposure_fraction > 0:
        return False
    ny, nx = stack.image_e.shape[1:]
    others = np.arange(len(stack.times)) != k
    for motion in motions(k, streak, stack):
        paths, trails = stack.path(*motion)[others], stack.trails(*motion[2:])[others]
        reach = 0.5 * trails[:, :1] * np.abs(trails[:, 1:])
        if ((paths > -reach) & (paths < np.array([nx, ny]) - 1.0 + reach)).all(axis=1).any():
            return False
    return True


def _light(streak: Streak, shape: tuple[int, ...], reach: float) -> np.ndarray:
    """Pixels (ny, nx) bool within ``reach`` [px] of a streak."""
    (cos, sin), (x, y) = streak.direction, streak.middle
    v, u = np.ogrid[: shape[0], : shape[1]]
    along, across = (u - x) * cos + (v - y) * sin, (v - y) * cos - (u - x) * sin
    return np.asarray((np.abs(along) < 0.5 * streak.length_px + reach) & (np.abs(across) < reach))


@stage(bytes_px=1)
def besides_tracks(
    stack: Stack, cleaned: np.ndarray, streaks: Sequence[Numbered], tracked: Sequence[tuple[np.ndarray, np.ndarray]]
) -> list[Numbered]:
    """Streaks that are no light of the accepted tracks, nor what their models left along their trails.

    ``cleaned`` (n, ny, nx) are the pixels without the tracks, ``tracked`` the tracks' paths (n, 2) and trails (n, 3).
    """
    s = stack.psf_sigma_px

    def is_besides(k: int, streak: Streak) -> bool:
        if any(lies_on(streak, path[k], trails[k], TRACK_SIGMAS * s) for path, trails in tracked):
            return False
        least = max(streak.threshold, LEFT_FRACTION * streak.snr)
        return not tracked or snr_as_wide(cleaned[k], stack.weight[k], streak, s) >= least

    return [(k, streak) for k, streak in streaks if is_besides(k, streak)]
