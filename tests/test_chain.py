"""The whole chain through the command line: what is found, what is not, and that it is the same every time."""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from weakref import ref

import numpy as np
import pytest
from astropy.io import fits

from sensorproc.cli import main
from sensorproc.config import Config, parse
from sensorproc.errors import ShapeError
from sensorproc.ground.table_reader import read_table
from sensorproc.onboard.pipeline import process_set
from sensorproc.onboard.state import PayloadState
from sensorproc.processing import Onlookers, process
from sensorproc.recording import open_recording
from sensorproc.review import view
from sensorproc.review.report import write_report
from sensorproc.run_folder.building import Building
from sensorproc.scoring.frames import score
from sensorproc.scoring.truth import load_truth
from tests.skies import cases

ROOT = Path(__file__).resolve().parent.parent


@pytest.mark.parametrize("name", ["SIDEREAL", "BODY_FIXED"])
def test_movers_are_found_measured_and_nothing_else(runs, recordings, name):
    result = score(read_table(runs / name / "detections.ecsv"), load_truth(recordings / name / "truth.json"))
    assert result["n_false_tracklets"] == 0
    assert len(read_table(runs / name / "tracklets.ecsv")) == 2
    strong = result["completeness"][3]
    assert strong["found"] >= strong["n"] - 1  # a star may cover a target in one frame
    # SNR 17-27 a frame: the bound is 0.05-0.07 px, crossing stars and registration add as much
    assert result["centroid"]["across_rms_px"] < 0.15
    assert 0.3 < result["centroid"]["reduced_chi2_of_claimed_sigma"] < 2.5


def test_a_long_recording_is_held_a_set_at_a_time_and_drawn_to_a_limit(recordings, tmp_path, monkeypatch):
    """What a set was found in is given up before the next but one; the report says how many sets it does not draw."""
    monkeypatch.setattr(view, "MOST_DRAWN", 1)
    views, seen, alive = view.SetViews(), [], []

    def see(set_id, processed):
        views(set_id, processed)
        seen.append(ref(processed))
        alive.append(sum(one() is not None for one in seen))

    config = parse({"frame_set": {"max_frames": 2}})
    made = Building(tmp_path, tmp_path)
    outcome = process(open_recording(recordings / "EMPTY"), config, None, None, made, Onlookers(on_set_done=see))
    assert outcome.n_sets == len(seen) == 4
    assert max(alive) <= 2
    write_report(tmp_path / "report.html", "four sets", outcome, views)
    page = (tmp_path / "report.html").read_text("utf-8")
    assert page.count("<image ") == 1
    assert "3 more frame sets" in page


def test_empty_sky_is_empty(runs):
    assert read_table(runs / "EMPTY" / "detections.ecsv") == []
    assert len(read_table(runs / "EMPTY" / "frames.ecsv")) == 8


def test_hot_pixels_and_hits_are_rejected_and_counted(runs):
    rows = read_table(runs / "EMPTY" / "frames.ecsv")
    # 12 hits a frame, several pixels each
    assert 8 < np.mean([row["n_outliers"] for row in rows]) < 80


def test_frame_table_is_sane(runs):
    for row in read_table(runs / "SIDEREAL" / "frames.ecsv"):
        assert row["status"] == "processed"
        assert row["registration_rms_px"] < 0.12
        assert row["noise_e"] == pytest.approx(np.sqrt(40 + 25), rel=0.1)
        assert row["psf_fwhm_px"] == pytest.approx(2.355 * np.sqrt(0.85**2 + 1 / 12), rel=0.12)


def test_trail_and_registration_of_a_body_fixed_set(runs):
    for row in read_table(runs / "BODY_FIXED" / "frames.ecsv"):
        assert (row["trail_x_px"], row["trail_y_px"]) == pytest.approx((-5.6, 4.0), abs=0.5)


def test_state_and_inputs_are_not_modified(recordings):
    frames = [entry.frame(k) for k, entry in enumerate(open_recording(recordings / "SIDEREAL").entries)]
    before = [frame.data_dn.tobytes() for frame in frames]
    state = PayloadState()
    digest = state.digest()
    first, after = process_set(frames, state, None, Config())
    again, _ = process_set(frames, state, None, Config())
    assert [frame.data_dn.tobytes() for frame in frames] == before
    assert state.digest() == digest != after.digest()
    assert [(t.x_px, t.snr) for t in first.tracklets] == [(t.x_px, t.snr) for t in again.tracklets]


