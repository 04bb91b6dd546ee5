"""The lost-in-space index: quadruples of bright stars by the shape they make, for one size of field.

Stars that are the brightest within a small radius are spread evenly over the sky, in the Milky Way as at the poles. Each is the
pivot of one pattern with the three brightest of its neighbours. A pattern's key are five ratios of its six edges (chords, so that
the shape is exact at any size) to the longest. Bands of fields a factor of sqrt(2) apart cover 0.8 to 20 degrees; each is built
from the star table at its first use and kept on disk.
"""

import math
import os
from functools import lru_cache
from pathlib import Path

import numpy as np
from scipy.spatial import cKDTree

from sensorproc.catalog.stars import StarCatalog
from sensorproc.onboard.sky.lost_in_space import NEIGHBOUR_REACH, PER_FIELD, edge_ratios, keys_of
from sensorproc.onboard.star_table import Patterns
from sensorproc.run_folder.private import make_private, user_cache, why_not_private

SMALLEST_FIELD, LARGEST_FIELD = math.radians(0.8), math.radians(20.0)
STEP = math.sqrt(2.0)
SPARE = 10.0  # times as many stars as are chosen are looked at: the sky is not evenly full
MOST_BYTES = 32_000_000  # of one band in memory
VERSION = 1
EPOCH_TAI_NS = 2_145_916_837_000_000_000  # 2026-01-01: the patterns' proper motions; a century moves few stars by a pixel
FOLDER = "SENSORPROC_CACHE"


def band_of(field_rad: float) -> int | None:
    """The band whose fields fit into one of this side, None if none does."""
    if field_rad < SMALLEST_FIELD:
        return None
    band, largest = (int(math.log(side / SMALLEST_FIELD, STEP) + 1e-9) for side in (field_rad, LARGEST_FIELD))
    return min(band, largest)


def field_of(band: int) -> float:
    """Side of a band's fields [rad]."""
    return SMALLEST_FIELD * STEP**band


def build(unit: np.ndarray, mag: np.ndarray, field_rad: float) -> Patterns:
    """Patterns of stars (n, 3) float64 with magnitudes (n,), for fields of a side."""
    apart = field_rad / math.sqrt(math.pi * PER_FIELD)
    chosen = unit[np.argsort(mag, kind="stable")]
    for part in (0.3, 0.6, 1.0):  # few neighbours at a time
        chosen = chosen[_is_brightest(chosen, part * apart)]
    reach = 2.0 * math.sin(min(NEIGHBOUR_REACH * field_rad, math.pi) / 2.0)
    if len(chosen) < 4:
        return Patterns.of(field_rad, chosen.astype(np.float32), np.empty((0, 4), np.uint32), np.empty(0, np.uint32))
    tree = cKDTree(chosen)
    found = [np.empty((0, 4), np.uint32)]
    for first in range(0, len(chosen), 100_000):
        block = np.arange(first, min(first + 100_000, len(chosen)))
        distance, near = tree.query(chosen[block], k=min(24, len(chosen)), distance_upper_bound=reach)
        near = np.where(np.isfinite(distance) & (near != block[:, None]), near, len(chosen))
        near.sort(axis=1)  # stars are numbered by brightness
        whole = near[:, 2] < len(chosen)
        rows = np.concatenate([block[whole, None], near[whole, :3]], axis=1)
        found.append(np.sort(rows, axis=1).astype(np.uint32))
    quads = np.unique(np.concatenate(found), axis=0)
    keys = np.concatenate([
        keys_of(edge_ratios(chosen[quads[i : i + 200_000]])[0]) for i in range(0, max(len(quads), 1), 200_000)
    ])  # fmt: skip
    order = np.argsort(keys, kind="stable")
    return Patterns.of(field_rad, chosen.astype(np.float32), quads[order], keys[order])


def _is_brightest(unit: np.ndarray, apart_rad: float) -> np.ndarray:
    """Which of the stars, brightest first, have no brighter one so near."""
    pairs = cKDTree(unit).query_pairs(2.0 * math.sin(apart_rad / 2.0), output_type="ndarray")
    is_brightest = np.ones(len(unit), bool)
    is_brightest[pairs[:, 1]] = False  # of each pair the first is the brighter one
    return is_brightest


@lru_cache(maxsize=1)
def of_catalog(catalog: StarCatalog, band: int) -> Patterns:
    """A band's patterns of a star table, from disk or built and kept there."""
    field = field_of(band)
    path = _folder() / f"patterns-v{VERSION}-{catalog.crc:08x}-{band:02d}.npz"
    kept = _read(path, field)
    if kept is not None:
        return kept
    n_stars = SPARE * PER_FIELD * 4.0 * math.pi / field**2
    stars = catalog.cone(0.0, 0.0, math.pi, EPOCH_TAI_NS, catalog.faintest(math.pi, round(n_stars)))
    built = build(stars.unit, stars.mag, field)
    _write(path, built)
    return built


def _folder() -> Path:
    given = os.environ.get(FOLDER)
    return (Path(given) if given else user_cache()) / "sensorproc"


def _read(path: Path, field: float) -> Patterns | None:
    """A kept index; None if there is none, it is damaged, or others could have made it: it is built anew."""
    if why_not_private(path.parent):
        return None
    try:
        with np.load(path) as kept:
            unit, quads, keys = kept["unit"], kept["quads"], kept["keys"]
        return Patterns.of(field, unit, quads, keys) if _is_sound(unit, quads, keys) else None
    except Exception:  # whatever a damaged file does
        return None


def _is_sound(unit: np.ndarray, quads: np.ndarray, keys: np.ndarray) -> bool:
    """Whether arrays can be an index: directions, and patterns of four of them in order of their keys."""
    forms = (unit.ndim, unit.shape[1:], quads.ndim, quads.shape[1:], keys.shape) == (2, (3,), 2, (4,), (len(quads),))
    kinds = (unit.dtype, quads.dtype, keys.dtype) == (np.float32, np.uint32, np.uint32)
    if not forms or not kinds:
        return False
    is_inside = not quads.size or int(quads.max()) < len(unit)
    return is_inside and bool(np.isfinite(unit).all()) and bool((keys[1:] >= keys[:-1]).all())


def _write(path: Path, built: Patterns) -> None:
    """Keep an index, replaced in one step; a folder that cannot be written is no harm."""
    if why_not_private(path.parent):
        return
    temporary = path.with_suffix(f".{os.getpid()}.tmp")
    try:
        make_private(path.parent)
        with temporary.open("wb") as file:
            np.savez(file, unit=built.unit, quads=built.quads, keys=built.keys)
        temporary.replace(path)
    except OSError:
        temporary.unlink(missing_ok=True)
