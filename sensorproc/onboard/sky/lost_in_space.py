"""Lost in space: where the camera points when nothing is known but its scale, from the shapes bright stars make.

Patterns of four stars of the frame are looked up by five edge ratios, as scale, place, roll and parity leave them. What agrees in
size, too, gives an attitude; the one that puts the most other stars in place is checked against chance.
"""

import itertools
import math
from collections.abc import Iterator

import numpy as np
from scipy.spatial import cKDTree
from scipy.special import bdtrc

from sensorproc.geometry import Camera, as_rows, on_detector
from sensorproc.onboard.star_table import Patterns

PER_FIELD = 15.0  # Stars of a band in a square field.
NEIGHBOUR_REACH = 0.36  # Neighbours of a pivot are so near, in parts of the field's side.
RATIO_BIN = 0.02  # Width of a bin of edge ratios.
RATIO_ERROR = 0.006  # Error of edge ratios: centroids, distortion over a pattern, and a wrong scale.
SCALE_ERROR = 0.06  # Relative error that the believed pixel scale may have.
PIVOTS, NEIGHBOURS = 60, 8  # The brightest stars of the frame that are looked at, and neighbours around each.
LESS_APART = 0.4  # Stars may stand so much nearer than the pattern's: a spurious detection must not hide one.
FIT_ERROR = 0.006  # Four stars fit their attitude to this rms, in longest edges.
VERIFY_STARS, VERIFY_FRACTION = 60, 0.006  # So many of the brightest stars must fit, to this part of the half diagonal.
LEAST_PX = 3.0  # In a small field stars need not fit any better.
MOST_CHANCE = 1e-6  # An attitude of all tried may fit by chance so often; the plate fit asks for more.
ENOUGH = 1e-14  # At so small a chance no other attitude is tried.
MOST_TRIED, LEAST_TRIED = 600, 10  # Attitudes tried, and those a first one counts for.
EDGES = tuple(itertools.combinations(range(4), 2))


