"""Readers and writers: made-up files of every kind, damage, and the real ones."""

import gzip
import json

import cv2
import numpy as np
import pytest
from astropy.io import fits

from sensorproc.errors import InputError
from sensorproc.flags import PixelFlag
from sensorproc.frames import ObserverState, SensorFacts
from sensorproc.geometry import pointed
from sensorproc.recording import open_recording, pad, ser
from sensorproc.recording.pixels import garbled_rows, lost_blocks, make_frame
from sensorproc.recording.writer import write_frame
from sensorproc.timescales import tai_ns_from_utc, utc_from_tai_ns

T0 = tai_ns_from_utc("2026-03-01T00:00:00")


@pytest.fixture
def pixels(rng):
    return rng.integers(300, 60000, (40, 48)).astype(np.uint16)


def test_rice_round_trip_keeps_every_fact(tmp_path, pixels):
    facts = SensorFacts(1.5, 6.0, 300.0, 9e4, 15.0, 20.1)
    observer = ObserverState((42164.0, 1.0, -2.0), (0.0, 3.07, 0.01))
    camera = pointed(20.0, 18.0, 15.0, 224.0, -3.0, 40.0)
    frame = make_frame(pixels, "a.fits", T0 + 400_000_000, 0.8, facts, camera=camera, observer=observer)
    write_frame(tmp_path / "a.fits", frame)
    back = open_recording(tmp_path / "a.fits").entries[0].frame(0)
    assert (back.data_dn == pixels).all()
    assert (back.t_mid_tai_ns, back.exposure_s, back.facts, back.observer) == (frame.t_mid_tai_ns, 0.8, facts, observer)
    np.testing.assert_allclose(back.camera.radec(5.0, 7.0), camera.radec(5.0, 7.0), atol=1e-9)
    assert back.missing == ()


