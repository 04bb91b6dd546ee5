"""Where a run takes its stars from: the table that came with it, or the shipped one, of which a frame gets the cone it needs."""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

import numpy as np

from sensorproc.catalog import patterns
from sensorproc.catalog.stars import SHIPPED, StarCatalog, shipped
from sensorproc.config import Solve
from sensorproc.frames import Taken
from sensorproc.geometry import radec_from_unit
from sensorproc.onboard.star_table import Patterns, StarTable

WIDER = 1.3  # than asked for is a cone that is kept: the next frame looks beside it
MAX_RADIUS_RAD = math.radians(60.0)  # beyond it a tangent plane sees nothing
MOST_BANDS = 2  # of pattern indices that are tried


@dataclass(frozen=True)
class Sky:
    """A table that was given, else the shipped one, loaded when first asked; ``catalog`` says where it is."""

    given: StarTable | None
    config: Solve
    catalog: Callable[[], StarCatalog] = shipped
    _kept: dict[int, Patterns] = field(default_factory=dict)

    @property
    def n_bytes(self) -> int:
        """Size of the table in memory, and of the one pattern index that is held at a time."""
        if self.given is not None:
            return self.given.unit.nbytes + self.given.mag.nbytes
        return self.catalog().n_bytes + (patterns.MOST_BYTES if self.config.lost_in_space else 0)

    def damage(self) -> tuple[list[int], str]:
        """Damaged cells of the shipped table, where it is used, and what to say of them."""
        cells = self.catalog().damaged_cells() if self.given is None else []
        return cells, f"{SHIPPED}: {len(cells)} damaged cells are not used; install the package again"

    def stars(self, frames: Sequence[Taken]) -> StarTable | None:
        """Stars for a frame set; None where there are no frames."""
        if not frames:
            return self.given
        if self.given is not None:
            return replace(self.given, patterns=self._patterns_of_given)
        catalog = self.catalog()
        cones, patterns_for = Cones(catalog, self.config.max_table_stars), partial(patterns_of, catalog)
        return StarTable(np.empty((0, 3)), np.empty(0), None, cones, patterns_for)

    def _patterns_of_given(self, field_rad: float) -> list[Patterns]:
        assert self.given is not None
        band = patterns.band_of(field_rad)
        if band is None:
            return []
        if band not in self._kept:
            self._kept[band] = patterns.build(self.given.unit, self.given.mag, patterns.field_of(band))
        return [self._kept[band]]


def patterns_of(catalog: StarCatalog, field_rad: float) -> Iterator[Patterns]:
    """Indices of a table for a field: its own band, and the next smaller one, each read when it is asked for."""
    band = patterns.band_of(field_rad)
    for b in range(band, max(band - MOST_BANDS, -1), -1) if band is not None else ():
        yield patterns.of_catalog(catalog, b)


@dataclass
class Cones:
    """Cones of a catalogue; one that was just read serves all that lie in it."""

    catalog: StarCatalog
    n_most: int
    axis: np.ndarray = field(default_factory=lambda: np.zeros(3))
    radius_rad: float = -1.0
    table: StarTable | None = None

    def __call__(self, axis: np.ndarray, radius_rad: float, tai_ns: int) -> StarTable:
        """Stars within an angle of an axis (3,) at a TAI time, and some beyond."""
        apart = 2.0 * math.asin(min(float(np.sqrt(((axis - self.axis) ** 2).sum())) / 2.0, 1.0))
        if self.table is None or apart + radius_rad > self.radius_rad:
            self.axis, self.radius_rad = axis.copy(), min(WIDER * radius_rad, MAX_RADIUS_RAD)
            ra, dec = radec_from_unit(axis)
            faintest = self.catalog.faintest(self.radius_rad, self.n_most)
            cone = self.catalog.cone(float(ra), float(dec), self.radius_rad, tai_ns, faintest)
            self.table = StarTable(cone.unit, cone.mag, cone.colour_mag)
        return self.table
