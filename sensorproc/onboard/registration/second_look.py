"""Which of two registrations of the same frames is right: before or after the fixed pattern was taken out of them.

Before, hot pixels may pass for stars, and stand still. After, what is left of the stars that the pattern has swallowed may, and
goes anywhere. True stars are in both looks, and lie where the right places say.
"""

from collections.abc import Sequence
from dataclasses import fields

import numpy as np

from sensorproc.onboard.image.pairing import match_nearest
from sensorproc.onboard.products import Flattened, Registered, Registration, Transform, reference_of
from sensorproc.onboard.registration.camera_turn import pair_weight

PULL = 3.0  # A star that lies farther from its place, in sigmas of its own error, speaks against it.
Places = dict[int, Registration]  # by number of the frame


def places(placed: Sequence[Registered]) -> Places:
    """Where the frames of a set are, without their pixels."""
    return {frame.facts.index: frame.registration for frame in placed}


def is_first_right(first: Places, second: Sequence[Registered], radius_px: float) -> bool:
    """Whether the stars of the second look lie rather where the first put them, which must have placed all of its frames."""
    if not all(r.facts.index in first for r in second):
        return False
    reference = reference_of(second)
    own = first[reference.facts.index].transform
    both = [r for r in second if r is not reference]
    by_first = sum(_agreeing(r.stars, reference.stars, first[r.facts.index].transform, own, radius_px) for r in both)
    by_second = sum(_agreeing(r.stars, reference.stars, r.transform, reference.transform, radius_px) for r in both)
    return by_first > by_second


def at_first_places(first: Places, frames: Sequence[Flattened]) -> list[Registered]:
    """The frames, their pixels as they are now, where the first look put them."""
    return [_registered(first[frame.facts.index], frame) for frame in frames if frame.facts.index in first]


def _registered(place: Registration, frame: Flattened) -> Registered:
    return Registered(**{f.name: getattr(place, f.name) for f in fields(Registration)}, flattened=frame)


def _agreeing(stars: np.ndarray, others: np.ndarray, place: Transform, other_place: Transform, radius_px: float) -> int:
    """How many stars (n, 3) of a frame lie on those of another, as well as their brightness allows."""
    here, there = (np.stack(p.to_registered(s[:, 0], s[:, 1]), axis=1) for p, s in ((place, stars), (other_place, others)))
    a, b = match_nearest(here, there, radius_px)
    distance2 = ((here[a] - there[b]) ** 2).sum(axis=1)
    return int((distance2 * pair_weight(stars[a, 2], others[b, 2]) < PULL**2).sum())