def test_cube_is_read_plane_by_plane(tmp_path, pixels):
    cube = np.stack([pixels, pixels // 2, pixels // 3])
    header = fits.Header({"DATE-OBS": "2026-03-01T00:00:00", "EXPTIME": 0.5, "CADENCE": 2.0})
    fits.PrimaryHDU(cube, header).writeto(tmp_path / "cube.fits")
    entries = open_recording(tmp_path / "cube.fits").entries
    assert len(entries) == 3
    assert (entries[2].frame(2).data_dn == cube[2]).all()
    assert utc_from_tai_ns(entries[2].t_mid_tai_ns) == "2026-03-01T00:00:04.250000"


def test_extensions_with_detector_numbers_are_detectors(tmp_path, pixels):
    hdus = [fits.PrimaryHDU()]
    for number in (0, 1):
        header = fits.Header({"DATE-OBS": "2026-03-01T00:00:00", "EXPTIME": 1.0, "DETECNUM": number})
        hdus.append(fits.ImageHDU(pixels + number, header))
    fits.HDUList(hdus).writeto(tmp_path / "mef.fits")
    assert [entry.detector for entry in open_recording(tmp_path / "mef.fits").entries] == [0, 1]


@pytest.mark.parametrize(("suffix", "dtype"), [(".png", np.uint8), (".png", np.uint16), (".tiff", np.uint16)])
def test_image_folder_with_meta(tmp_path, pixels, suffix, dtype):
    for k in range(3):
        assert cv2.imwrite(str(tmp_path / f"f{k}{suffix}"), (pixels // 300).astype(dtype))
    times = [f"2026-03-01T00:00:0{k}" for k in range(3)]
    (tmp_path / "meta.json").write_text(json.dumps({"exposure_s": 0.5, "times_utc": times, "gain_e_per_dn": 2.0}))
    recording = open_recording(tmp_path)
    frame = recording.entries[1].frame(1)
    assert (frame.data_dn == pixels // 300).all()
    assert utc_from_tai_ns(frame.t_mid_tai_ns) == "2026-03-01T00:00:01.250000"
    assert frame.facts.gain_e_per_dn == 2.0
    assert "read noise (estimated from the frames)" in frame.missing


def test_ser_with_and_without_its_trailer(tmp_path, pixels):
    ticks = [639079200000000000 + k * 10_000_000 for k in range(4)]
    ser.write(tmp_path / "v.ser", np.stack([pixels] * 4), ticks)
    entries = open_recording(tmp_path / "v.ser").entries
    assert [e.has_time for e in entries] == [True] * 4
    assert utc_from_tai_ns(entries[1].t_mid_tai_ns - entries[0].t_mid_tai_ns + T0) == "2026-03-01T00:00:01.000000"
    assert (entries[3].frame(3).data_dn == pixels).all()
    whole = (tmp_path / "v.ser").read_bytes()
    (tmp_path / "cut.ser").write_bytes(whole[: 178 + 2 * pixels.nbytes + 11])
    cut = open_recording(tmp_path / "cut.ser").entries
    assert [e.has_time for e in cut] == [False, False]


def test_overscan_is_flagged_and_levelled(rng):
    data = rng.normal(1650, 8, (80, 60)).astype(np.uint16)
    frame = make_frame(data, "x", T0, 1.0, SensorFacts(), slice(0, 16))
    assert (frame.flags[:, :16] & PixelFlag.NO_DATA).all()
    assert frame.bias_rows_dn.mean() == pytest.approx(1649.5, abs=1.0)


def test_lost_and_garbled_data_are_flagged(rng):
    data = rng.normal(1000, 10, (64, 64)).astype(np.uint16)
    data[10, 20:45] = 0
    data[11, 5] = 0  # one dead pixel is not a lost block
    assert lost_blocks(data).sum() == 25
    data[30] = rng.integers(0, 65535, 64)
    assert garbled_rows(data).nonzero()[0].tolist() == [30]
    assert not garbled_rows(rng.normal(1000, 10, (64, 64))).any()


def test_padding_is_no_data(pixels):
    frame = pad(make_frame(pixels, "x", T0, 1.0), (41, 50))
    assert frame.data_dn.shape == (41, 50)
    assert (frame.flags[40] == PixelFlag.NO_DATA).all()
    assert (frame.data_dn[:40, :48] == pixels).all()


@pytest.mark.parametrize("cut", [0.05, 0.5, 0.98])
@pytest.mark.parametrize("compressed", [False, True])
def test_truncated_fits_is_a_clear_error(tmp_path, pixels, cut, compressed):
    fits.PrimaryHDU(np.tile(pixels, (4, 4))).writeto(tmp_path / "a.fits")
    whole = (tmp_path / "a.fits").read_bytes()
    whole = gzip.compress(whole) if compressed else whole
    path = tmp_path / ("cut.fits.gz" if compressed else "cut.fits")
    path.write_bytes(whole[: int(len(whole) * cut)])
    with pytest.raises(InputError, match=path.name):
        open_recording(path).entries[0].frame(0)


@pytest.mark.parametrize(("name", "content"), [("a.fits", b"hello"), ("a.ser", b"hello"), ("a.png", b"hello"), ("a.fits", b"")])
def test_nonsense_is_a_clear_error(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=name):
        open_recording(tmp_path)


def test_missing_and_empty(tmp_path):
    with pytest.raises(InputError, match="no such file"):
        open_recording(tmp_path / "absent")
    with pytest.raises(InputError, match="holds no frames"):
        open_recording(tmp_path)


@pytest.mark.real
def test_neossat_header(data):
    recording = open_recording(data / "neossat" / "seqA_2021A1")
    assert len(recording.entries) == 13
    frame = recording.entries[9].frame(9)
    assert frame.source.startswith("NEOS_SCI_2021317004251")
    assert utc_from_tai_ns(frame.t_mid_tai_ns) == "2021-11-13T00:43:23.720851"
    assert frame.facts.gain_e_per_dn == 1.1
    assert frame.observer.position_km == pytest.approx((-4177.415, 1143.5115, -5706.812))
    assert len(frame.attitude) == 327
    assert (frame.flags[:, :16] & PixelFlag.NO_DATA).all()
    assert recording.entries[11].frame(11).flags[79, 500] & PixelFlag.NO_DATA  # rows damaged in transmission


@pytest.mark.real
@pytest.mark.parametrize("name", ["dev_bodyfixed", "dev_sidereal", "dev_radiation", "s1_sidereal_geo"])
def test_satsim_recordings(data, name):
    recording = open_recording(data / "satsim" / name)
    frame = recording.entries[0].frame(0)
    assert frame.data_dn.dtype == np.uint16
    assert (recording.stars is None) == (name == "s1_sidereal_geo")
    assert frame.facts.bias_dn is not None


@pytest.mark.real
def test_a_frame_without_pointing_says_so(data):
    recording = open_recording(data / "neossat" / "misc" / "NEOS_SCI_2015347145603_clean.fits.gz")
    frame = recording.entries[0].frame(0)
    assert frame.camera is None
    assert any(text.startswith("pointing") for text in frame.missing)
