"""Gain, scale, saturation, data mode and kind of a frame, however its cards write them."""

import math

import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from astropy.io import fits
from astropy.wcs import WCS
from hypothesis import given, settings
from hypothesis import strategies as st

from sensorproc.flags import PixelFlag
from sensorproc.recording.header.cards import Cards
from sensorproc.recording.header.found import Said
from sensorproc.recording.header.mode import calibration_kind, data_mode
from sensorproc.recording.header.pointing import pointing, scale_of
from sensorproc.recording.header.sensor import detector
from sensorproc.recording.pixels import make_frame
from sensorproc.recording.saturation import saturation_dn

SHAPE = (160, 200)
S = 10.0 / 3600.0
BASE = {"CTYPE1": "RA---TAN", "CTYPE2": "DEC--TAN", "CRVAL1": 100.0, "CRVAL2": 20.0, "CRPIX1": 100.5, "CRPIX2": 80.5}


def cards(values):
    header = fits.Header()
    for key, value in values.items():
        header[key] = value
    return Cards(header)


GAINS = [
    ({"GAIN": 1.5}, 1.5), ({"EGAIN": 0.25}, 0.25), ({"GAIN": 139, "EGAIN": 0.25}, 0.25), ({"GAIN": 360}, None),
    ({"GAIN": (120.0, "[e-/ADU]")}, 120.0), ({"GAIN": (2.0, "ADU/e-")}, 0.5), ({"GAIN": (4.0, "[DN/electron]")}, 0.25),
    ({"GAIN": (1.1, "[electrons/ADU] estimated")}, 1.1), ({"GAIN": "1.10    "}, 1.1), ({"GAIN": 0}, None), ({"GAIN": -3}, None),
    ({"GAIN": 0, "EGAIN": 1.2}, 1.2), ({"GAIN": "high"}, None), ({"GAIN": "1,5"}, 1.5), ({"CCDGAIN": 2.5}, 2.5),
    ({"GAIN": 1.5, "EGAIN": 1.5}, 1.5), ({"GAIN": 100, "EGAIN": "1.0 e-/ADU"}, None), ({"GAIN": math.pi}, math.pi), ({}, None),
    ({"GAIN": (139, "camera setting"), "EGAIN": (0.25, "e-/ADU")}, 0.25), ({"GAIN": 50.0}, None), ({"GAIN": 49.0}, 49.0),
]  # fmt: skip


@pytest.mark.parametrize(("values", "gain"), GAINS, ids=str)
def test_the_gain_is_electrons_per_dn_and_never_a_setting(values, gain):
    said = Said()
    facts = detector(cards(values), {}, said).facts
    assert facts.gain_e_per_dn == (None if gain is None else pytest.approx(gain))
    stated = [v[0] if isinstance(v, tuple) else v for v in values.values()]
    settings_there = any(isinstance(v, int | float) and v > 0 and v >= 50 and v != gain for v in stated)
    assert bool(said.doubts) == settings_there


SCALES = [
    {"PIXSCALE": 10.0}, {"IFOV": 10.0}, {"SECPIX": 10.0}, {"SECPIX1": 10.0}, {"SCALE": 10.0}, {"PIXSCALE": "10.0"},
    {"PIXSCALE": (S, "[deg/px]")}, {"PIXSCALE": (10000.0, "[mas/pixel]")}, {"PIXSCALE": (10.0, "[arcsec/pixel]")},
    {"XPIXSZ": 9.0, "FOCALLEN": 185.638}, {"XPIXSZ": 9.0, "FOCALLEN": (0.185638, "[m]")},
    {"PIXSIZE1": 4.5, "XBINNING": 2, "FOCALLEN": 185.638}, {"XPIXSZ": 9.0, "XBINNING": 2, "FOCALLEN": 185.638},
    {"XPIXSZ": (0.009, "[mm]"), "FOCALLEN": 185.638}, {"PIXSCALE": 0.0, "SCALE": 10.0}, {"PIXSCALE": -1.0, "SECPIX": 10.0},
]  # fmt: skip


