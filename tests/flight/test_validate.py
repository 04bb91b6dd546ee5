"""The accuracy court through the command line: it repeats itself, resumes, shards, and convicts."""

import json
import shutil
import subprocess
import sys
import time
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from firmware_sim.validation.suite import SUITES, load_suite, scenario_of
from sensorproc.cli import main
from sensorproc.scoring.figures.metrics import METRICS

TINY = (Path(__file__).parent / "tiny.toml").read_text()


def judged(folder, *arguments):
    return main(["validate", "--suite", str(folder / "tiny.toml"), "-o", str(folder / "out"), *arguments])


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    folder = tmp_path_factory.mktemp("court")
    (folder / "tiny.toml").write_text(TINY)
    assert judged(folder) == 0
    return folder


def test_a_run_is_whole_and_repeats_itself_in_shards(tiny, tmp_path, capsys):
    shutil.copy(tiny / "tiny.toml", tmp_path / "tiny.toml")
    assert judged(tmp_path, "--shard", "1/2", "--jobs", "1") == 0
    assert "shard 1/2: 1 of 2 skies" in capsys.readouterr().out
    assert judged(tmp_path, "--shard", "2/2", "--jobs", "1") == 0
    assert judged(tmp_path) == 0  # nothing left to run, only to judge
    first, second = ((folder / "out" / "result.json").read_bytes() for folder in (tiny, tmp_path))
    assert first == second
    result = json.loads(first)
    assert len(result["targets"]) == 16
    assert len({(row["seed"], row["id"]) for row in result["targets"]}) == 16
    report = (tiny / "out" / "report.md").read_text()
    assert "| set SNR |" in report
    assert "completeness" in report
    ET.parse(tiny / "out" / "junit.xml")
    assert (tiny / "out" / "completeness_snr.svg").read_text().startswith("<svg")


def test_what_is_done_is_kept_and_only_if_it_is_the_same(tiny, tmp_path):
    shutil.copytree(tiny, tmp_path, dirs_exist_ok=True)
    tasks = sorted((tmp_path / "out" / "tasks").iterdir())
    before = [path.stat().st_mtime_ns for path in tasks]
    tasks[1].write_text("cut sho")  # as a full disk leaves it
    assert judged(tmp_path, "--jobs", "1") == 0
    after = [path.stat().st_mtime_ns for path in tasks]
    assert after[0] == before[0]
    assert after[1] != before[1]
    assert (tmp_path / "out" / "result.json").read_bytes() == (tiny / "out" / "result.json").read_bytes()


def test_a_blind_detector_fails_its_gate_and_against_the_baseline(tiny, tmp_path, capsys):
    shutil.copy(tiny / "tiny.toml", tmp_path / "tiny.toml")
    (tmp_path / "blind.toml").write_text("[search]\nmargin_snr = 60.0\n")
    arguments = ["--payload", str(tmp_path / "blind.toml"), "--baseline", str(tiny / "out"), "--json"]
    assert judged(tmp_path, *arguments) == 5
    verdict = json.loads(capsys.readouterr().out)
    assert [gate["outcome"] for gate in verdict["gates"]] == ["fail"]
    assert any(change["is_worse"] and change["text"].startswith("completeness") for change in verdict["baseline"])
    assert set(verdict["figures"]) == set(METRICS)
    assert judged(tmp_path, "--seed", "5", "--baseline", str(tiny / "out"), "--jobs", "2") == 7


def test_workers_end_with_the_process_that_started_them(tmp_path):
    (tmp_path / "tiny.toml").write_text(TINY)
    command = [sys.executable, "-c", "from sensorproc.cli import run; run()", "validate", "-o", str(tmp_path / "o")]
    process = subprocess.Popen([*command, "--suite", str(tmp_path / "tiny.toml")], stderr=subprocess.DEVNULL)
    workers: set[int] = set()
    for _ in range(200):
        workers = children(process.pid)
        if len(workers) >= 2:
            break
        time.sleep(0.1)
    process.kill()
    process.wait()
    assert len(workers) >= 2
    for _ in range(200):
        if not any(is_running(pid) for pid in workers):
            return
        time.sleep(0.1)
    pytest.fail(f"still there: {workers}")


def is_running(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def children(pid):
    """Processes a process started (Linux)."""
    found = set()
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rsplit(")", 1)[1].split()
        except OSError:
            continue
        if int(fields[1]) == pid:
            found.add(int(stat.parent.name))
    return found


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (["--suite", "daily"], 4, "smoke, nightly, release"),
        (["--shard", "3/2"], 2, "i/n"),
        (["--seed", "-1"], 2, "--seed -1"),
        (["--payload", "none.toml"], 4, "none.toml"),
        (["--baseline", "none.json"], 4, "no result of validate"),
    ],
)
def test_mistakes_are_told(tmp_path, arguments, code, told, capsys):
    assert main(["validate", "-o", str(tmp_path), *arguments]) == code
    assert told in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("times = 3\n", "want one of"),
        ('like = "nightly"\n[[case]]\nname = "a"\nscenario = "empty_sky"\nn_seeds = 1\n', "want one of"),
        ('[[case]]\nname = "a"\nscenario = "nowhere"\nn_seeds = 1\n', "nowhere"),
        ('[[case]]\nname = "a"\nscenario = "empty_sky"\nn_seeds = 0\n', "$.case.0.n_seeds = 0"),
        ('[[case]]\nname = "a"\nscenario = "empty_sky"\nn_seed = 1\n', "did you mean 'n_seeds'"),
        ('[[case]]\nname = "a"\nscenario = "empty_sky"\nn_seeds = 1\nover.scene.sed = 1\n', "did you mean 'seed'"),
        ('[[case]]\nname = "a"\nscenario = "empty_sky"\nn_seeds = 1\n[[gate]]\nmetric = "luck"\n', "no such figure"),
    ],
)
def test_mistakes_of_a_suite_are_told_before_anything_runs(tmp_path, text, told, capsys):
    path = tmp_path / "s.toml"
    path.write_text(text)
    assert main(["validate", "--suite", str(path), "-o", str(tmp_path / "o")]) in (3, 4)
    assert told in capsys.readouterr().err
    assert not (tmp_path / "o").exists()


def test_release_is_nightly_with_more_skies():
    nightly, release = load_suite("nightly"), load_suite("release")
    assert release.gates == nightly.gates
    assert [case.n_seeds for case in release.cases] == [4 * case.n_seeds for case in nightly.cases]
    assert release.digest != nightly.digest


@pytest.mark.parametrize("name", SUITES)
def test_shipped_suites_use_no_seed_twice(name):
    suite = load_suite(name)
    cases = suite.cases[:100]  # of a larger zoo two instruments may share a seed, not a sky
    scenes = [scenario_of(case, place, 1, k).scene for place, case in enumerate(cases) for k in (0, case.n_seeds - 1)]
    assert len({scene.seed for scene in scenes}) >= len(scenes) - sum(case.n_seeds == 1 for case in cases)
    assert scenario_of(cases[0], 0, 2, 0).scene.seed not in {scene.seed for scene in scenes}
    assert all(gate.why for gate in suite.gates)
