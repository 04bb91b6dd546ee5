"""Frames of a real space telescope and third-party simulations, through the command line. The bars of first light."""

import csv
import gzip
import json
import math

import numpy as np
import pytest

from sensorproc.cli import main
from sensorproc.ground.table_reader import read_table
from sensorproc.recording.files import number_key
from sensorproc.scoring.frames import score
from sensorproc.scoring.truth import load_truth
from tests.skies.wcs import displaced, from_header

pytestmark = pytest.mark.real
DEFECTS = ((988, 18), (438, 75), (698, 98), (81, 216), (974, 203))  # elongated, fixed to the detector, in every frame


@pytest.fixture(scope="module")
def neossat(data, tmp_path_factory):
    out = tmp_path_factory.mktemp("neossat")
    recording = data / "neossat" / "seqA_2021A1"
    assert main(["process", str(recording), "-o", str(out), "--marking", "U", "--data-mode", "TEST"]) == 0
    return out


def test_the_comet_is_a_tracklet(data, neossat):
    truth = list(csv.DictReader((data / "neossat" / "comet_track_dev.csv").open()))[:8]
    rows = {(r["tracklet_id"], r["frame"]): r for r in read_table(neossat / "detections.ecsv")}
    best = 0
    for tracklet in read_table(neossat / "tracklets.ecsv"):
        errors = [
            (
                rows[tracklet["tracklet_id"], k]["x_px"] - float(t["x_pix0"]),
                rows[tracklet["tracklet_id"], k]["y_px"] - float(t["y_pix0"]),
            )
            for k, t in enumerate(truth)
            if (tracklet["tracklet_id"], k) in rows
        ]
        if len(errors) >= 7 and np.sqrt(np.mean(np.array(errors) ** 2, axis=0)).max() < 1.0:
            best = max(best, len(errors))
    assert best >= 7


WINDOWS = [(a, b) for a in range(6) for b in (8, 11, 12, 13) if b - a >= 6]  # three frames and more on each side of the pause


@pytest.mark.parametrize(
    ("first", "end"), [(5, 11), *(pytest.param(*w, marks=pytest.mark.slow) for w in WINDOWS if w != (5, 11))]
)
def test_the_comet_is_in_every_frame_of_every_part_of_the_recording_once(data, tmp_path, first, end):
    (tmp_path / "rec").mkdir()
    for file in sorted((data / "neossat" / "seqA_2021A1").iterdir())[first:end]:
        (tmp_path / "rec" / file.name).symlink_to(file)
    assert main(["process", str(tmp_path / "rec"), "-o", str(tmp_path / "out")]) == 0
    places = [(float(t["x_pix0"]), float(t["y_pix0"])) for t in csv.DictReader((data / "neossat" / "comet_track_dev.csv").open())]
    rows = [r for r in read_table(tmp_path / "out" / "detections.ecsv") if r["tracklet_id"] >= 0]
    near = [r["frame"] for r in rows if math.dist((r["x_px"], r["y_px"]), places[first + r["frame"]]) < 2.0]
    assert sorted(near) == list(range(end - first))


def test_nothing_else_moves(neossat):
    assert len(read_table(neossat / "tracklets.ecsv")) == 2  # the comet in both sets
    for row in read_table(neossat / "detections.ecsv"):
        if row["tracklet_id"] >= 0:
            assert all(math.hypot(row["x_px"] - x, row["y_px"] - y) > 6 for x, y in DEFECTS)


def test_the_streaks_are_those_of_satellites(neossat):
    """Six bright ones, all long, and a faint one of frame 4, as lumpy as what tumbles; no deferred charge along a column."""
    streaks = [r for r in read_table(neossat / "detections.ecsv") if r["tracklet_id"] < 0]
    assert sorted(r["frame"] for r in streaks) == [4, 4, 5, 7, 7, 7, 9]
    bright = [r for r in streaks if r["snr"] > 20.0]
    assert sorted(r["frame"] for r in bright) == [4, 5, 7, 7, 7, 9]
    assert min(r["length_px"] for r in bright) > 250.0
    assert min(r["length_px"] for r in streaks) > 150.0


