"""Ctrl-C ends a command in one line and with its own exit code, at any time."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

SAMPLE = Path(__file__).parent.parent / "docs" / "sample"
DELAYS = [0.3, 0.6, 1.0, 1.6, 2.5]


def interrupted(tmp_path, delay, function, *arguments):
    code = f"from sensorproc.verbs.start import {function}; print('up', flush=True); {function}()"
    command = [sys.executable, "-c", code, *map(str, arguments)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "up\n"
        time.sleep(delay)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
    return process.returncode, err


@pytest.mark.parametrize("delay", [0.0, *DELAYS])
def test_an_interrupt_is_one_line_and_75(tmp_path, delay):
    code, err = interrupted(tmp_path, delay, "sensorproc", "process", SAMPLE, "-o", tmp_path / "out")
    if code == 0:
        pytest.skip("it was done before")
    assert code == 75
    assert err.strip().splitlines()[-1] == "sensorproc: interrupted"
    assert "Traceback" not in err


def test_the_simulator_too(tmp_path):
    code, err = interrupted(tmp_path, 1.5, "firmware_sim", "run", "geo_demo", "-o", tmp_path / "out")
    assert (code, "Traceback" in err) == (75, False)
