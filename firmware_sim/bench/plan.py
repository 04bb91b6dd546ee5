"""From a schedule to what is run: its frames in memory, what the payload believes, and how many frames there are."""

import math
from collections.abc import Callable
from pathlib import Path

from firmware_sim.bench.faults import LinkFaults
from firmware_sim.bench.judgement.budget import Budget
from firmware_sim.bench.ring import ring_of
from firmware_sim.bench.run import Plan
from firmware_sim.bench.schedule import Schedule
from firmware_sim.scenarios.scenario import load as load_scenario
from firmware_sim.scenarios.simulate import simulate
from sensorproc.config import Config, load, with_quality
from sensorproc.errors import ConfigError, InputError
from sensorproc.frame_sets import calibrated
from sensorproc.onboard.state import PayloadState
from sensorproc.recording import Recording, open_recording

Progress = Callable[[str, int, int], None]


def planned(
    asked: Schedule, duration_s: float, cadence_s: float | None, quality: str | None, faults: LinkFaults | None, budget: Budget,
    folder: Path, progress: Progress,
) -> Plan:  # fmt: skip
    """What a schedule asks for, for so long; frames of a scenario are rendered into ``folder``.

    Raises
    ------
    ConfigError
        If the payload does not know its cadence, or exposures are longer than that.
    InputError
        If no whole set fits into the time.
    """
    recording, base = _recording(asked, folder, progress)
    config = with_quality(asked.configured(base, cadence_s), quality)
    sensor = config.sensor
    if sensor.cadence_s is None or sensor.shape_px is None:
        raise ConfigError([f"{asked.name}: $.payload.sensor: a payload behind a link must know cadence_s and shape_px"])
    exposure_s = min(sensor.exposure_s or recording.entries[0].exposure_s, sensor.cadence_s)
    ring = ring_of(recording, sensor.cadence_s, exposure_s, asked.readout_s, asked.ring)
    n_set = config.frame_set.max_frames
    n_sets = math.floor(duration_s / sensor.cadence_s + 1e-9) // n_set
    if n_sets < 1:
        raise InputError(f"{duration_s:g} s are less than one set of {n_set} frames every {sensor.cadence_s:g} s")
    states = {detector: calibrated(PayloadState(), recording, config) for detector in ring.frames}
    return Plan(ring, config, states, n_sets * n_set, faults or asked.inject, budget)


def _recording(asked: Schedule, folder: Path, progress: Progress) -> tuple[Recording, Config]:
    """The frames, and what the payload believes of them."""
    if asked.scenario is not None:
        scenario = load_scenario(asked.scenario)
        if asked.ring is not None:
            scenario = scenario.with_scene(n_frames=asked.ring)
        simulate(scenario, folder / "recording", progress)
        return open_recording(folder / "recording"), scenario.payload
    assert asked.recording is not None
    beside = asked.recording / "payload.toml"
    return open_recording(asked.recording), load(beside) if beside.is_file() else load("geo_search_2k")