def test_do_sees_every_stage_in_order(recordings):
    frames = [entry.frame(k) for k, entry in enumerate(open_recording(recordings / "SIDEREAL").entries)]
    seen = []

    def do(stage, *arguments):
        if stage.__name__ not in seen:
            seen.append(stage.__name__)
        return stage(*arguments)

    process_set(frames, PayloadState(), None, Config(), do)
    wanted = ["calibrate", "flatten", "register", "solve", "subtract_stars", "single_streaks", "search", "accept"]
    assert [name for name in seen if name in wanted] == wanted


def products(folder):
    return {
        p.relative_to(folder).as_posix(): p.read_bytes()
        for p in sorted(folder.rglob("*"))
        if p.is_file() and p.name != "run.json"
    }


def test_two_runs_and_two_thread_counts_give_the_same_bytes(recordings, tmp_path, runs):
    results = [products(runs / "BODY_FIXED")]
    for threads in ("1", "2"):
        out = tmp_path / threads
        limits = dict.fromkeys(
            ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS", "OPENCV_FOR_THREADS_NUM"), threads
        )
        arguments = ["process", str(recordings / "BODY_FIXED"), "-o", str(out), "--marking", "U", "--data-mode", "SIMULATED"]
        code = f"import cv2, sys; cv2.setNumThreads({threads}); from sensorproc.cli import main; sys.exit(main({arguments!r}))"
        subprocess.run([sys.executable, "-c", code], env=os.environ | limits, check=True, cwd=ROOT)
        results.append(products(out))
    assert results[0] == results[1] == results[2]
    assert "report.html" in results[0]


def test_report_is_one_offline_file(runs):
    text = (runs / "SIDEREAL" / "report.html").read_text("utf-8")
    assert "T0" in text
    assert "<script" not in text
    assert "http" not in text
    assert text.count("<svg") == 2


def test_gain_unknown_is_said(tmp_path):
    import cv2

    for k, image in enumerate(cases.render(cases.SIDEREAL)):
        cv2.imwrite(str(tmp_path / f"f{k}.png"), image)
    assert main(["process", str(tmp_path), "-o", str(tmp_path / "out")]) == 0
    rows = read_table(tmp_path / "out" / "detections.ecsv")
    assert len(read_table(tmp_path / "out" / "tracklets.ecsv")) == 2
    assert all("UNCALIBRATED_GAIN" in row["flags"] and "NO_SKY" in row["flags"] for row in rows)


def test_frames_of_two_sizes_are_a_bug_of_the_caller(recordings):
    frames = [entry.frame(k) for k, entry in enumerate(open_recording(recordings / "EMPTY").entries)]
    frames[2] = replace(frames[2], data_dn=frames[2].data_dn[:-1])
    with pytest.raises(ShapeError, match="pad them"):
        process_set(frames, PayloadState(), None, Config())


def test_lost_frames_leave_the_unit_of_velocity_alone(rng):
    """Every other frame of a set: rates still count in the configured cadence, trails in real seconds."""
    from dataclasses import replace as changed

    from sensorproc.config import Sensor
    from tests.skies.frames import made_up_frames

    frames = made_up_frames(256, 16)
    config = changed(Config(), sensor=Sensor(cadence_s=1.0))
    whole, _ = process_set(frames, PayloadState(), None, config)
    thinned, _ = process_set(frames[::2], PayloadState(), None, config)
    assert len(thinned.tracklets) == len(whole.tracklets) == 2
    for a, b in zip(whole.tracklets, thinned.tracklets, strict=True):
        assert b.vx_px_frame == pytest.approx(a.vx_px_frame, abs=0.05)
        assert b.vy_px_frame == pytest.approx(a.vy_px_frame, abs=0.05)
    trail = [p.residuals[0].registration.trail for p in (whole, thinned)]
    assert trail[1].dx_px == pytest.approx(trail[0].dx_px, abs=0.05)


