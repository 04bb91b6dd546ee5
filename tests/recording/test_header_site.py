"""A site on the Earth becomes the observer; what its cards leave open is said."""

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import GCRS, ITRS, EarthLocation
from astropy.time import Time
from hypothesis import given, settings
from hypothesis import strategies as st

from sensorproc.config import load, parse, to_toml
from sensorproc.errors import ConfigError
from sensorproc.frame_sets import as_configured
from sensorproc.offline import tai_time
from sensorproc.recording.header.cards import Cards
from sensorproc.recording.header.facts import facts_of
from sensorproc.recording.header.found import Said
from sensorproc.recording.header.site import Site, site
from sensorproc.recording.pixels import make_frame
from sensorproc.recording.two_line import TwoLine
from sensorproc.timescales import tai_ns_from_utc

WHEN = "2026-03-01T12:00:00"
EARTH_RATE_RAD_S = 7.292115e-5


@settings(max_examples=25, deadline=None)
@given(st.floats(-89, 89), st.floats(-180, 180), st.floats(-100, 5000), st.integers(0, 3650))
def test_a_sites_state_is_astropys_by_another_road(lat, lon, height, day):
    time = Time("2019-01-01T03:00:00", scale="utc") + day * u.day
    state = Site(lat, lon, height).state(tai_ns_from_utc(time.isot))
    location = EarthLocation.from_geodetic(lon * u.deg, lat * u.deg, height * u.m)
    itrs = ITRS(*location.to_geocentric(), obstime=time)
    place = itrs.transform_to(GCRS(obstime=time)).cartesian.xyz.to_value(u.km)
    assert np.abs(np.array(state.position_km) - place).max() < 0.001
    turned = np.cross([0, 0, EARTH_RATE_RAD_S], state.position_km)  # the pole of date is 0.15 deg from that of GCRF
    assert np.abs(np.array(state.velocity_km_s) - turned).max() < 0.003


@pytest.mark.parametrize(
    ("cards", "lat", "lon", "height"),
    [
        ({"SITELAT": 35.67, "SITELONG": 139.5, "SITEELEV": 40.0}, 35.67, 139.5, 40.0),
        ({"SITELAT": "+35 40 12", "SITELONG": "139 30 00"}, 35.67, 139.5, 0.0),
        ({"SITELAT": "35:40:12 N", "SITELONG": "139:30:00E"}, 35.67, 139.5, 0.0),
        ({"LATITUDE": "-24 37 38", "LONGITUD": "70:24:15 W", "ALT-OBS": 2635}, -24.62722, -70.40417, 2635.0),
        ({"LATITUDE": "24.62722 S", "LONGITUD": "70.40417W"}, -24.62722, -70.40417, 0.0),
        ({"OBSGEO-B": -24.6, "OBSGEO-L": 289.6, "OBSGEO-H": 2600}, -24.6, -70.4, 2600.0),
        ({"TELLAT": "-0 30 00", "TELLONG": 10}, -0.5, 10.0, 0.0),
        ({"OBSLAT": 51.5, "OBSLONG": 0.0, "OBSALT": 1e6}, 51.5, 0.0, 0.0),
        ({"OBSGEO-X": -3950000.0, "OBSGEO-Y": 3360000.0, "OBSGEO-Z": 3700000.0}, 35.69, 139.615, None),
    ],
)
def test_the_cards_of_a_site(cards, lat, lon, height):
    found = site(Cards(cards), Said()).value
    assert (found.lat_deg, found.lon_deg) == pytest.approx((lat, lon), abs=2e-3)
    assert height is None or found.height_m == height


@pytest.mark.parametrize(
    "cards",
    [{}, {"SITELAT": 35.0}, {"SITELONG": 5.0}, {"SITELAT": "north", "SITELONG": 5.0}, {"SITELAT": 95.0, "SITELONG": 5.0},
     {"SITELAT": True, "SITELONG": 5.0}, {"OBSGEO-X": 0.0, "OBSGEO-Y": 0.0, "OBSGEO-Z": 0.0},
     {"SITELAT": float("nan"), "SITELONG": 5.0}],
)  # fmt: skip
def test_what_is_no_site(cards):
    assert site(Cards(cards), Said()) is None


@given(st.dictionaries(st.sampled_from(["SITELAT", "SITELONG", "SITEELEV", "OBSGEO-X", "OBSGEO-Y", "OBSGEO-Z", "LATITUDE"]),
                       st.one_of(st.floats(), st.text(max_size=20), st.booleans(), st.integers())))  # fmt: skip
def test_no_cards_of_a_site_raise(cards):
    found = site(Cards(cards), Said())
    assert found is None or abs(found.value.lat_deg) <= 90


