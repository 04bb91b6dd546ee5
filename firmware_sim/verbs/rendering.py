"""What verbs that fly share: the frames they fly, given or rendered."""

from pathlib import Path

from firmware_sim.scenarios.scenario import Scenario
from firmware_sim.scenarios.simulate import simulate
from sensorproc.run_folder.building import Building, building
from sensorproc.verbs.console import progress


def recording_of(scenario: Scenario, given: Path | None, run: Building) -> Path:
    """The frames that are given, else the scenario's, rendered into the run as a run of their own."""
    if given is not None:
        return given
    frames = run.folder / "recording"
    with building(frames, dict(run.facts)) as rendered, progress("rendering") as report:
        simulate(scenario, rendered.folder, report)
    return frames
