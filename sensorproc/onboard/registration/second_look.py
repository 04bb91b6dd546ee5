"""Which of two registrations of the same frames is right: before or after the fixed pattern was taken out of them.

Before, hot pixels may pass for stars, and stand still. After, what is left of the stars that the pattern has swallowed may, and
goes anywhere. True stars are in both looks, and lie where the right places say.
"""

from collections.abc import Sequence
from dataclasses import fields

import numpy as np

from sensorproc.onboard.image.pairing import match_nearest
from sensorproc.onboard.products import Flattened, Registered, Registration, Transform
from sensorproc.onboard.registration.camera_turn import pair_weight

PULL = 3.0  # A star that lies farther from its place, in sigmas of its own error, speaks against it.
Places = dict[int, Registration]  # by number of the frame


def places(placed: Sequence[Registered]) -> Places:
    """Where the frames of a set are, without their pixels."""
    return {frame.facts.index: frame.registration for frame in placed}


def is_first_right(first: Places, second: Sequence[Registered], radius_px: float) -> bool:
    """Whether the stars of the second look lie rather where the first put them. Frames that only one look could place count for
    it as all of their stars do."""
    reference = min(second, key=lambda r: abs(r.t_frames))
    if reference.facts.index not in first:
        return False
    own = first[reference.facts.index].transform
    both = [r for r in second if r.facts.index in first and r is not reference]
    by_first = sum(_agreeing(r.stars, reference.stars, first[r.facts.index].transform, own, radius_px) for r in both)
    by_second = sum(_agreeing(r.stars, reference.stars, r.transform, reference.transform, radius_px) for r in both)
    return by_first > by_second and len(both) >= len(second) - 1


def at_first_places(first: Places, frames: Sequence[Flattened]) -> list[Registered]:
    """The frames, their pixels as they are now, where the first look put them."""
    kept = [frame for frame in frames if frame.facts.index in first]
    return [_registered(first[frame.facts.index], frame) for frame in kept]


def _registered(place: Registration, frame: Flattened) -> Registered:
    return Registered(**{f.name: getattr(place, f.name) for f in fields(Registration)}, flattened=frame)


def _agreeing(stars: np.ndarray, others: np.ndarray, place: Transform, other_place: Transform, radius_px: float) -> int:
    """How many stars (n, 3) of a frame lie on those of another, as well as their brightness allows."""
    here, there = (np.stack(p.to_registered(s[:, 0], s[:, 1]), axis=1) for p, s in ((place, stars), (other_place, others)))
    a, b = match_nearest(here, there, radius_px)
    distance2 = ((here[a] - there[b]) ** 2).sum(axis=1)
    return int((distance2 * pair_weight(stars[a, 2], others[b, 2]) < PULL**2).sum())
