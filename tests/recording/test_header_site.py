"""A site on the Earth becomes the observer; what its cards leave open is said."""

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import GCRS, ITRS, EarthLocation
from astropy.time import Time
from hypothesis import given, settings
from hypothesis import strategies as st

from sensorproc.config import parse
from sensorproc.recording.header.cards import Cards
from sensorproc.recording.header.facts import facts_of
from sensorproc.recording.header.found import Said
from sensorproc.recording.header.site import Site, site
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
