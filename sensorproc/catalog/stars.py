"""The onboard star table: a compact file of integers sorted by sky cell, and its lookup by cone.

Layout, little-endian: header | one index entry per cell | one position record per star | one motion record per star
that has one. The sky is cut into bands of equal declination and each band into cells of equal right ascension; a
cell's index entry counts its stars and motions and holds the CRC-32 of their bytes. Stars are brightest first in
their cell. Places are fractions of the cell in 1/65536 (at most 0.035 arcsec off), so a damaged cell harms no other.

Places are ICRS at the header's epoch for stars of the newer source, and at ``epoch_without_motion`` for stars known
from the older source alone, which have no motion. Parallax is ignored.
"""

import struct
import zlib
from dataclasses import astuple, dataclass
from enum import IntFlag
from functools import cache, cached_property
from importlib import resources
from pathlib import Path

import numpy as np

from sensorproc.errors import InputError
from sensorproc.geometry import tangent_axes, unit_from_radec
from sensorproc.timescales import julian_centuries_tt

MAGIC = b"SPSTARS1"
HEADER = struct.Struct("<8sHIIIdd8sf200sI")
STAR = np.dtype([("ra", "<u2"), ("dec", "<u2"), ("mag", "<u2"), ("colour", "u1"), ("flags", "u1")])
MOTION = np.dtype([("ra", "<i2"), ("dec", "<i2")])
CELL = np.dtype([("n_stars", "<u2"), ("n_motions", "<u2"), ("crc", "<u4")])
STEPS = 65536
MAG_ZERO, MAG_STEP = -3.0, 0.001
COLOUR_ZERO, COLOUR_STEP, NO_COLOUR = -1.0, 0.03, 255
MOTION_STEP_MAS = 0.5  # per year, on the sky in both axes
MAS = np.pi / 180.0 / 3.6e6
SHIPPED = "stars.bin"
CROWDED = 0.25  # of the stars a cone would have if all the sky were as full as its mean: none is emptier
SAMPLED = 50  # of the magnitudes, to count by


class StarFlag(IntFlag):
    """What is known of a star (uint8)."""

    NEW_EPOCH = 1  # place at the header's epoch, magnitude measured in the header's band
    MOTION = 2  # has a proper motion


@dataclass(frozen=True)
class Header:
    """What the file says of itself. Epochs are Julian years (TT)."""

    n_bands: int
    n_cells: int
    n_stars: int
    n_motions: int
    epoch: float
    epoch_without_motion: float
    band: str
    faint_mag: float
    licence: str


@dataclass(frozen=True, eq=False)
class Stars:
    """Stars of a cone, brightest first: ``unit`` (n, 3) float64 ICRS, ``mag`` and ``colour_mag`` (n,) (BP-RP, NaN
    unknown), ``flags`` (n,) :class:`StarFlag`; ``damaged`` are the cells left out because their CRC is wrong."""

    unit: np.ndarray
    mag: np.ndarray
    colour_mag: np.ndarray
    flags: np.ndarray
    damaged: tuple[int, ...]