def test_the_frames_are_as_noisy_as_their_charge(neossat):
    """The sensor cools by one kelvin: with one pattern for all eight frames their noise was 34 to 63 e-."""
    dark = [row["noise_e"] for row in read_table(neossat / "frames.ecsv")][:8]
    assert min(dark) > 26.0
    assert max(dark) < 34.0


def test_the_satellite_streak_lies_on_its_line(neossat):
    streaks = [r for r in read_table(neossat / "detections.ecsv") if r["frame"] == 9 and r["kind"] == "streak"]
    (streak,) = [r for r in streaks if r["length_px"] > 600]
    assert streak["angle_deg"] == pytest.approx(math.degrees(math.atan(-0.30232)), abs=0.3)
    half, angle = 0.5 * streak["length_px"], math.radians(streak["angle_deg"])
    for end in (-half, 0.0, half):
        x, y = streak["x_px"] + end * math.cos(angle), streak["y_px"] + end * math.sin(angle)
        assert abs(y - (-0.30232 * x + 791.36)) * math.cos(angle) < 1.0


def test_frames_and_products_are_complete(neossat):
    frames = read_table(neossat / "frames.ecsv")
    assert [row["status"] for row in frames] == ["processed"] * 13
    assert all(row["noise_e"] < 140 for row in frames)
    assert json.loads((neossat / "gaps.json").read_text())["n_missing"] == 0
    assert len(list((neossat / "products" / "wcs").glob("*.wcs"))) == 13


@pytest.mark.parametrize(
    ("name", "truth"), [("s1_sidereal_geo", "."), ("dev_bodyfixed", "truth.json"), ("dev_sidereal", "truth.json")]
)
def test_simulations_with_truth(data, tmp_path, name, truth):
    recording = data / "satsim" / name
    assert main(["process", str(recording), "-o", str(tmp_path)]) == 0
    result = score(read_table(tmp_path / "detections.ecsv"), load_truth(recording / truth))
    strong = [t for t in result["targets"] if t["snr"] >= 8]
    assert sum(t["found"] >= 0.5 * t["n"] for t in strong) >= len(strong) - 1
    assert result["n_false_tracklets"] <= 2
    assert result["centroid"]["across_rms_px"] <= 0.3


def test_radiation_costs_only_what_is_faint(data, tmp_path):
    recording = data / "satsim" / "dev_radiation"
    assert main(["process", str(recording), "-o", str(tmp_path)]) == 0
    result = score(read_table(tmp_path / "detections.ecsv"), load_truth(recording / "truth.json"))
    bright = [t for t in result["targets"] if t["snr"] >= 5.0]
    assert len(bright) >= 5
    assert all(t["found"] == t["n"] for t in bright)
    assert result["n_false_tracklets"] == 0
    assert all(row["threshold_snr"] <= 9.0 for row in read_table(tmp_path / "housekeeping.ecsv"))


@pytest.mark.parametrize("name", ["cmos", "crowded", "pairs", "empty"])
def test_one_bright_column_makes_no_objects(data, tmp_path, name):
    """Third-party detectors with a lasting bright part of a column: 190 false tracklets in one set once."""
    recording = data / "satsim" / f"dev_{name}_column"
    assert main(["process", str(recording), "-o", str(tmp_path)]) == 0
    detections = read_table(tmp_path / "detections.ecsv")
    result = score(detections, load_truth(recording / "truth.json"))
    assert result["n_false_tracklets"] == 0
    assert sum(row["tracklet_id"] < 0 for row in detections) == 0
    assert all(t["found"] >= 0.9 * t["n"] for t in result["targets"] if t["snr"] >= 4.5)


def test_fading_stray_light_makes_no_objects(data, tmp_path):
    recording = data / "satsim" / "dev_stray_bright"
    assert main(["process", str(recording), "-o", str(tmp_path)]) == 0
    result = score(read_table(tmp_path / "detections.ecsv"), load_truth(recording / "truth.json"))
    assert result["n_false_detections"] == 0
    assert all(t["found"] == t["n"] for t in result["targets"] if t["snr"] >= 4.0)