@pytest.mark.parametrize("values", SCALES, ids=str)
def test_one_scale_in_many_forms(values):
    assert detector(cards(values), {}, Said()).facts.ifov_arcsec == pytest.approx(10.0, rel=1e-4)


@pytest.mark.parametrize(
    "values", [{}, {"XPIXSZ": 9.0}, {"FOCALLEN": 200.0}, {"XPIXSZ": 9.0, "FOCALLEN": 0}, {"SCALE": "fine"}], ids=str
)
def test_no_scale_is_none(values):
    assert detector(cards(values), {}, Said()).facts.ifov_arcsec is None


POINTINGS = [
    {"CD1_1": -S, "CD1_2": 0.0, "CD2_1": 0.0, "CD2_2": S},
    {"CD1_1": -S, "CD2_2": S},
    {"CDELT1": -S, "CDELT2": S},
    {"CDELT1": -S, "CDELT2": S, "CROTA2": 0.0},
    {"CDELT1": -S, "CDELT2": S, "PC1_1": 1.0, "PC1_2": 0.0, "PC2_1": 0.0, "PC2_2": 1.0},
    {"CDELT1": -S, "CDELT2": S, "PC001001": 1.0, "PC001002": 0.0, "PC002001": 0.0, "PC002002": 1.0},
    {"CDELT1": 99.0, "CDELT2": 99.0, "CROTA2": 45.0, "CD1_1": -S, "CD2_2": S},
    {"CUNIT1": "deg", "CUNIT2": "deg", "CD1_1": -S, "CD2_2": S},
    {"CUNIT1": "degrees", "CUNIT2": "degrees", "CD1_1": -S, "CD2_2": S},
    {"CUNIT1": "arcsec", "CUNIT2": "arcsec", "CRVAL1": 360000.0, "CRVAL2": 72000.0, "CD1_1": -10.0, "CD2_2": 10.0},
    {"CTYPE1": "RA---TAN-SIP", "CTYPE2": "DEC--TAN-SIP", "CD1_1": -S, "CD2_2": S, "A_ORDER": 2, "B_ORDER": 2, "A_2_0": 1e-6},
    {"CTYPE1": "DEC--TAN", "CTYPE2": "RA---TAN", "CRVAL1": 20.0, "CRVAL2": 100.0, "CD1_2": S, "CD2_1": -S},
    {"CD1_1": "-0.0027777777777777778", "CD2_2": "0.0027777777777777778"},
    {"RADESYS": "FK5", "EQUINOX": 2000.0, "CD1_1": -S, "CD2_2": S},
    {"RADESYS": "ICRS", "CD1_1": -S, "CD2_2": S},
    {"CTYPE1": "RA---ZEA", "CTYPE2": "DEC--ZEA", "CD1_1": -S, "CD2_2": S},
    {"LONPOLE": 180.0, "CD1_1": -S, "CD2_2": S},
]  # fmt: skip


@pytest.mark.parametrize("values", POINTINGS, ids=str)
def test_one_pointing_in_many_forms(values):
    found = pointing(cards(BASE | values), SHAPE, None, Said())
    ra, dec = np.degrees(found.value.radec(np.float64(99.5), np.float64(79.5)))
    assert (ra, dec) == (pytest.approx(100.0, abs=1e-6), pytest.approx(20.0, abs=1e-6))
    assert scale_of(found).value == pytest.approx(10.0, rel=2e-5)
    assert found.value.parity == -1