class Cells:
    """The division of the sky: where cells begin and which one a direction falls into."""

    def __init__(self, n_bands: int):
        self.n_bands = n_bands
        self.height = np.pi / n_bands
        edges = -np.pi / 2 + self.height * np.arange(n_bands + 1)
        widest = np.where(edges[:-1] * edges[1:] <= 0, 1.0, np.maximum(np.cos(edges[:-1]), np.cos(edges[1:])))
        self.per_band = np.maximum(np.ceil(2 * np.pi * widest / self.height - 1e-9), 1).astype(np.int64)
        self.first = np.concatenate([[0], np.cumsum(self.per_band)])
        self.n_cells = int(self.first[-1])
        self.band_of = np.repeat(np.arange(n_bands), self.per_band)

    def locate(self, ra: np.ndarray, dec: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Cell and fractions of it in ra and dec, each (n,), of directions [rad]."""
        above = (dec + np.pi / 2) / self.height
        band = np.clip(above.astype(np.int64), 0, self.n_bands - 1)
        along = np.mod(ra, 2 * np.pi) / (2 * np.pi) * self.per_band[band]
        column = np.minimum(along.astype(np.int64), self.per_band[band] - 1)
        return self.first[band] + column, along - column, above - band

    def place(self, cell: np.ndarray, u: np.ndarray, v: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Right ascension and declination [rad] of fractions of cells."""
        band = self.band_of[cell]
        ra = (cell - self.first[band] + u) * (2 * np.pi / self.per_band[band])
        return ra, -np.pi / 2 + (band + v) * self.height

    def runs(self, ra: float, dec: float, radius: float) -> list[tuple[int, int]]:
        """Half-open runs of cells that together cover a cone [rad]."""
        low = max(int((dec - radius + np.pi / 2) / self.height), 0)
        high = min(int((dec + radius + np.pi / 2) / self.height), self.n_bands - 1)
        reaches_pole = abs(dec) + radius >= np.pi / 2
        half = np.pi if reaches_pole else float(np.arcsin(min(np.sin(radius) / np.cos(dec), 1.0)))
        found = []
        for band in range(low, high + 1):
            first, n = int(self.first[band]), int(self.per_band[band])
            start, stop = (int(np.floor((ra + side * half) / (2 * np.pi) * n)) for side in (-1, 1))
            if stop - start + 1 >= n:
                found.append((first, first + n))
            elif start // n == stop // n:
                found.append((first + start % n, first + stop % n + 1))
            else:
                found += [(first + start % n, first + n), (first, first + stop % n + 1)]
        return found


class StarCatalog:
    """A star table in memory."""

    def __init__(self, data: bytes, name: str):
        self.name, self.n_bytes = name, len(data)
        self.header = read_header(data, name)
        self.cells = Cells(self.header.n_bands)
        at = HEADER.size
        self._index = np.frombuffer(data, CELL, self.header.n_cells, at)
        at += self._index.nbytes
        self._stars = np.frombuffer(data, STAR, self.header.n_stars, at)
        self._motions = np.frombuffer(data, MOTION, self.header.n_motions, at + self._stars.nbytes)
        steps = max((int(np.abs(self._motions[axis].astype(np.int32)).max(initial=0)) for axis in ("ra", "dec")), default=0)
        self._fastest = np.sqrt(2.0) * steps * MOTION_STEP_MAS * MAS  # rad a year
        self._star_at = np.concatenate([[0], np.cumsum(self._index["n_stars"], dtype=np.int64)])
        self._motion_at = np.concatenate([[0], np.cumsum(self._index["n_motions"], dtype=np.int64)])
        if self._star_at[-1] != self.header.n_stars or self._motion_at[-1] != self.header.n_motions:
            raise InputError(f"{name}: the index counts {self._star_at[-1]} stars, the header {self.header.n_stars}")

    @cached_property
    def crc(self) -> int:
        """Of the index, which holds the CRC of every cell: another table has another."""
        return zlib.crc32(self._index.tobytes())

    @cached_property
    def _sampled_mags(self) -> np.ndarray:
        return np.sort(self._stars["mag"][::SAMPLED])

    def faintest(self, radius: float, n_most: int) -> float:
        """Magnitude to which a cone has about so many stars where the sky is as full as anywhere; its own limit, if fewer."""
        share = 0.5 * (1.0 - np.cos(min(radius, np.pi))) * CROWDED
        wanted = int(min(n_most / max(share, 1e-12), self.header.n_stars))
        sampled = self._sampled_mags
        return float(MAG_ZERO + MAG_STEP * sampled[min(wanted // SAMPLED, len(sampled) - 1)])

    def cone(self, ra: float, dec: float, radius: float, tai_ns: int, faintest: float = np.inf) -> Stars:
        """Stars within ``radius`` of a direction [rad], moved to a TAI time, none fainter than a magnitude.

        Those of damaged cells are left out.
        """
        year = 2000.0 + 100.0 * julian_centuries_tt(tai_ns)
        damaged: list[int] = []
        reach = min(radius + self._fastest * abs(year - self.header.epoch), np.pi)  # a star may have left its cell
        parts = [part for run in self.cells.runs(ra, dec, reach) for part in self._decode(run, year, damaged, faintest)]
        unit, mag, colour, flags = (np.concatenate(columns) for columns in zip(*parts, strict=True)) if parts else _NOTHING
        centre = unit_from_radec(np.float64(ra), np.float64(dec))
        near = np.flatnonzero(((unit - centre) ** 2).sum(axis=1) <= (2 * np.sin(min(radius, np.pi) / 2)) ** 2)
        order = near[np.argsort(mag[near], kind="stable")]
        return Stars(unit[order], mag[order], colour[order], flags[order], tuple(damaged))

    def damaged_cells(self) -> list[int]:
        """Cells whose bytes do not match their CRC."""
        return [cell for cell in range(self.header.n_cells) if not self._is_intact(cell)]

    def _is_intact(self, cell: int) -> bool:
        stars = self._stars[self._star_at[cell] : self._star_at[cell + 1]]
        motions = self._motions[self._motion_at[cell] : self._motion_at[cell + 1]]
        return zlib.crc32(motions.tobytes(), zlib.crc32(stars.tobytes())) == self._index["crc"][cell]

    def _decode(self, run: tuple[int, int], year: float, damaged: list[int], faintest: float) -> list[tuple[np.ndarray, ...]]:
        """Columns of a run of cells, cut at damaged ones."""
        bad = [cell for cell in range(*run) if not self._is_intact(cell)]
        damaged += bad
        edges = [run[0] - 1, *bad, run[1]]
        pieces = [(a + 1, b) for a, b in zip(edges, edges[1:], strict=False) if b > a + 1]
        return [self._columns(first, stop, year, faintest) for first, stop in pieces]

    def _columns(self, first: int, stop: int, year: float, faintest: float) -> tuple[np.ndarray, ...]:
        stars = self._stars[self._star_at[first] : self._star_at[stop]]
        motions = self._motions[self._motion_at[first] : self._motion_at[stop]]
        cell = np.repeat(np.arange(first, stop), self._index["n_stars"][first:stop])
        has_motion = (stars["flags"] & StarFlag.MOTION) != 0
        mag = MAG_ZERO + MAG_STEP * stars["mag"]
        if faintest < np.inf:
            bright = mag <= faintest
            motions = motions[bright[has_motion]]
            stars, cell, mag, has_motion = stars[bright], cell[bright], mag[bright], has_motion[bright]
        ra, dec = self.cells.place(cell, (stars["ra"] + 0.5) / STEPS, (stars["dec"] + 0.5) / STEPS)
        unit = unit_from_radec(ra, dec)
        step = MOTION_STEP_MAS * MAS * (year - self.header.epoch)
        _move(unit, ra, dec, has_motion, motions["ra"] * step, motions["dec"] * step)
        colour = np.where(stars["colour"] == NO_COLOUR, np.nan, COLOUR_ZERO + COLOUR_STEP * stars["colour"])
        return unit, mag, colour, stars["flags"]


_NOTHING = (np.empty((0, 3)), np.empty(0), np.empty(0), np.empty(0, np.uint8))


def _move(unit: np.ndarray, ra: np.ndarray, dec: np.ndarray, moving: np.ndarray, east: np.ndarray, north: np.ndarray) -> None:
    """Move some directions by small angles [rad] in place."""
    axis_east, axis_north = tangent_axes(ra[moving], dec[moving])
    shift = axis_east * east[:, None] + axis_north * north[:, None]
    moved = unit[moving] + shift
    unit[moving] = moved / np.sqrt((moved * moved).sum(axis=1, keepdims=True))


def pack_header(header: Header) -> bytes:
    """Bytes of a header with its CRC-32."""
    band, licence = header.band.encode("ascii"), header.licence.encode("ascii")
    values = (*astuple(header)[:6], band, header.faint_mag, licence)
    body = HEADER.pack(MAGIC, *values, 0)[:-4]
    return body + struct.pack("<I", zlib.crc32(body))


def read_header(data: bytes, name: str) -> Header:
    """The header of a star table.

    Raises
    ------
    InputError
        If the file is no star table, or is damaged or cut.
    """
    if data[: len(MAGIC)] != MAGIC:
        raise InputError(f"{name}: not a star table (begins {data[:8]!r}, want {MAGIC!r})")
    body, crc = data[: HEADER.size - 4], data[HEADER.size - 4 : HEADER.size]
    if len(data) < HEADER.size or zlib.crc32(body) != int.from_bytes(crc, "little"):
        raise InputError(f"{name}: the header of the star table is damaged")
    _, bands, cells, stars, motions, epoch, without, band, faint, licence, _ = HEADER.unpack_from(data)
    texts = [field.rstrip(b"\0").decode("ascii") for field in (band, licence)]
    header = Header(bands, cells, stars, motions, epoch, without, texts[0], faint, texts[1])
    size = HEADER.size + CELL.itemsize * header.n_cells + STAR.itemsize * header.n_stars + MOTION.itemsize * header.n_motions
    if len(data) != size:
        raise InputError(f"{name}: {len(data)} bytes, the header says {size}: cut or not a star table")
    return header


def open_catalog(path: Path) -> StarCatalog:
    """A star table from a file."""
    try:
        return StarCatalog(path.read_bytes(), str(path))
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}") from None


def shipped_bytes() -> bytes:
    """The star table of the package, as it lies on disk."""
    return resources.files("sensorproc").joinpath("catalog", SHIPPED).read_bytes()


@cache
def shipped() -> StarCatalog:
    """The star table of the package."""
    return StarCatalog(shipped_bytes(), SHIPPED)