def test_a_slewing_frame_is_rejected_with_its_rate(data, tmp_path):
    path = data / "neossat" / "misc" / "NEOS_SCI_2024239174545_cord.fits.gz"
    assert main(["process", str(path), "-o", str(tmp_path)]) == 4  # nothing was processed
    (row,) = read_table(tmp_path / "frames.ecsv")
    assert row["status"] == "rejected: SLEWING"
    (event,) = read_table(tmp_path / "events.ecsv")
    assert event["value_1"] > 30  # arcsec/s


def test_the_comet_is_extended_and_slow(neossat):
    comet = next(t for t in read_table(neossat / "tracklets.ecsv") if t["first_frame"] < 8 and t["snr"] > 1000)
    assert "EXTENDED" in comet["flags"]
    assert "SLOW" in comet["flags"]


@pytest.mark.parametrize("name", ["Alt40_Azi-135", "Alt40_Azi135", "Alt60_Azi-135", "Alt60_Azi135"])
def test_a_star_camera_is_placed_from_its_field_alone(data, tmp_path, name):
    """No pointing, no time that matters: the scale of a field of 11.4 deg. Half of the field within 0.5 px of Astrometry.net."""
    (packed,) = (data / "tetra3").glob(f"*{name}_*.tiff.gz")
    frame = tmp_path / packed.stem
    frame.write_bytes(gzip.decompress(packed.read_bytes()))
    payload = _of_scale(tmp_path, 11.43 / 1024 * 3600)
    assert main(["process", str(frame), "-o", str(tmp_path / "out"), "--payload", payload]) == 0
    assert _misplaced(tmp_path / "out", 0, packed.with_name(packed.name.replace(".tiff.gz", ".wcs"))) < 0.5


def test_a_frame_without_pointing_is_placed(data, tmp_path):
    """A real frame whose header says nothing of where it looks: the band of small fields, stars saturated to mag 11."""
    frame = data / "neossat" / "misc" / "NEOS_SCI_2015347145603_clean.fits.gz"
    assert main(["process", str(frame), "-o", str(tmp_path / "out"), "--payload", _of_scale(tmp_path, 3.0)]) == 0
    assert _misplaced(tmp_path / "out", 0, data / "neossat" / "wcs_truth" / "NEOS_SCI_2015347145603_clean.wcs") < 0.25


def _of_scale(folder, ifov_arcsec):
    """A payload file that says nothing but the angle of a pixel."""
    path = folder / "payload.toml"
    path.write_text(f"[sensor]\nifov_arcsec = {ifov_arcsec}\n", "utf-8")
    return str(path)


def _misplaced(run, frame, truth):
    """Median distance [px] over the field between a WCS product and a reference header."""
    row = next(r for r in read_table(run / "frames.ecsv") if r["frame"] == frame)
    assert row["sky"] == "stars"
    return float(np.median(np.hypot(*displaced(run / "products" / "wcs" / f"{frame:04d}.wcs", from_header(truth)).T)))


def test_frames_of_four_pointings_are_each_solved_alone(data, tmp_path):
    """Four fields of one camera, in one folder: no sequence. Astrometry.net's solutions lie beside them."""
    folder = data / "tetra3"
    (tmp_path / "camera.toml").write_text("[sensor]\nifov_arcsec = 40.2\n")
    arguments = ["process", str(folder), "-o", str(tmp_path / "out"), "--independent", "--payload", str(tmp_path / "camera.toml")]
    assert main(arguments) == 0
    rows = read_table(tmp_path / "out" / "frames.ecsv")
    solved = [from_header(path) for path in sorted(folder.glob("*.wcs"), key=lambda path: number_key(path.name))]
    assert len(rows) == len(solved) == 4
    for row, wcs in zip(rows, solved, strict=True):
        ra, dec = wcs.all_pix2world(511.5, 383.5, 0)
        east = (row["ra_deg"] - float(ra)) * math.cos(math.radians(float(dec)))
        assert math.hypot(east, row["dec_deg"] - float(dec)) * 3600 < 40.2 * 2  # undated: up to an arcminute of aberration