@settings(max_examples=60, deadline=None)
@given(
    st.floats(0.0, 359.9), st.floats(-89.0, 89.0), st.floats(-180.0, 180.0), st.booleans(), st.floats(0.5, 60.0),
    st.floats(-3000.0, 3000.0), st.floats(-3000.0, 3000.0), st.sampled_from(["RA/DEC", "GLON/GLAT"]),
)  # fmt: skip
def test_every_tangential_wcs_agrees_with_astropy_over_the_frame(ra, dec, roll, mirrored, ifov, cx, cy, axes):
    s, c = math.sin(math.radians(roll)), math.cos(math.radians(roll))
    sign, deg = (-1.0 if mirrored else 1.0), ifov / 3600.0
    near = (
        1.0 if axes == "RA/DEC" else 0.0
    )  # of a plane turned to the equator only a frame that holds its own reference is a pinhole
    lon, lat = ("RA---TAN", "DEC--TAN") if axes == "RA/DEC" else ("GLON-TAN", "GLAT-TAN")
    values = {
        "CTYPE1": lon, "CTYPE2": lat, "CRVAL1": ra, "CRVAL2": dec, "CRPIX1": 100.5 + near * cx, "CRPIX2": 80.5 + near * cy,
        "CD1_1": sign * deg * c, "CD1_2": -deg * s, "CD2_1": sign * deg * s, "CD2_2": deg * c,
    }  # fmt: skip
    found = pointing(cards(values), SHAPE, None, Said())
    header = fits.Header(values.items())
    for x, y in ((0.0, 0.0), (199.0, 0.0), (99.5, 79.5), (0.0, 159.0), (199.0, 159.0)):
        want = WCS(header).pixel_to_world(x, y).icrs
        got = SkyCoord(*found.value.radec(np.float64(x), np.float64(y)), unit="rad")
        assert want.separation(got).arcsec < 0.01 * ifov + 0.001


@pytest.mark.parametrize(
    ("values", "said_of"),
    [
        ({}, ""),
        (BASE, "no scale"),
        (BASE | {"CD1_1": 0.0, "CD1_2": 0.0, "CD2_1": 0.0, "CD2_2": 0.0}, "no scale"),
        (BASE | {"CD1_1": S, "CD1_2": S, "CD2_1": S, "CD2_2": S}, "CRVAL"),
        (BASE | {"CRVAL2": 120.0, "CD1_1": -S, "CD2_2": S}, "CRVAL"),
        ({"CTYPE1": "RA---XXX", "CTYPE2": "DEC--XXX", "CD1_1": -S, "CD2_2": S}, "CRVAL"),
        ({"CTYPE1": "LINEAR", "CTYPE2": "LINEAR", "CDELT1": 1.0, "CDELT2": 1.0}, ""),
        ({"RA": 100.0, "DEC": 20.0}, "roll"),
        ({"OBJCTRA": "06 40 00", "OBJCTDEC": "+20 00 00"}, "roll"),
    ],
    ids=str,
)
def test_what_is_no_pointing_is_none_and_said(values, said_of):
    said = Said()
    assert pointing(cards(values), SHAPE, 10.0, said) is None
    assert any(said_of in text for text in said.doubts) == bool(said_of)


@pytest.mark.parametrize(
    "values",
    [
        {"NOM_RA": 100.0, "NOM_DEC": 20.0, "NOM_ROLL": 0.0}, {"RA": 100.0, "DEC": 20.0, "ROLL": 0.0},
        {"RA": "06:40:00", "DEC": "+20:00:00", "ROLL": 0.0}, {"OBJCTRA": "06 40 00.0", "OBJCTDEC": "+20 00 00", "OBJCTROL": 0.0},
        {"RA": "6h40m00s", "DEC": "20d00m00s", "ROLL": 0.0},
    ],
    ids=str,
)  # fmt: skip
def test_a_pointing_of_single_cards(values):
    found = pointing(cards(values), SHAPE, 10.0, Said())
    assert np.degrees(found.value.radec(np.float64(99.5), np.float64(79.5))) == pytest.approx([100.0, 20.0], abs=1e-9)


