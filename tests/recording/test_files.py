"""Files of every kind as they lie in a folder: what is a frame, in which order, and what is told of the rest."""

import bz2
import gzip
import struct
import zlib

import cv2
import numpy as np
import pytest
from astropy.io import fits

from sensorproc.cli import main
from sensorproc.errors import InputError
from sensorproc.flags import PixelFlag
from sensorproc.recording import open_recording, ser
from sensorproc.recording.files import number_key
from sensorproc.timescales import utc_from_tai_ns

CARDS = {"DATE-OBS": "2024-03-05T12:00:00", "EXPTIME": 1.0}


def sky(rng, shape=(40, 48)):
    return rng.normal(500.0, 10.0, shape).astype(np.uint16)


def image(data, name=None, **cards):
    header = fits.Header((CARDS | cards).items())
    return fits.ImageHDU(data, header, name=name)


def write(path, *hdus, primary=None):
    fits.HDUList([fits.PrimaryHDU(header=fits.Header((primary or {}).items())), *hdus]).writeto(path)


SIDE_PLANES = [
    "MASK", "MSK", "BPM", "DQ", "FLAGS", "ERR", "ERROR", "VAR", "VARIANCE", "WEIGHT", "WHT", "IVAR", "CAT", "BKG", "PSF", "NOISE",
    "RMS", "UNCERT", "MASK_0", "VAR_1", "EXPMAP",
]  # fmt: skip


@pytest.mark.parametrize("name", SIDE_PLANES)
def test_planes_beside_a_frame_are_no_frames(tmp_path, rng, name):
    write(tmp_path / "a.fits", image(sky(rng), "SCI"), image(np.ones((40, 48), np.int16), name))
    recording = open_recording(tmp_path)
    assert len(recording.entries) == 1
    assert "not frames" in recording.doubts[0]
    assert (recording.entries[0].frame(0).flags & PixelFlag.NO_DATA != 0).all() == name.startswith(("M", "BPM", "DQ", "FLAGS"))


def test_pixels_of_a_mask_are_no_data(tmp_path, rng):
    mask = np.zeros((40, 48), np.uint8)
    mask[3, 5] = 4
    write(tmp_path / "a.fits", image(sky(rng), "SCI"), image(mask, "DQ"))
    flags = open_recording(tmp_path).entries[0].frame(0).flags
    assert np.argwhere(flags & PixelFlag.NO_DATA).tolist() == [[3, 5]]


def test_extensions_of_their_own_times_or_detectors_are_frames(tmp_path, rng):
    write(tmp_path / "a.fits", *(image(sky(rng), **{"DATE-OBS": f"2024-03-05T12:00:0{k}"}) for k in range(4)))
    assert len(open_recording(tmp_path).entries) == 4


@pytest.mark.parametrize("name", ["EXP", "EXP_", "SCI_", "IM", "CCD", "AMP", "SEG_A"])
def test_numbered_extensions_of_a_name_are_frames(tmp_path, rng, name):
    write(tmp_path / "a.fits", *(image(sky(rng), f"{name}{k}", **{"DATE-OBS": f"2024-03-05T12:00:0{k}"}) for k in range(4)))
    assert len(open_recording(tmp_path).entries) == 4


@pytest.mark.parametrize("n", [3, 4])
@pytest.mark.parametrize("axis", [None, "RGB", "COLOR"])
def test_colours_are_one_frame(tmp_path, rng, n, axis):
    cube = np.stack([sky(rng)] * n)
    write(tmp_path / "a.fits", image(cube, **({"CTYPE3": axis} if axis else {})))
    recording = open_recording(tmp_path)
    (entry,) = recording.entries
    assert utc_from_tai_ns(entry.t_mid_tai_ns) == "2024-03-05T12:00:00.500000"
    assert (entry.frame(0).data_dn == cube[:3].astype(float).sum(axis=0)).all()
    assert "colour planes" in recording.doubts[0]


@pytest.mark.parametrize("axis", ["WAVE", "FREQ", "STOKES", "VELO-LSR", "ENER"])
def test_a_third_axis_that_is_not_time_holds_no_frames(tmp_path, rng, axis):
    write(tmp_path / "a.fits", image(np.stack([sky(rng)] * 5), CTYPE3=axis))
    with pytest.raises(InputError, match=axis):
        open_recording(tmp_path)


