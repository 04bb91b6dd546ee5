"""UTC and TAI against astropy, leap seconds included."""

import pytest
from astropy.time import Time
from hypothesis import given
from hypothesis import strategies as st

from sensorproc.errors import InputError
from sensorproc.timescales import julian_centuries_tt, tai_ns_from_utc, utc_from_tai_ns

EPOCH = Time("1958-01-01T00:00:00", scale="tai")


@pytest.mark.parametrize("utc", ["1972-01-01T00:00:00", "1999-12-31T23:59:59.5", "2016-12-31T23:59:60.25",
                                 "2017-01-01T00:00:00", "2026-11-22T04:30:37.123456"])  # fmt: skip
def test_against_astropy(utc):
    difference = Time(utc, scale="utc").tai - EPOCH
    expected = round(difference.jd1 * 86400) * 10**9 + round(difference.jd2 * 86400 * 1e9)
    assert abs(tai_ns_from_utc(utc) - expected) <= 20  # astropy's own rounding
    assert utc_from_tai_ns(tai_ns_from_utc(utc)).startswith(utc[:19])


@given(st.integers(tai_ns_from_utc("1972-01-01"), tai_ns_from_utc("2089-01-01")))
def test_round_trip_to_the_nanosecond(tai_ns):
    assert tai_ns_from_utc(utc_from_tai_ns(tai_ns, 9)) == tai_ns


@pytest.mark.parametrize("text", ["", "yesterday", "2026-13-01", "2026-02-30T00:00:00", "1969-07-20", "2026-01-01T25:00:00"])
def test_nonsense_is_refused_with_the_text(text):
    with pytest.raises(InputError, match=text[:4] or "''"):
        tai_ns_from_utc(text)


def test_julian_centuries():
    expected = (Time("2026-06-21T08:40:08").tt.jd - 2451545.0) / 36525
    assert julian_centuries_tt(tai_ns_from_utc("2026-06-21T08:40:08")) == pytest.approx(expected, abs=1e-12)