def edge_ratios(vectors: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Five edges over the longest (n, 5), ascending, and the longest (n,), of quadruples (n, 4, 3)."""
    edges = np.stack([np.sqrt(((vectors[:, a] - vectors[:, b]) ** 2).sum(axis=-1)) for a, b in EDGES], axis=1)
    edges.sort(axis=1)
    return edges[:, :5] / edges[:, 5:], edges[:, 5]


def keys_of(ratios: np.ndarray) -> np.ndarray:
    """Key (n,) uint32 of ratios (n, 5): their bins."""
    return _key(np.floor(ratios / RATIO_BIN).astype(np.int64))


def _key(bins: np.ndarray) -> np.ndarray:
    n = int(1.0 / RATIO_BIN) + 1
    key = np.zeros(len(bins), np.int64)
    for column in bins.T:
        key = key * n + np.clip(column, 0, n - 1)
    return key.astype(np.uint32)


def find_attitude(stars: np.ndarray, camera: Camera, shape: tuple[int, int], patterns: Patterns) -> Camera | None:
    """The camera's attitude, scale and parity from stars (n, 3): x, y, SNR, brightest first; None if none is certain.

    ``camera`` gives the boresight pixel and the scale, known to a few per cent; its attitude and parity are not used.
    """
    quads = image_quads(stars, camera, patterns.field_rad)
    if not len(quads):
        return None
    ny, nx = shape
    half = 0.5 * math.hypot(nx, ny)
    bright = stars[:VERIFY_STARS, :2]
    tree, radius = cKDTree(bright), max(VERIFY_FRACTION * half, LEAST_PX)
    by_chance = len(bright) * math.pi * radius**2 / (nx * ny)  # detections near a place
    best: tuple[float, Camera | None] = (MOST_CHANCE, None)
    tried = itertools.islice(_attitudes(stars, quads, camera, patterns), MOST_TRIED)
    for n_tried, found in enumerate(tried, LEAST_TRIED):
        x, y = found.pixel(patterns.cone(found.dcm[:, 2], math.atan(half * found.ifov_rad) * 1.02))
        inside = on_detector(x, y, shape)
        places = np.stack([x[inside], y[inside]], axis=1)
        matched = len(set(tree.query(places, distance_upper_bound=radius)[1].tolist()) - {len(bright)}) if len(places) else 0
        chance = float(bdtrc(matched - 5, max(len(places) - 4, 1), min(by_chance, 0.9)))
        if chance * n_tried < best[0]:
            best = chance * n_tried, found
        if best[0] < ENOUGH:
            break
    return best[1]


def image_quads(stars: np.ndarray, camera: Camera, field_rad: float) -> np.ndarray:
    """Patterns (m, 4) of the frame's stars, as the index makes them but with more neighbours to choose from."""
    side = field_rad / camera.ifov_rad
    apart = LESS_APART * side / math.sqrt(math.pi * PER_FIELD)
    places = stars[: 4 * PIVOTS, :2]
    gaps = np.hypot(places[:, None, 0] - places[None, :, 0], places[:, None, 1] - places[None, :, 1])
    hidden = (np.tril(gaps < apart, -1)).any(axis=1)  # a brighter one is near
    chosen = np.flatnonzero(~hidden)[:PIVOTS]
    found = set()
    reach = NEIGHBOUR_REACH * side * (1.0 + SCALE_ERROR)
    for pivot in chosen.tolist():
        near = [j for j in chosen.tolist() if j != pivot and gaps[pivot, j] < reach][:NEIGHBOURS]
        found |= {tuple(sorted((pivot, *three))) for three in itertools.combinations(near, 3)}
    return np.array(sorted(found), int).reshape(-1, 4)


def _attitudes(stars: np.ndarray, quads: np.ndarray, camera: Camera, patterns: Patterns) -> Iterator[Camera]:
    """Cameras that put four stars of the frame on four of the table, best fits first."""
    offsets = (stars[:, :2] - (camera.x0_px, camera.y0_px)) * camera.ifov_rad
    vectors = _directions(offsets[quads])
    ratios, longest = edge_ratios(vectors)
    mine, theirs = _looked_up(ratios, patterns)
    if not len(mine):
        return
    table = patterns.unit[patterns.quads[theirs]].astype(float)
    their_ratios, their_longest = edge_ratios(table)
    scale = their_longest / longest[mine]
    alike = (np.abs(their_ratios - ratios[mine]) < RATIO_ERROR).all(axis=1) & (np.abs(np.log(scale)) < SCALE_ERROR)
    mine, theirs, table, scale = mine[alike], theirs[alike], table[alike], scale[alike]
    if not len(mine):
        return
    image = vectors[mine]
    rows = np.arange(len(mine))[:, None]
    image_order, table_order = _from_middle(image), _from_middle(table)
    table = table[rows, table_order]
    ordered = offsets[quads[mine]][rows, image_order] * scale[:, None, None]
    hands = np.sign(_triple(_directions(ordered)) * _triple(table))
    ordered[:, :, 0] *= np.where(hands >= 0.0, 1.0, -1.0)[:, None]
    turn, error = _rotations(_directions(ordered), table)
    error = error / (longest[mine] * scale)
    for k in np.argsort(error, kind="stable").tolist():
        if error[k] > FIT_ERROR:
            return
        parity = 1 if hands[k] >= 0.0 else -1
        yield Camera(camera.ifov_rad * float(scale[k]), camera.x0_px, camera.y0_px, parity, as_rows(turn[k]), camera.distortion)


def _directions(offsets: np.ndarray) -> np.ndarray:
    """Unit vectors (..., 3) of tangents (..., 2)."""
    vectors = np.concatenate([offsets, np.ones((*offsets.shape[:-1], 1))], axis=-1)
    return vectors / np.sqrt((vectors**2).sum(axis=-1, keepdims=True))


def _looked_up(ratios: np.ndarray, patterns: Patterns) -> tuple[np.ndarray, np.ndarray]:
    """Pairs of a frame's pattern and one of the index with a key that its ratios may have."""
    bins = np.floor(ratios / RATIO_BIN).astype(np.int64)
    part = ratios / RATIO_BIN - bins
    margin = RATIO_ERROR / RATIO_BIN
    beside = np.where(part < margin, -1, np.where(part > 1.0 - margin, 1, 0))
    which, keys = [], []
    for corner in itertools.product((0, 1), repeat=5):
        use = ((beside != 0) | (np.array(corner) == 0)).all(axis=1)
        which.append(np.flatnonzero(use))
        keys.append(_key(bins[use] + beside[use] * np.array(corner)))
    rows, wanted = np.concatenate(which), np.concatenate(keys)
    first = np.searchsorted(patterns.keys, wanted)
    count = np.searchsorted(patterns.keys, wanted, side="right") - first
    mine = np.repeat(rows, count)
    theirs = np.repeat(first - np.concatenate([[0], np.cumsum(count)[:-1]]), count) + np.arange(int(count.sum()))
    return mine, theirs


def _from_middle(vectors: np.ndarray) -> np.ndarray:
    """Order (n, 4) of each pattern's stars by their distance from its middle."""
    return np.argsort(((vectors - vectors.mean(axis=1, keepdims=True)) ** 2).sum(axis=-1), axis=1, kind="stable")


def _triple(vectors: np.ndarray) -> np.ndarray:
    """Handedness of each pattern: the sense in which its first three stars go round."""
    a, b, c = vectors[:, 0], vectors[:, 1], vectors[:, 2]
    return np.asarray((a * np.cross(b, c)).sum(axis=1))


def _rotations(camera: np.ndarray, table: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rotations (n, 3, 3) from camera to table directions, both (n, 4, 3), and their rms errors (n,) (Wahba; Markley 1988)."""
    u, _, vt = np.linalg.svd(np.einsum("nki,nkj->nij", table, camera))
    vt[:, 2] *= np.sign(np.linalg.det(u) * np.linalg.det(vt))[:, None]
    turn = np.einsum("nij,njk->nik", u, vt)
    left = table - np.einsum("nij,nkj->nki", turn, camera)
    return turn, np.sqrt((left**2).sum(axis=-1).mean(axis=1))
