"""What no sky shows: a crowd of objects on one line of the detector that all go one way; more objects than a set can have.

A defect that no test of a single track knows, light of a reflection or a torn read-out makes tracks by the dozen. They are one
thing and told as one event with its place, so that they cost no downlink and hide nothing.
"""

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from sensorproc.config import Accept
from sensorproc.onboard.products import Artefact
from sensorproc.onboard.search.track import Track
from sensorproc.onboard.stage import stage

LINE_PX = 3.0  # Tracks whose rows or columns differ by no more lie on one line.
SAME_WAY_PX = 3.0  # Motions that part by no more over the set are one.


@stage(bytes_px=0)
def without_artefacts(tracks: list[Track], config: Accept) -> tuple[list[Track], tuple[Artefact, ...]]:
    """Tracks, strongest first, without crowds of more than ``accept.max_in_line`` and at most ``accept.max_tracks`` of them; what
    was left out."""
    artefacts: list[Artefact] = []
    for axis in (0, 1):
        crowds = _crowds(tracks, axis, config.max_in_line)
        artefacts += [_artefact("ARTEFACT", [tracks[i] for i in sorted(crowd)]) for crowd in crowds]
        left_out = set().union(*crowds)
        tracks = [track for i, track in enumerate(tracks) if i not in left_out]
    if len(tracks) > config.max_tracks:
        artefacts.append(_artefact("TOO_MANY_TRACKS", tracks[config.max_tracks :]))
    return tracks[: config.max_tracks], tuple(artefacts)


def _crowds(tracks: list[Track], axis: int, most: int) -> list[set[int]]:
    """Groups of more than ``most`` tracks on one column (``axis`` 0) or row (1) that go one way."""
    if len(tracks) <= most:
        return []
    line = np.array([float(track.path[:, axis].mean()) for track in tracks])
    motion = np.array([track.path[-1] - track.path[0] for track in tracks])
    alike = np.hypot(*(motion[:, None, :] - motion[None, :, :]).transpose(2, 0, 1)) <= SAME_WAY_PX
    beside = np.abs(line[:, None] - line[None, :]) <= LINE_PX
    n, of = connected_components(coo_array(alike & beside), directed=False)
    groups = [set(np.flatnonzero(of == k).tolist()) for k in range(n)]
    return [group for group in groups if len(group) > most]


def _artefact(name: str, tracks: list[Track]) -> Artefact:
    """Some tracks told as one."""
    x, y = np.median([track.path.mean(axis=0) for track in tracks], axis=0)
    return Artefact(name, len(tracks), float(x), float(y))
