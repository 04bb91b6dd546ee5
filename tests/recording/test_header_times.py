"""Times of frames, however their cards write them. All are those of one exposure: 2024-03-05T12:00:00 UTC, 1 s long."""

from fractions import Fraction

import pytest
from astropy.io import fits
from astropy.time import Time
from hypothesis import given
from hypothesis import strategies as st

from sensorproc.recording.header.cards import Cards
from sensorproc.recording.header.exposure import exposure
from sensorproc.recording.header.found import Said
from sensorproc.recording.header.times import mid_time, span_s
from sensorproc.timescales import NS_PER_S, tai_ns_from_utc, utc_from_tai_ns

MIDDLE = "2024-03-05T12:00:00.500000"


def cards(values):
    header = fits.Header()
    for key, value in values.items():
        header[key] = value
    return Cards(header)


def told(values, exposure_s=1.0):
    said = Said()
    found = mid_time(cards(values), exposure_s, said)
    return (utc_from_tai_ns(found.value) if found else None), list(said.doubts)


KNOWN = [
    {"DATE-OBS": "2024-03-05T12:00:00"},
    {"DATE-OBS": "2024-03-05T12:00:00.000Z"},
    {"DATE-OBS": "2024-03-05 12:00:00.0"},
    {"DATE-OBS": "2024-03-05T21:00:00.000+09:00"},
    {"DATE-OBS": "2024-03-05T06:30:00-0530"},
    {"DATE-OBS": "2024/03/05T12:00:00"},
    {"DATE-OBS": "2024-03-05T12:00:00,000"},
    {"DATE-OBS": "2024-03-05T12:00:00.000000000000"},
    {"DATE-OBS": "2024-03-05T11:59:60.000"},
    {"DATE-OBS": "2024-03-05T12:00"},
    {"DATE-OBS": "2024-03-05", "UT": "12:00:00.0"},
    {"DATE-OBS": "2024-03-05", "TIME-OBS": "12:00:00"},
    {"DATE-OBS": "2024-03-05", "UTC-OBS": "12:00:00.000"},
    {"DATE-OBS": "2024-03-05", "UTSTART": "12:00:00,0"},
    {"DATE-OBS": "2024-03-05", "TIME-OBS": "2024-03-05T12:00:00"},
    {"DATE-OBS": "2024-03-05T00:00:00", "UT": "12:00:00"},
    {"DATE-OBS": "2024-03-05", "TAIHMS": "12:00:37"},
    {"MJD-OBS": 60374.5},
    {"MJD-OBS": "60374.500000"},
    {"MJD-BEG": 60374.5},
    {"JD": 2460375.0 + 0.0},
    {"JD-OBS": "2460375.00000000"},
    {"MJD-AVG": 60374.5 + 0.5 / 86400.0},
    {"MJD-END": 60374.5 + 1.0 / 86400.0},
    {"DATE-BEG": "2024-03-05T12:00:00.000"},
    {"DATE-AVG": "2024-03-05T12:00:00.500"},
    {"DATE-END": "2024-03-05T12:00:01.000"},
    {"DATE-OBS": ("2024-03-05T12:00:00.5", "UTC mid-exposure")},
    {"DATE-OBS": ("2024-03-05T12:00:01", "end of exposure")},
    {"DATE-OBS": "2024-03-05T12:00:00", "TIMESYS": "UT"},
    {"DATE-OBS": "2024-03-05T12:00:00", "TIMESYS": "GMT"},
    {"DATE-OBS": "2024-03-05T12:00:00", "TIMESYS": "utc"},
    {"DATE-OBS": "2024-03-05T12:00:00", "TIMESYS": "UTC(NIST)"},
    {"DATE-OBS": "2024-03-05T12:00:37", "TIMESYS": "TAI"},
    {"DATE-OBS": "2024-03-05T12:01:09.184", "TIMESYS": "TT"},
    {"DATE-OBS": "2024-03-05T12:01:09.184", "TIMESYS": "tdb"},
    {"DATE-OBS": "2024-03-05T12:00:18", "TIMESYS": "GPS"},
    {"MJD-OBS": 60374.5 + 37.0 / 86400.0, "TIMESYS": "TAI"},
    {
        "DATE-OBS": "2024-03-05T12:00:00",
        "DATE-END": "2024-03-05T12:00:01",
        "MJD-OBS": 60374.5,
        "DATE-AVG": "2024-03-05T12:00:00.5",
    },
]


@pytest.mark.parametrize("values", KNOWN, ids=str)
def test_one_moment_in_many_forms(values):
    text, doubts = told(values)
    assert doubts == []
    off_s = abs(tai_ns_from_utc(text) - tai_ns_from_utc(MIDDLE)) / NS_PER_S
    assert off_s < (1e-4 if any(key.startswith("JD") for key in values) else 2e-6)


UNKNOWN = [
    {},
    {"DATE-OBS": "2024-03-05"},
    {"DATE-OBS": "05/03/24", "TIME-OBS": "12:00:00"},
    {"DATE-OBS": "26/07/102"},
    {"DATE-OBS": "2024-02-30T12:00:00"},
    {"DATE-OBS": "2024-03-05T25:00:00"},
    {"DATE-OBS": "1949-03-05T12:00:00"},
    {"DATE-OBS": "2024-03-05T12:00:00", "TIMESYS": "LOCAL"},
    {"DATE-OBS": "2024-03-05T12:00:00", "TIMESYS": "MST"},
    {"DATE-OBS": "unknown"},
    {"DATE-OBS": 20240305},
    {"MJD-OBS": 60374.0},
    {"MJD-OBS": 0.0},
    {"MJD-OBS": 1e99},
    {"JD": "soon"},
    {"DATE": "2024-03-05T12:00:00"},
]


