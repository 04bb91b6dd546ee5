"""The README's examples do what the README says they print, and its picture is the demo's."""

import json
import re
import shlex
from pathlib import Path

import cv2
import numpy as np
import pytest

from firmware_sim import cli as firmware_sim
from sensorproc import cli as sensorproc
from sensorproc.ground.table_reader import read_table

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text("utf-8")
EXAMPLES = re.findall(r"```console\n\$ ([^\n]+)\n(.*?)```", README, re.DOTALL)
COMMANDS = {"sensorproc": sensorproc, "firmware-sim": firmware_sim}
NUMBER = re.compile(r"[+-]?\d+(?:\.\d+)?")


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    """The demo flight, as ``make demo`` flies it: its folder and what it printed."""
    return _run(tmp_path_factory.mktemp("demo"), "firmware-sim run")


def _run(folder, start):
    (command, shown) = next(pair for pair in EXAMPLES if pair[0].startswith(start))
    words = shlex.split(command)
    given = words[words.index("-o") + 1]
    words[words.index("-o") + 1] = str(folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(ROOT)
        printed: list[str] = []
        patch.setattr("builtins.print", lambda *a, **k: printed.append(" ".join(map(str, a))) if "file" not in k else None)
        assert COMMANDS[words[0]].main(words[1:]) == 0
    return folder, "\n".join(printed).replace(str(folder), given), shown


def test_the_recording_example_prints_what_is_shown(tmp_path):
    _, printed, shown = _run(tmp_path, "sensorproc process")
    assert printed.strip() == shown.strip()


def test_the_demo_prints_what_is_shown(demo):
    """Word by word; numbers may differ in their last places, for another processor rounds differently."""
    _, printed, shown = demo
    assert NUMBER.sub("#", printed.strip()) == NUMBER.sub("#", shown.strip())
    for ours, theirs in zip(NUMBER.findall(printed), NUMBER.findall(shown), strict=True):
        assert float(ours) == pytest.approx(float(theirs), rel=0.02, abs=0.06)


def test_the_demo_finds_what_it_should(demo):
    facts = json.loads((demo[0] / "summary.json").read_text())
    assert facts["n_found"] >= 0.9 * facts["n_demanded"]
    assert facts["n_demanded"] >= 20
    assert facts["n_false_tracklets"] == 0
    assert facts["busiest_60_s_bit_s"] <= facts["link_bit_s"] == 64_000
    assert facts["n_slips"] == facts["n_missing_packets"] == 0
    assert all(t["error_arcsec"] < 0.6 for t in facts["targets"] if t["snr"] > 300)  # a tenth of a pixel
    assert {row["sky"] for row in read_table(demo[0] / "frames.ecsv")} == {"stars"}  # solved on the shipped table


def test_the_picture_is_the_demos(demo):
    ours, shown = (cv2.imread(str(path)) for path in (demo[0] / "picture.jpg", ROOT / "docs" / "demo.jpg"))
    assert ours.shape == shown.shape
    assert np.abs(ours.astype(float) - shown).mean() < 1.0
    page = (demo[0] / "report.html").read_text("utf-8")
    assert "http" not in page.replace("http://www.w3.org", "")  # one file, no network
    for text in ("Targets and what became of them", "transfer orbit stage", "Frame set 1", "Tracklets"):
        assert text in page


def test_commands_named_in_the_readme_exist():
    named = {tuple(command.split()[:2]) for command, _ in EXAMPLES}
    assert named == {("sensorproc", "process"), ("firmware-sim", "run")}
    for verb in re.findall(r"`sensorproc (\w+)", README):
        assert verb in {*sensorproc.VERBS, "config", "catalog"}
    for verb in re.findall(r"`firmware-sim (\w+)", README):
        assert verb in firmware_sim.VERBS


def test_the_sample_is_what_its_recipe_makes(tmp_path):
    from tests.skies.cases import SAMPLE, write

    write(SAMPLE, tmp_path)
    for path in sorted((ROOT / "docs" / "sample").iterdir()):
        assert path.read_bytes() == (tmp_path / path.name).read_bytes(), path.name


def test_the_camera_turns_as_its_stars_trail(demo):
    """The rate between the frames' attitudes and the length of the stars' trails are measured apart and agree to 2 %."""
    rows = [row for row in read_table(demo[0] / "frames.ecsv") if row["sky"] == "stars"]
    trails = [np.hypot(row["trail_x_px"], row["trail_y_px"]) * row["ifov_arcsec"] / row["exposure_s"] for row in rows]
    assert len(rows) == 32
    assert np.median([row["turn_arcsec_s"] for row in rows]) == pytest.approx(np.median(trails), rel=0.02)
