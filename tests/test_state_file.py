"""The payload's state from one recording to the next, through the command line."""

import numpy as np
import pytest
from astropy.io import fits

from sensorproc.cli import main
from sensorproc.errors import InputError
from sensorproc.ground.table_reader import read_table
from sensorproc.onboard.state import LearntDark, Optics, PayloadState
from sensorproc.state_file import read_states, write_states
from tests.skies import made


def full_state(rng):
    def drawn():
        return rng.uniform(0.0, 3.0, (7, 9)).astype(np.float32)

    optics = Optics(np.pi * 1e-5, -1, tuple(rng.normal(0.0, 1e-6, 16)), rng.normal(size=(17, 17)))
    bad = rng.integers(0, 3, (7, 9)).astype(np.uint8)
    return PayloadState(drawn(), bad, 12, 1.0 / 3.0, 2.0 / 7.0, drawn(), optics, LearntDark(drawn(), drawn()))


def test_a_state_comes_back_bit_for_bit(tmp_path, rng):
    states = {0: full_state(rng), 3: PayloadState()}
    write_states(tmp_path / "a" / "state.fits", states)
    back = read_states(tmp_path / "a" / "state.fits")
    assert {k: state.digest() for k, state in back.items()} == {k: state.digest() for k, state in states.items()}
    write_states(tmp_path / "again.fits", back)
    assert (tmp_path / "again.fits").read_bytes() == (tmp_path / "a" / "state.fits").read_bytes()


def test_a_state_is_of_frames_that_sum_as_many_pixels(tmp_path, rng):
    path = tmp_path / "state.fits"
    write_states(path, {0: full_state(rng)}, binning=2)
    assert read_states(path, binning=2)[0].digest() == read_states(path, binning=2)[0].digest()
    with pytest.raises(InputError, match="sum 2 x 2 pixels, those of this run 1 x 1"):
        read_states(path)


@pytest.mark.parametrize("damage", ["bit", "short", "text", "empty", "fits", "version", "missing"])
def test_what_is_no_state_is_told_so(tmp_path, rng, damage):
    path = tmp_path / "state.fits"
    write_states(path, {0: full_state(rng)})
    raw = bytearray(path.read_bytes())
    if damage == "bit":
        with fits.open(path) as hdus:
            raw[hdus["WARM"].fileinfo()["datLoc"] + 5] ^= 4
    elif damage == "version":
        raw = raw.replace(b"SPSTATE =                    1", b"SPSTATE =                    9")
    elif damage == "fits":
        fits.PrimaryHDU(np.zeros((3, 3))).writeto(path, overwrite=True)
        raw = path.read_bytes()
    path.write_bytes({"short": raw[: len(raw) // 2], "text": b"hello\n", "empty": b""}.get(damage, raw))
    if damage == "missing":
        path.unlink()
    with pytest.raises(InputError, match=str(path)):
        read_states(path)


def recording(folder, rng, dark, shape):
    return made.write(folder, made.frames(rng, shape=shape, n_stars=40, dark=np.repeat(dark[None], 8, axis=0)))


def run(recording, out, *more):
    return main(["process", str(recording), "-o", str(out), "--marking", "U", "--data-mode", "TEST", *map(str, more)])


def test_a_second_recording_begins_with_what_the_first_has_taught(tmp_path, rng):
    shape = (160, 160)
    dark = made.warm_pattern(rng, shape)
    first, second = (recording(tmp_path / name, rng, dark, shape) for name in ("first", "second"))
    assert run(first, tmp_path / "one", "--state-out", tmp_path / "state.fits") == 0
    state = read_states(tmp_path / "state.fits")[0]
    assert state.n_sets == 1
    known = state.learnt.information > 0
    assert known.mean() > 0.6
    error = state.learnt.dark_e_s - (dark - np.median(dark))
    sigma = 1.0 / np.sqrt(state.learnt.information[known])
    assert 1.4826 * np.median(np.abs(error[known] - np.median(error[known])) / sigma) < 1.6
    assert run(second, tmp_path / "two", "--state-in", tmp_path / "state.fits", "--state-out", tmp_path / "after.fits") == 0
    (row,) = read_table(tmp_path / "two" / "housekeeping.ecsv")
    assert row["state_digest"] == state.digest().hex()
    after = read_states(tmp_path / "after.fits")[0]
    assert after.n_sets == 2
    gain = np.median(after.learnt.information[known] / state.learnt.information[known])
    assert 1.5 < gain < 2.5


def test_a_state_of_another_detector_is_refused(tmp_path, rng, capsys):
    write_states(tmp_path / "state.fits", {0: full_state(rng)})
    small = made.write(tmp_path / "rec", made.frames(rng, n=3, shape=(64, 96), n_stars=10))
    assert run(small, tmp_path / "out", "--state-in", tmp_path / "state.fits") == InputError.exit_code
    assert "maps of detector 0 are 9 x 7 pixels, its frames 96 x 64" in capsys.readouterr().err
    assert run(small, tmp_path / "out", "--state-in", tmp_path / "none.fits") == InputError.exit_code


def test_frames_of_unknown_exposure_neither_use_nor_teach_the_pattern(tmp_path, rng):
    dark = made.warm_pattern(rng, (160, 160))
    taught = recording(tmp_path / "taught", rng, dark, (160, 160))
    assert run(taught, tmp_path / "one", "--state-out", tmp_path / "state.fits") == 0
    frames = made.frames(rng, shape=(160, 160), n_stars=40, dark=np.repeat(dark[None], 8, axis=0))
    untold = made.write(tmp_path / "untold", frames, EXPTIME=0.0)
    assert run(untold, tmp_path / "two", "--state-in", tmp_path / "state.fits", "--state-out", tmp_path / "after.fits") == 0
    before, after = (read_states(tmp_path / name)[0].learnt for name in ("state.fits", "after.fits"))
    assert np.array_equal(before.dark_e_s, after.dark_e_s)
    assert np.array_equal(before.information, after.information)