@pytest.mark.parametrize("values", UNKNOWN, ids=str)
def test_what_tells_no_time_is_no_time_and_is_named(values):
    text, doubts = told(values)
    assert text is None
    named = [key for key in values if key not in ("DATE", "TIME-OBS")]
    assert all(any(key in doubt for doubt in doubts) for key in named[-1:])


CONTRADICTIONS = [
    {"DATE-OBS": "2024-03-05T12:00:00", "MJD-OBS": 60374.25},
    {"DATE-OBS": "2024-03-05T12:00:00", "DATE-AVG": "2024-03-05T12:00:00.0"},
    {"DATE-OBS": "2024-03-05T12:00:00", "DATE-END": "2024-03-05T12:00:05.0"},
    {"DATE-OBS": "2024-03-05T12:00:00", "JD": 2460375.1},
]


@pytest.mark.parametrize("values", CONTRADICTIONS, ids=str)
def test_contradictions_are_said_and_the_first_is_used(values):
    text, doubts = told(values)
    assert text == MIDDLE
    assert len(doubts) == 1
    assert "contradict" in doubts[0]


@given(
    st.integers(tai_ns_from_utc("1973-01-01T00:00:00") // 1000, tai_ns_from_utc("2080-01-01T00:00:00") // 1000),
    st.sampled_from(["utc", "tai", "tt"]),
    st.floats(0.001, 3600.0),
)
def test_any_moment_in_any_scale_is_the_one_astropy_has(tai_us, scale, exposure_s):
    epoch_s = -378691200  # 1958-01-01 TAI in unix_tai
    start = Time(epoch_s + (tai_us * 1000) // NS_PER_S, (tai_us * 1000) % NS_PER_S * 1e-9, format="unix_tai", scale="tai")
    moment = getattr(start, scale)
    moment.precision = 9
    found = mid_time(cards({"DATE-OBS": moment.isot, "TIMESYS": scale.upper()}), exposure_s, Said())
    want = tai_us * 1000 + round(exposure_s * NS_PER_S / 2)
    assert abs(found.value - want) <= 2


EXPOSURES = [
    {"EXPTIME": 5.0}, {"EXPOSURE": 5}, {"EXPTIME": 0.0, "EXPOSURE": 5.0}, {"EXPTIME": -1.0, "EXPOSURE": 5.0},
    {"EXPTIME": "5,0"}, {"EXPTIME": "5.0"}, {"EXPTIME": "5.0 s"}, {"EXPTIME": "5.0 sec"}, {"EXPTIME": "5000 ms"},
    {"EXP_TIME": 5.0}, {"EXPOINUS": 5000000}, {"XPOSURE": 5.0}, {"TELAPSE": 5.0}, {"ITIME": 5.0}, {"AEXPTIME": 5.0},
    {"HIERARCH ESO DET WIN1 DIT1": 5.0}, {"EXPTIME": (5000.0, "[ms] exposure")}, {"EXPOSURE": (5.0e6, "(us) of light")},
    {"EXPTIME": (5.0, "(int) exposure")}, {"EXPTIME": "5.0D0"}, {"EXPTIME": (5.0 / 60.0, "[min]")},
    {"EXPTIME": "nan", "EXPOSURE": 5.0},
    {"EXPTIME": True, "EXPOSURE": 5.0}, {"EXPTIME": 1e9, "EXPOSURE": 5.0}, {"EXPTIME": "5 of 8", "EXPOSURE": 5.0},
    {"EXPTIME": 5.0, "TELAPSE": 5.5}, {"EXPTIME": 5.0, "EXPOSURE": 5.01},
]  # fmt: skip


@pytest.mark.parametrize("values", EXPOSURES, ids=str)
def test_one_exposure_in_many_forms(values):
    said = Said()
    assert exposure(cards(values), {}, said).value == pytest.approx(5.0)
    assert not said.doubts


def test_an_exposure_is_told_by_its_ends_and_by_meta_json():
    assert span_s(cards({"DATE-BEG": "2024-03-05T12:00:00", "DATE-END": "2024-03-05T12:00:05"})).value == pytest.approx(5.0)
    assert span_s(cards({"DATE-OBS": "2024-03-05T12:00:00", "DATE-END": "2024-03-05T12:00:05"})).value == pytest.approx(5.0)
    assert span_s(cards({"DATE-BEG": "2024-03-05T12:00:00", "DATE-END": "2024-03-05T11:00:05"})) is None
    assert exposure(cards({}), {"exposure_s": 5.0}, Said()).value == 5.0
    said = Said()
    assert exposure(cards({"EXPTIME": 5.0, "EXPOSURE": 13.0}), {}, said).value == 5.0
    assert "contradict" in next(iter(said.doubts))


@pytest.mark.parametrize("values", [{}, {"EXPTIME": 0}, {"EXPTIME": -5}, {"EXPTIME": "long"}, {"EXPTIME": 1e9}], ids=str)
def test_no_exposure_is_none(values):
    assert exposure(cards(values), {}, Said()) is None


def test_a_julian_day_of_many_digits_keeps_them():
    found = mid_time(cards({"MJD-OBS": "60374.500000011574074"}), None, Said())
    want = tai_ns_from_utc("2024-03-05T12:00:00") + round(Fraction("0.000000011574074") * 86400 * NS_PER_S)
    assert found.value == want
