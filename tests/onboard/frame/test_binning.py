"""Pixels summed by the camera: a frame of a coarser detector, whose products are told in pixels of the detector itself."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensorproc.catalog.sky import Sky
from sensorproc.config import Config, parse
from sensorproc.downlink.dictionary import Apid
from sensorproc.downlink.records import FRAME
from sensorproc.errors import ShapeError
from sensorproc.flags import PixelFlag
from sensorproc.frames import Frame, SensorFacts
from sensorproc.geometry import Camera, as_rows, rotation, to_binned_px
from sensorproc.onboard.frame.binning import binned, binned_maps
from sensorproc.onboard.frame_set_processor import FrameSetProcessor, in_order
from sensorproc.onboard.records import camera_values, in_detector_px
from sensorproc.onboard.state import PayloadState
from tests.skies.cases import SIDEREAL
from tests.skies.frames import made_up_frames

FACTS = SensorFacts(gain_e_per_dn=2.0, read_noise_e=5.0, bias_dn=100.0, full_well_e=20_000.0, ifov_arcsec=3.0, zeropoint_mag=20.0)


def frame_of(data, flags=None, facts=FACTS, **rest):
    return Frame(0, 0, "made", data, np.zeros(data.shape, np.uint8) if flags is None else flags, 0, 1.0, facts, **rest)


@given(st.integers(2, 4), st.integers(9, 21), st.integers(9, 21), st.integers(0, 2**32 - 1))
def test_light_is_kept_and_every_fact_goes_with_it(n, ny, nx, seed):
    rng = np.random.default_rng(seed)
    data = rng.integers(0, 10_000, (ny, nx)).astype(np.uint16)
    out = binned(frame_of(data, bias_rows_dn=np.full(ny, 100.0, np.float32)), n, 0.95)
    whole = np.s_[: ny // n, : nx // n]
    light = (2.0 * (data.astype(float) - 100.0))[: ny // n * n, : nx // n * n].reshape(ny // n, n, nx // n, n).sum(axis=(1, 3))
    seen = out.facts.gain_e_per_dn * (out.data_dn.astype(float) - out.bias_rows_dn[:, None])
    step = out.facts.gain_e_per_dn
    assert np.abs(seen[whole] - light).max() <= 0.5 * step
    assert out.facts.gain_e_per_dn * out.facts.bias_dn == pytest.approx(2.0 * 100.0 * n * n)
    assert out.data_dn.shape == (-(-ny // n), -(-nx // n))
    assert out.data_dn.dtype == np.uint16
    assert out.facts.read_noise_e == 5.0 * n
    assert out.facts.full_well_e == 20_000.0 * n * n
    cut = np.zeros(out.flags.shape, bool)
    cut[ny // n :], cut[:, nx // n :] = True, True
    assert ((out.flags & PixelFlag.NO_DATA.value > 0) == cut).all()


def test_a_group_is_as_bad_as_its_worst_pixel():
    data, flags = np.full((8, 8), 500, np.uint16), np.zeros((8, 8), np.uint8)
    data[1, 0], flags[4, 5], flags[7, 7] = 9700, PixelFlag.HOT, PixelFlag.DEAD
    out = binned(frame_of(data, flags), 2, 0.95)
    expected = np.zeros((4, 4), np.uint8)
    expected[0, 0], expected[2, 2], expected[3, 3] = PixelFlag.SATURATED, PixelFlag.HOT, PixelFlag.DEAD
    assert (out.flags == expected).all()


def test_sums_of_a_full_converter_fit_and_those_that_should_not_be_are_saturated():
    deep = binned(frame_of(np.full((4, 4), 65_000, np.uint16), facts=replace(FACTS, full_well_e=130_000.0)), 2, 1.0)
    assert (deep.data_dn == 65_000).all()
    assert deep.facts.gain_e_per_dn == 8.0
    assert not deep.flags.any()
    shallow = binned(frame_of(np.full((4, 4), 30_000, np.uint16)), 2, 1.0)  # more than full well
    assert (shallow.flags == PixelFlag.SATURATED).all()
    assert (shallow.data_dn == 65_535).all()


@pytest.mark.parametrize(
    "unknown", [{"gain_e_per_dn": None}, {"full_well_e": None}, {"gain_e_per_dn": None, "full_well_e": None}]
)
def test_where_gain_or_full_well_is_not_known_sums_are_exact(rng, unknown):
    data = rng.integers(0, 65_000, (6, 9)).astype(np.uint16)
    out = binned(frame_of(data, facts=replace(FACTS, **unknown)), 3, 0.95)
    assert out.data_dn.dtype == np.float32
    assert (out.data_dn == data.reshape(2, 3, 3, 3).sum(axis=(1, 3))).all()
    assert out.facts.gain_e_per_dn == (None if "gain_e_per_dn" in unknown else 2.0)
    assert out.facts.bias_dn == 900.0


def test_what_was_lost_on_the_way_is_lost_in_the_sum(rng):
    data = rng.integers(300, 420, (64, 64)).astype(np.uint16)
    data[21] = 350
    out = binned(frame_of(data), 2, 0.95)
    assert (out.flags[10] & PixelFlag.NO_DATA.value).all()
    assert not np.delete(out.flags, 10, axis=0).any()


def test_maps_of_the_detector_are_summed_as_its_frames_are(rng):
    dark, bad = rng.gamma(1.0, 2.0, (5, 6)).astype(np.float32), np.zeros((5, 6), np.uint8)
    bad[4, 5] = PixelFlag.DEAD
    coarse, flags = binned_maps(dark, bad, 2)
    assert coarse.shape == flags.shape == (3, 3)
    assert coarse[:2] == pytest.approx(dark[:4].reshape(2, 2, 3, 2).sum(axis=(1, 3)))
    assert (np.argwhere(flags) == [[2, 2]]).all()
    assert flags[2, 2] == PixelFlag.DEAD
    assert binned_maps(None, None, 2) == (None, None)
    assert binned_maps(dark, bad, 1) == (dark, bad)


@given(st.lists(st.floats(-0.5, 0.5), min_size=16, max_size=16), st.integers(2, 4))
def test_a_binned_camera_sees_the_same_sky(bends, n):
    camera = Camera(2e-5, 511.5, 700.0, -1, as_rows(rotation(np.array([0.3, -0.2, 0.1]))), tuple(bends))
    x, y = np.array([3.0, 512.0, 1000.0]), np.array([40.0, 700.0, 1020.0])
    coarse = camera.binned(n)
    seen = coarse.los_icrs(to_binned_px(x, n), to_binned_px(y, n))
    assert np.abs(seen - camera.los_icrs(x, y)).max() < 1e-12
    back = coarse.binned(1.0 / n)
    assert [back.x0_px, back.y0_px, back.ifov_rad] == pytest.approx([camera.x0_px, camera.y0_px, camera.ifov_rad])
    values = dict.fromkeys((f.name for f in FRAME.fields), 0) | camera_values(coarse)
    told = in_detector_px({int(Apid.FRAME): [values]}, n)[int(Apid.FRAME)][0]
    assert {name: told[name] for name in camera_values(camera)} == pytest.approx(camera_values(camera), abs=1e-12)


def test_a_binned_set_tells_places_of_the_detector_and_errors_that_cover_them():
    """Two objects of a stare: both ways, the same places, rates and brightness. Without particles, which summed pixels tell less
    well from stars."""
    frames, found = made_up_frames(256, 8, replace(SIDEREAL, n_hits=0)), []
    for n in (1, 2):
        config = parse({"sensor": {"binning": n}})
        processor = FrameSetProcessor(config, Sky(None, config.solve), {0: PayloadState(*binned_maps(None, None, n))})
        mine = [binned(frame, n, config.calibrate.saturation_fraction) for frame in frames]
        rows = processor.search(in_order(processor.prepare_set(mine)), mine).rows
        found.append((rows[Apid.TRACKLET], rows[Apid.FRAME]))
    (fine, its_frames), (coarse, frames_of_coarse) = found
    assert len(fine) == len(coarse) == 2
    for a, b in zip(*(sorted(rows, key=lambda row: row["x_px"]) for rows in (fine, coarse)), strict=True):
        for name, variance in (("x_px", "cov_xx"), ("y_px", "cov_yy"), ("vx_px_frame", "cov_uu"), ("vy_px_frame", "cov_vv")):
            assert abs(a[name] - b[name]) < 5.0 * np.sqrt(a[variance] + b[variance])
            assert 0.5 * a[variance] < b[variance] < 16.0 * a[variance]
        assert a["mag"] == b["mag"] == 0.0 or abs(a["mag"] - b["mag"]) < 0.3
        assert 0.5 * a["snr"] < b["snr"] < 1.05 * a["snr"]
    for a, b in zip(its_frames, frames_of_coarse, strict=True):
        assert (a["nx"], a["ny"]) == (b["nx"], b["ny"])
        assert b["background_e"] == pytest.approx(a["background_e"], rel=0.02)
        assert b["noise_e"] == pytest.approx(a["noise_e"], rel=0.1)
        assert 1.0 < b["psf_fwhm_px"] / a["psf_fwhm_px"] < 1.6


def test_frames_that_are_not_summed_as_configured_are_refused():
    frames, config = made_up_frames(64, 3, SIDEREAL), Config()
    processor = FrameSetProcessor(parse({"sensor": {"binning": 2}}), Sky(None, config.solve), {0: PayloadState()})
    with pytest.raises(ShapeError, match="summed 1 x 1"):
        processor.prepare_set(frames)
    with pytest.raises(ShapeError, match="summed 1 x 1"):
        processor.prepare(frames[0])