@pytest.mark.parametrize("cards", [{"CADENCE": 2.0}, {"CADENCE": 2.0, "CTYPE3": "TIME"}])
def test_a_third_axis_of_time_holds_frames(tmp_path, rng, cards):
    write(tmp_path / "a.fits", image(np.stack([sky(rng)] * 3), **cards))
    assert open_recording(tmp_path).cadence_s == 2.0


@pytest.mark.parametrize("shape", [(1, 40, 48), (1, 1, 40, 48)])
def test_axes_of_one_are_none(tmp_path, rng, shape):
    data = sky(rng)
    write(tmp_path / "a.fits", image(data.reshape(shape)))
    (entry,) = open_recording(tmp_path).entries
    assert entry.has_time
    assert (entry.frame(0).data_dn == data).all()


@pytest.mark.parametrize("name", ["a.fits.gz", "a.fit.bz2", "a.FITS", "a.new", "frame", "a.dat.gz"])
def test_fits_of_any_name_packed_or_not(tmp_path, rng, name):
    data = sky(rng)
    write(tmp_path / "plain", image(data))
    raw = (tmp_path / "plain").read_bytes()
    (tmp_path / "plain").unlink()
    packed = gzip.compress(raw) if name.endswith(".gz") else bz2.compress(raw) if name.endswith(".bz2") else raw
    (tmp_path / name).write_bytes(packed)
    (entry,) = open_recording(tmp_path).entries
    assert (entry.frame(0).data_dn == data).all()


def test_tile_compressed_files_are_read(tmp_path, rng):
    data = sky(rng)
    fits.HDUList([fits.PrimaryHDU(), fits.CompImageHDU(data, fits.Header(CARDS.items()))]).writeto(tmp_path / "a.fits.fz")
    assert (open_recording(tmp_path).entries[0].frame(0).data_dn == data).all()


@pytest.mark.parametrize("suffix", [".png", ".tiff"])
@pytest.mark.parametrize("pack", [None, gzip.compress, bz2.compress])
def test_images_packed_or_not(tmp_path, rng, suffix, pack):
    data = sky(rng)
    raw = cv2.imencode(suffix, data)[1].tobytes()
    (tmp_path / f"a{suffix}{'' if pack is None else '.gz'}").write_bytes(pack(raw) if pack else raw)
    assert (open_recording(tmp_path).entries[0].frame(0).data_dn == data).all()


@pytest.mark.parametrize("pack", [None, gzip.compress, bz2.compress])
def test_video_packed_or_not(tmp_path, rng, pack):
    frames = np.stack([sky(rng)] * 3)
    ser.write(tmp_path / "v.ser", frames, [638452368000000000 + k * 10_000_000 for k in range(3)])
    if pack:
        (tmp_path / "v.ser").write_bytes(pack((tmp_path / "v.ser").read_bytes()))
    entries = open_recording(tmp_path).entries
    assert [utc_from_tai_ns(e.t_mid_tai_ns, 0) for e in entries] == [f"2024-03-05T12:00:0{k}" for k in range(3)]
    assert (entries[2].frame(2).data_dn == frames[2]).all()


def test_every_page_of_a_tiff_is_a_frame(tmp_path, rng):
    pages = [sky(rng) + k for k in range(4)]
    assert cv2.imwritemulti(str(tmp_path / "a.tiff"), pages)
    entries = open_recording(tmp_path).entries
    assert len(entries) == 4
    assert all((entry.frame(k).data_dn == pages[k]).all() for k, entry in enumerate(entries))


def test_colours_of_an_image_are_added_and_said(tmp_path, rng):
    data = rng.integers(0, 200, (40, 48, 3)).astype(np.uint8)
    cv2.imwrite(str(tmp_path / "a.png"), data)
    recording = open_recording(tmp_path)
    assert (recording.entries[0].frame(0).data_dn == data.sum(axis=2)).all()
    assert "colours" in recording.doubts[0]


def test_grey_in_three_channels_is_grey(tmp_path, rng):
    data = rng.integers(0, 200, (40, 48)).astype(np.uint8)
    cv2.imwrite(str(tmp_path / "a.png"), np.stack([data] * 3, axis=2))
    recording = open_recording(tmp_path)
    assert (recording.entries[0].frame(0).data_dn == data).all()
    assert not recording.doubts


@pytest.mark.parametrize("names", [["f1", "f2", "f10"], ["f9", "f10", "f11"], ["a2b1", "a2b10", "a10b1"], ["1", "02", "10"]])
def test_people_count_in_numbers(names):
    assert sorted(reversed(names), key=number_key) == names