def test_frames_of_one_time_are_rejected_by_name():
    from dataclasses import replace as changed

    from sensorproc.config import Sensor
    from tests.skies.frames import made_up_frames

    frames = made_up_frames(128, 4)
    same = [changed(frame, t_mid_tai_ns=frames[0].t_mid_tai_ns) for frame in frames]
    processed, _ = process_set(same, PayloadState(), None, changed(Config(), sensor=Sensor(cadence_s=1.0)))
    assert {r.reason for r in processed.rejections} == {"SAME_TIME"}


def test_stages_are_kept_for_whoever_asks_why(recordings, tmp_path):
    """Residual, noise, flags, starlight, candidates and tracks of the set, from the command line; the products stay the same."""
    from astropy.io import fits

    recording = str(recordings / "SIDEREAL")
    assert main(["process", recording, "-o", str(tmp_path / "plain")]) == 0
    assert main(["process", recording, "-o", str(tmp_path / "kept"), "--keep-stages"]) == 0
    assert (tmp_path / "plain" / "downlink.bin").read_bytes() == (tmp_path / "kept" / "downlink.bin").read_bytes()
    assert not (tmp_path / "plain" / "stages").exists()
    with fits.open(tmp_path / "kept" / "stages" / "set_0000.fits") as hdus:
        residual, sigma, flags = (hdus[name].data for name in ("RESIDUAL", "SIGMA", "FLAGS"))
        assert residual.shape == sigma.shape == flags.shape == hdus["STARS"].data.shape
        assert 1.4826 * np.median(np.abs(residual[sigma > 0] / sigma[sigma > 0])) == pytest.approx(1.0, abs=0.15)
        assert ((sigma == 0) == (flags != 0)).mean() > 0.999
        tracks, candidates = hdus["TRACKS"].data, hdus["CANDIDATES"].data
        assert len(tracks) == len(read_table(tmp_path / "kept" / "tracklets.ecsv")) > 0
        assert len(candidates) >= len(tracks)
        assert (tracks["SNR"] > hdus[0].header["THRESH"]).all()
        assert {name.strip() for name in hdus["BOXES"].data["CENTRE"]} == {"detector", "stars"}


def test_the_sample_with_summed_pixels(tmp_path, capsys):
    """By the command: the same objects at the same places of the detector, in a report and stages that say what they are of."""
    found = {}
    for quality in ("full", "survival"):
        out = tmp_path / quality
        kept = ["--keep-stages", "--state-out", str(out / "state.fits")]
        assert main(["process", str(ROOT / "docs" / "sample"), "-o", str(out), "--quality", quality, *kept]) == 0
        found[quality] = read_table(out / "tracklets.ecsv")
        assert (out / "report.html").read_text("utf-8").count("<image ") == 1
    for row in found["survival"]:
        nearest = min(found["full"], key=lambda other: abs(row["x_px"] - other["x_px"]))
        assert abs(row["x_px"] - nearest["x_px"]) < 1.0
        assert abs(row["y_px"] - nearest["y_px"]) < 1.0
        assert abs(row["mag"] - nearest["mag"]) < 0.3
    assert len(found["survival"]) >= 1
    with fits.open(tmp_path / "survival" / "stages" / "set_0000.fits") as hdus:
        assert hdus[0].header["BINNING"] == 2
    capsys.readouterr()
    state = str(tmp_path / "survival" / "state.fits")
    assert main(["process", str(ROOT / "docs" / "sample"), "-o", str(tmp_path / "again"), "--state-in", state]) == 4
    assert "sum 2 x 2 pixels" in capsys.readouterr().err
    assert main(["process", str(ROOT / "docs" / "sample"), "-o", str(tmp_path / "no"), "--quality", "nonsense"]) == 4
    assert "full, lean, survival" in capsys.readouterr().err


def test_frames_that_are_no_sequence_are_each_alone(recordings, tmp_path):
    """Each is a set of one frame, and begins with what the first began with."""
    assert main(["process", str(recordings / "SIDEREAL"), "-o", str(tmp_path / "out"), "--independent"]) == 0
    rows = read_table(tmp_path / "out" / "housekeeping.ecsv")
    assert [row["n_frames"] for row in rows] == [1] * 8
    assert len({row["state_digest"] for row in rows}) == 1
    assert {row["status"] for row in read_table(tmp_path / "out" / "frames.ecsv")} == {"processed"}
