"""Fixtures shared by all tests: made-up recordings and their runs (once a session), and where the real frames are."""

import os
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from firmware_sim.scenarios.scenario import load  # noqa: E402
from firmware_sim.scene.render import Renderer  # noqa: E402
from firmware_sim.scene.settings.scene import Sensor  # noqa: E402
from sensorproc.catalog.stars import shipped  # noqa: E402
from sensorproc.cli import main  # noqa: E402
from sensorproc.frames import ObserverState  # noqa: E402
from sensorproc.geometry import pointed  # noqa: E402
from sensorproc.recording import open_recording  # noqa: E402
from sensorproc.recording.writer import write_frame  # noqa: E402
from tests.skies import cases  # noqa: E402


@pytest.fixture
def rng():
    return np.random.default_rng(20260301)


@pytest.fixture(scope="session")
def recordings(tmp_path_factory):
    """Folders of the made-up cases by name."""
    folder = tmp_path_factory.mktemp("recordings")
    for name in ("SIDEREAL", "BODY_FIXED", "EMPTY"):
        cases.write(getattr(cases, name), folder / name)
    return folder


@pytest.fixture(scope="session")
def runs(recordings, tmp_path_factory):
    """Output folders of ``process`` on the made-up cases, through the command line."""
    folder = tmp_path_factory.mktemp("runs")
    for name in ("SIDEREAL", "BODY_FIXED", "EMPTY"):
        arguments = ["process", str(recordings / name), "-o", str(folder / name), "--marking", "U", "--data-mode", "SIMULATED"]
        assert main(arguments) == 0
    return folder


@pytest.fixture(scope="session")
def pointed_run(recordings, tmp_path_factory):
    """The sidereal case with a pointing in its headers, so that messages can be written."""
    folder = tmp_path_factory.mktemp("pointed")
    camera = pointed(111.5, 95.5, 6.0, 40.0, 10.0, 30.0)
    observer = ObserverState((42164.0, 0.0, 0.0), (0.0, 3.0747, 0.0))
    for entry in open_recording(recordings / "SIDEREAL").entries:
        path = folder / entry.source.split("[")[0]
        write_frame(path, replace(entry.frame(0), camera=camera, observer=observer))
    out = folder / "out"
    assert main(["process", str(folder), "-o", str(out), "--marking", "U", "--data-mode", "TEST"]) == 0
    return out


@pytest.fixture(scope="session")
def data():
    """The reference frames; tests that need them are skipped where they are absent."""
    folder = Path(os.environ.get("SENSORPROC_DATA", ROOT.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"no reference frames at {folder}; set SENSORPROC_DATA")
    return folder


@pytest.fixture(scope="session")
def sensor():
    """A small simulated sensor."""
    return Sensor((200, 240), 3.0, 4.0, 1.5, 6.0, 300.0, 90000.0, 6.0, 21.5, 2.0)


@pytest.fixture(scope="session")
def renderer():
    """A small scene ready to be exposed."""
    return Renderer(load(ROOT / "tests" / "flight" / "mini.toml").scene, shipped())