def test_frames_without_times_are_in_the_order_of_their_numbers(tmp_path, rng):
    for k in range(12):
        cv2.imwrite(str(tmp_path / f"f{k}.png"), np.full((40, 48), k, np.uint8))
    assert [e.source for e in open_recording(tmp_path).entries] == [f"f{k}.png" for k in range(12)]


def test_hidden_files_and_headers_alone_are_no_frames(tmp_path, rng):
    write(tmp_path / "a.fits", image(sky(rng)))
    write(tmp_path / ".b.fits", image(sky(rng)))
    (tmp_path / "._a.fits").write_bytes(b"\0\5\26\7" * 20)
    fits.PrimaryHDU().writeto(tmp_path / "a.wcs")
    recording = open_recording(tmp_path)
    assert len(recording.entries) == 1
    assert not recording.problems
    assert "a.wcs" in recording.doubts[0]


@pytest.mark.parametrize("kind", ["Dark Frame", "Bias Frame", "Flat Field"])
def test_calibration_frames_are_not_searched(tmp_path, rng, kind):
    for k in range(4):
        write(tmp_path / f"l{k}.fits", image(sky(rng), IMAGETYP="Light Frame"))
        write(tmp_path / f"c{k}.fits", image(sky(rng), IMAGETYP=kind))
    recording = open_recording(tmp_path)
    assert [e.source for e in recording.entries] == [f"l{k}.fits[1]" for k in range(4)]
    assert "4" in recording.doubts[0]
    assert "not searched" in recording.doubts[0]


def test_two_instruments_are_two_recordings(tmp_path, rng):
    write(tmp_path / "a.fits", image(sky(rng), TELESCOP="ONE", INSTRUME="A"))
    write(tmp_path / "b.fits", image(sky(rng), TELESCOP="TWO", INSTRUME="A"))
    with pytest.raises(InputError, match=r"ONE A \(1 frames\), TWO A \(1 frames\)"):
        open_recording(tmp_path)


def test_facts_are_each_frames_own(tmp_path, rng):
    for k, gain in enumerate((1.5, 2.5, 1.5)):
        write(tmp_path / f"{k}.fits", image(sky(rng), GAIN=gain, **{"DATE-OBS": f"2024-03-05T12:00:0{k}"}))
    frames = [entry.frame(k) for k, entry in enumerate(open_recording(tmp_path).entries)]
    assert [frame.facts.gain_e_per_dn for frame in frames] == [1.5, 2.5, 1.5]


def test_the_most_specific_hdu_speaks_first(tmp_path, rng):
    write(tmp_path / "a.fits", image(sky(rng), EXPTIME=5.0, GAIN=2.0), primary={"EXPTIME": 1.0, "GAIN": 9.0, "RDNOISE": 3.0})
    frame = open_recording(tmp_path).entries[0].frame(0)
    assert (frame.exposure_s, frame.facts.gain_e_per_dn, frame.facts.read_noise_e) == (5.0, 2.0, 3.0)


@pytest.mark.parametrize("cadence_s", [0.25, 0.5, 0.7, 1.3])
@pytest.mark.parametrize("first_s", [0.05, 0.4, 0.93])
def test_whole_seconds_are_made_finer_by_a_known_cadence(tmp_path, rng, cadence_s, first_s):
    starts = first_s + cadence_s * np.arange(20)
    for k, start in enumerate(starts):
        cards = {"DATE-OBS": f"2024-03-05T12:00:{int(start):02d}", "CADENCE": cadence_s, "EXPTIME": 0.2}
        write(tmp_path / f"f{k}.fits", image(sky(rng), **cards))
    recording = open_recording(tmp_path)
    times = np.array([entry.t_mid_tai_ns for entry in recording.entries]) * 1e-9
    np.testing.assert_allclose(np.diff(times), cadence_s, atol=1e-6)
    seconds = times[0] - np.floor(times[0])
    assert "whole seconds" in recording.doubts[0]
    assert abs((seconds - 0.1 - first_s + 0.5) % 1.0 - 0.5) < 0.5 * cadence_s + 1e-6


def test_stamps_of_another_cadence_stay_as_they_are(tmp_path, rng):
    for k, second in enumerate((0, 1, 5, 6)):
        cards = {"DATE-OBS": f"2024-03-05T12:00:{second:02d}", "CADENCE": 0.5}
        write(tmp_path / f"f{k}.fits", image(sky(rng), **cards))
    times = [e.t_mid_tai_ns for e in open_recording(tmp_path).entries]
    assert times[2] - times[1] in (4_000_000_000, 4_500_000_000, 3_500_000_000)