def test_a_frame_with_a_site_and_a_time_has_an_observer_and_says_from_where():
    cards = {"SITELAT": 35.67, "SITELONG": 139.5, "DATE-OBS": WHEN, "EXPTIME": 1.0}
    said = Said()
    facts = facts_of(Cards(cards), (64, 64), {}, said)
    assert 6360 < np.linalg.norm(facts.observer.position_km) < 6380
    assert said.used["observer"] == "SITELAT SITELONG"
    assert any("height" in text for text in said.doubts)
    assert any("counted east" in text for text in said.doubts)
    assert facts_of(Cards({k: v for k, v in cards.items() if k != "DATE-OBS"}), (64, 64), {}, Said()).observer is None
    orbit = {"SAT_X": 42164.0, "SAT_Y": 0.0, "SAT_Z": 0.0, "SAT_VX": 0.0, "SAT_VY": 3.07, "SAT_VZ": 0.0}
    assert facts_of(Cards(cards | orbit), (64, 64), {}, Said()).observer.position_km == (42164.0, 0.0, 0.0)


def test_a_configured_site_is_checked():
    assert parse({"sensor": {"site_lat_lon_deg": [35.67, 139.5]}}).sensor.site_lat_lon_deg == (35.67, 139.5)
    for wrong in ([95.0, 0.0], [0.0, 400.0], [0.0], "Tokyo"):
        with pytest.raises(ValueError, match="site_lat_lon_deg"):
            parse({"sensor": {"site_lat_lon_deg": wrong}})


GEO = (
    "1 41622U 16038A   26325.50000000  .00000000  00000-0  00000-0 0  9990",
    "2 41622   0.0500 100.0000 0002000  80.0000 200.0000  1.00270000 37000",
)


def with_checksum(line):
    return line[:-1] + str(sum(int(c) if c.isdigit() else c == "-" for c in line[:-1]) % 10)


TLE = tuple(with_checksum(line.ljust(69, "0")) for line in GEO)


def test_a_satellite_by_its_two_lines_is_where_another_reckoning_puts_it():
    """SGP4's place in TEME, turned by the sidereal angle alone, against GCRF: they differ by the precession since 2000."""
    from sgp4.api import Satrec

    tai = tai_ns_from_utc("2026-11-22T14:30:00")
    state = TwoLine(TLE).state(tai)
    _, place, velocity = Satrec.twoline2rv(*TLE).sgp4(*(lambda t: (t.jd1, t.jd2))(tai_time(tai).utc))
    assert np.linalg.norm(state.position_km) == pytest.approx(np.linalg.norm(place), abs=1e-3)
    assert np.linalg.norm(state.velocity_km_s) == pytest.approx(np.linalg.norm(velocity), abs=1e-6)
    turned = np.degrees(np.arccos(np.dot(state.position_km, place) / np.dot(place, place)))
    assert 0.2 < turned < 0.5  # 26.9 years of 50.3 arcsec
    later = np.array(TwoLine(TLE).state(tai + 10**9).position_km) - state.position_km
    assert later == pytest.approx(np.array(state.velocity_km_s), abs=2e-3)


def test_a_satellite_of_another_month_is_nowhere_and_that_is_said(tmp_path):
    old = tai_ns_from_utc("2025-11-22T14:30:00")
    assert TwoLine(TLE).state(old) is None
    config = parse({"sensor": {"tle": list(TLE), "gain_e_per_dn": 1.0}})
    frame = make_frame(np.full((32, 32), 100, np.uint16), "f", old, 1.0)
    seen = as_configured(frame, config)
    assert seen.observer is None
    assert "two-line elements" in " ".join(seen.missing)
    now = as_configured(make_frame(np.full((32, 32), 100, np.uint16), "f", tai_ns_from_utc("2026-11-22T14:30:00"), 1.0), config)
    assert np.linalg.norm(now.observer.position_km) == pytest.approx(42165.0, abs=30.0)
    path = tmp_path / "c.toml"
    path.write_text(to_toml(config))
    assert load(path).sensor.tle == TLE


WRONG = {
    "exchanged": lambda a, b: (b, a),
    "a checksum that is none": lambda a, b: (a[:-1] + "x", b),
    "a line that is cut": lambda a, b: (a, b[:-2]),
    "two satellites": lambda a, b: (a, with_checksum("2 41623" + b[7:])),
    "one line": lambda a, b: (a, ""),
}


@pytest.mark.parametrize("what", WRONG)
def test_lines_that_are_no_elements_are_told(what):
    with pytest.raises(ConfigError, match=r"tle.*line"):
        parse({"sensor": {"tle": list(WRONG[what](*TLE))}})
