"""Killed at any moment, a verb leaves the older run or the newer one, whole."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from sensorproc.run_folder import manifest

ROOT = Path(__file__).resolve().parents[2]
SAMPLE, MINI = ROOT / "docs" / "sample", ROOT / "tests" / "flight" / "mini.toml"
N_EACH = 25
SUITE = ROOT / "tests" / "flight" / "tiny.toml"


def command(module: str, *arguments: object) -> list[str]:
    return [sys.executable, "-c", f"from {module}.cli import main; import sys; sys.exit(main())", *map(str, arguments)]


def done(words: list[str]) -> int:
    env = os.environ | {"PYTHONPATH": str(ROOT)}
    return subprocess.run(words, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=580).returncode


@pytest.fixture(scope="module")
def flown(tmp_path_factory):
    folder = tmp_path_factory.mktemp("flown")
    assert done(command("firmware_sim", "run", MINI, "-o", folder / "run")) == 0
    return folder / "run"


def verbs(flown: Path, folder: Path) -> dict[str, tuple[list[str], list[str]]]:
    """By name: what made the older run in ``folder/out``, and what is killed."""
    mark = ("--data-mode", "SIMULATED", "--marking")
    process = ("process", SAMPLE, "-o", folder / "out", *mark)
    decode = ("decode", flown / "downlink.bin", "-o", folder / "out", *mark)
    fly = ("run", MINI, "-o", folder / "out", "--recording", flown / "recording", "--marking")
    judge = ("validate", "--suite", SUITE, "-o", folder / "out", "--seed")
    return {
        "process": (command("sensorproc", *process, "OLD"), command("sensorproc", *process, "NEW")),
        "decode": (command("sensorproc", *decode, "U"), command("sensorproc", *decode, "U", "--format", "ecsv,ds9")),
        "run": (command("firmware_sim", *fly, "OLD"), command("firmware_sim", *fly, "NEW")),
        "validate": (command("sensorproc", *judge, "1"), command("sensorproc", *judge, "2")),
    }


@pytest.mark.slow
@pytest.mark.parametrize("verb", ["process", "decode", "run", "validate"])
def test_a_killed_verb_leaves_a_whole_run(flown, tmp_path, verb, rng):
    older, newer = verbs(flown, tmp_path)[verb]
    out, env = tmp_path / "out", os.environ | {"PYTHONPATH": str(ROOT)}
    begun = time.monotonic()
    assert done(older) == 0
    lasts_s = time.monotonic() - begun
    old = manifest.demand_whole(out)["argv"]
    seen = set()
    for _ in range(N_EACH):
        process = subprocess.Popen(newer, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
        time.sleep(float(rng.uniform(0.0, 1.1 * lasts_s)))
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        facts = manifest.demand_whole(out)  # every file is that of one run
        seen.add(json.dumps(facts["argv"] == old))
        if facts["argv"] != old:
            assert done(older) == 0
    assert "true" in seen
    assert done(newer) == 0
    assert manifest.demand_whole(out)["argv"] != old
    assert {path.name for path in tmp_path.iterdir()} == {"out"}


@pytest.mark.slow
@pytest.mark.parametrize("verb", ["process", "decode", "run", "validate"])
@pytest.mark.parametrize("most_kb", [0, 3, 30, 300])
def test_a_full_disk_leaves_the_older_run(flown, tmp_path, verb, most_kb):
    """Files that may not grow beyond a size, as on a disk that fills up."""
    older, newer = verbs(flown, tmp_path)[verb]
    assert done(older) == 0
    before = manifest.demand_whole(tmp_path / "out")
    limited = ["bash", "-c", f'ulimit -f {most_kb}; exec "$@"', "bash", *newer]
    env = os.environ | {"PYTHONPATH": str(ROOT)}
    told = subprocess.run(limited, env=env, capture_output=True, text=True, timeout=580)
    after = manifest.demand_whole(tmp_path / "out")
    if told.returncode:
        assert after == before
        assert "Traceback" not in told.stderr
    else:
        assert after["argv"] != before["argv"]