def png_of_size(nx, ny):
    head = struct.pack(">2I5B", nx, ny, 16, 0, 0, 0, 0)
    chunk = b"IHDR" + head
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + chunk + struct.pack(">I", zlib.crc32(chunk)) + b"\0\0\0\0IEND\xaeB`\x82"


def card(key, value):
    return f"{key:8s}= {value:>20}".ljust(80).encode()


def raw_fits(*cards, n_data=2880):
    head = card("SIMPLE", "T") + card("BITPIX", 16) + b"".join(cards) + b"END".ljust(80)
    return head.ljust(-(-len(head) // 2880) * 2880) + b"\0" * n_data


HOSTILE = {
    "huge.png": png_of_size(60000, 60000),
    "no.png": png_of_size(0, 5),
    "cut.png": png_of_size(100, 100),
    "negative.fits": raw_fits(card("NAXIS", 2), card("NAXIS1", -40), card("NAXIS2", 40)),
    "many.fits": raw_fits(card("NAXIS", 1_000_000_000)),
    "text.fits": raw_fits(card("NAXIS", 2), card("NAXIS1", "'a'"), card("NAXIS2", 40)),
    "short.fits": raw_fits(card("NAXIS", 2), card("NAXIS1", 60000), card("NAXIS2", 60000)),
    "wide.fits": raw_fits(card("NAXIS", 2), card("NAXIS1", 9000), card("NAXIS2", 2), n_data=36000),
    "bomb.fits.gz": gzip.compress(b"\0" * 50_000_000),
    "bad.fits.gz": gzip.compress(raw_fits(card("NAXIS", 2), card("NAXIS1", 40), card("NAXIS2", 40)))[:-20] + b"x" * 20,
    "nothing.fits": b"",
    "noise.fits": bytes(np.random.default_rng(1).integers(0, 256, 5000, np.uint8)),
    "noise.ser": ser.MAGIC + bytes(np.random.default_rng(1).integers(0, 256, 5000, np.uint8)),
    "huge.ser": ser.HEADER.pack(ser.MAGIC, 0, 0, 0, 2**31 - 1, 2**31 - 1, 16, 2**31 - 1, b"", b"", b"", 0, 0),
    "loop.tiff": b"II*\0\x08\0\0\0" + b"\0\0" + b"\x08\0\0\0",
    "cut.tiff": b"II*\0\x08\0\0\0" + b"\x04\0" + b"\0\1\3\0\1\0",
    "far.tiff": b"MM\0*\xff\xff\xff\xff",
    "huge.tiff": b"II*\0\x08\0\0\0\2\0"
    + struct.pack("<2HII", 256, 4, 1, 60000) + struct.pack("<2HII", 257, 4, 1, 60000) + b"\0" * 4,
    "detector.fits": raw_fits(card("NAXIS", 2), card("NAXIS1", 40), card("NAXIS2", 40), card("DETECNUM", 300), n_data=5760),
    "minus.fits": raw_fits(card("NAXIS", 2), card("NAXIS1", 40), card("NAXIS2", 40), card("DETECNUM", -1), n_data=5760),
    "history.fits": raw_fits(card("NAXIS", 1), card("NAXIS1", 10), card("HIST_NB", "1E18")),
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_file_costs_one_line_and_no_other_frame(tmp_path, rng, name):
    for k in range(3):
        write(tmp_path / f"good{k}.fits", image(sky(rng), **{"DATE-OBS": f"2024-03-05T12:00:0{k}"}))
    (tmp_path / name).write_bytes(HOSTILE[name])
    recording = open_recording(tmp_path)
    assert [entry.source for entry in recording.entries] == [f"good{k}.fits[1]" for k in range(3)]
    (problem,) = recording.problems
    assert name in problem.reason
    assert len(problem.reason.splitlines()) == 1


def test_an_attitude_history_is_as_long_as_its_cards(tmp_path, rng):
    write(tmp_path / "a.fits", image(sky(rng), HIST_NB=30_000_000, DELT_000=0.5, DEV_000="1 2 3"))
    assert len(open_recording(tmp_path).entries[0].frame(0).attitude) == 1


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_file_alone_is_one_line_and_exit_4(tmp_path, capsys, name):
    (tmp_path / name).write_bytes(HOSTILE[name])
    for verb in (["inspect", str(tmp_path / name)], ["process", str(tmp_path), "-o", str(tmp_path / "out")]):
        assert main(verb) == 4
        assert len(capsys.readouterr().err.strip().splitlines()) <= 2
