"""Flights shared by tests: a small one, and the demo (once a session)."""

import json
from pathlib import Path

import pytest

from firmware_sim.cli import main
from sensorproc.recording import open_recording

MINI = Path(__file__).parent / "mini.toml"


@pytest.fixture(scope="session")
def mini(tmp_path_factory):
    """Folder of a small flight, through the command line."""
    out = tmp_path_factory.mktemp("mini")
    assert main(["run", str(MINI), "-o", str(out)]) == 0
    return out


@pytest.fixture(scope="session")
def mini_summary(mini):
    return json.loads((mini / "summary.json").read_text())


@pytest.fixture(scope="session")
def recording(mini):
    """The small flight's frames."""
    return open_recording(mini / "recording")