@pytest.mark.parametrize(
    ("texts", "mode"),
    [
        ([], None), (["REAL"], None), (["real"], None), (["REAL", "REAL"], None), (["SIMULATED"], "SIMULATED"),
        (["test "], "TEST"),
        (["EXERCISE", "EXERCISE"], "EXERCISE"), (["SIM"], "UNKNOWN"), (["SYNTHETIC"], "UNKNOWN"), (["T"], "UNKNOWN"),
        (["EXERCISE (INJECTED)"], "UNKNOWN"), (["SIMULATED/REAL"], "UNKNOWN"), (["REAL", "SIMULATED"], "UNKNOWN"),
        (["SIMULATED", "REAL"], "UNKNOWN"), (["TEST", "EXERCISE"], "UNKNOWN"), (["REAL", "X"], "UNKNOWN"),
    ],
)  # fmt: skip
def test_only_real_alone_says_nothing_against_real(texts, mode):
    assert data_mode([cards({"DATAMODE": text}) for text in texts]) == mode
    if texts:
        header = fits.Header([("DATAMODE", text) for text in texts])
        assert data_mode([Cards({}, header)]) == mode
        assert data_mode([Cards(cards({"DATAMODE": texts[0]}).own, header)]) == mode


def test_a_boolean_mode_is_unknown():
    assert data_mode([cards({"DATAMODE": True})]) == "UNKNOWN"


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("Light Frame", None), ("OBJECT", None), ("EXPOSE", None), ("light", None), ("science", None), ("Dark Frame", "dark"),
        ("DARK", "dark"), ("Master Dark", "dark"), ("Bias Frame", "bias"), ("zero", "bias"), ("FLAT", "flat"),
        ("Flat Field", "flat"),
        ("skyflat", "flat"), ("Tricolor Image", None), ("darkness", "dark"),
    ],
)  # fmt: skip
def test_calibration_frames_are_known_by_name(text, kind):
    assert calibration_kind(cards({"IMAGETYP": text})) == kind


def saturated_sky(rng, ceiling, n_px, dtype, noise=8.0):
    sky = rng.normal(300.0, noise, (120, 140))
    sky[rng.integers(0, 120, 40), rng.integers(0, 140, 40)] += rng.uniform(100, 0.8 * ceiling, 40)
    sky = np.clip(sky, 0, ceiling - 1)
    sky.flat[rng.choice(sky.size, n_px, replace=False)] = ceiling
    return sky.astype(dtype)


@pytest.mark.parametrize("dtype", [np.uint16, np.int32, np.float32, np.float64])
@pytest.mark.parametrize("ceiling", [4095, 16383, 59000, 65520, 65535])
@pytest.mark.parametrize("n_px", [20, 300])
def test_a_converter_is_known_by_its_ceiling_in_any_type(rng, dtype, ceiling, n_px):
    data = saturated_sky(rng, ceiling, n_px, dtype)
    assert saturation_dn(data, None) == ceiling
    frame = make_frame(data, "x", 0, 1.0)
    np.testing.assert_array_equal((frame.flags & PixelFlag.SATURATED) != 0, data >= ceiling)


@pytest.mark.parametrize("scale", [1.0, 0.02, 100.0])
@pytest.mark.parametrize("dtype", [np.uint16, np.uint8, np.int32, np.float32])
def test_noise_and_stars_have_no_ceiling(rng, dtype, scale):
    data = (rng.normal(100.0, 10.0, (200, 200)) * scale).clip(0, 250 if dtype is np.uint8 else None)
    if scale < 1.0 or dtype is not np.uint8:
        container = [float(np.iinfo(dtype).max)] if np.dtype(dtype).itemsize <= 2 else []
        assert saturation_dn(data.astype(dtype), None) in (None, *container)


def test_a_stated_level_counts_and_a_datamax_only_if_it_is_a_full_scale():
    assert detector(cards({"SATURATE": 4000}), {}, Said()).saturation_dn == 4000
    assert detector(cards({"DATAMAX": 4095}), {}, Said()).saturation_dn == 4095
    assert detector(cards({"DATAMAX": 3871.2}), {}, Said()).saturation_dn is None
    full = detector(cards({"SATURATE": 60000, "GAIN": 2.0, "BIASLVL": 1000}), {}, Said()).facts.full_well_e
    assert full == pytest.approx(118000.0)
