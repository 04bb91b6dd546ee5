"""Recordings and payloads of hardware in the loop, small enough for every run of the tests."""

from pathlib import Path

import pytest

from firmware_sim.bench.ring import ring_of
from firmware_sim.scenarios.scenario import load
from firmware_sim.scenarios.simulate import simulate
from sensorproc.config import load as load_config
from sensorproc.recording import open_recording

HERE = Path(__file__).parent
MINI, SCENE = HERE / "mini.toml", HERE.parent / "flight" / "mini.toml"


@pytest.fixture(scope="session")
def frames(tmp_path_factory):
    """The folder of a small recording: two sets of eight frames."""
    folder = tmp_path_factory.mktemp("live") / "recording"
    simulate(load(SCENE), folder)
    return folder


@pytest.fixture(scope="session")
def ring(frames):
    """The same frames, to be played at the small payload's rate."""
    sensor = load_config(MINI).sensor
    return ring_of(open_recording(frames), sensor.cadence_s, sensor.exposure_s, 0.0, None)
