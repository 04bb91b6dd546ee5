"""``firmware-sim simulate``: a scenario as a recording with truth."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from sensorproc.verbs.console import emit_json, progress


def simulate(
    scenario: str,
    *,
    out: Annotated[Path, Parameter(name=["--out", "-o"])],
    preset: str | None = None,
    seed: int | None = None,
    json: bool = False,
) -> int:
    """Render a scenario.

    Parameters
    ----------
    scenario
        TOML file or the name of a shipped scenario.
    out
        folder for frames/, truth.json, payload.toml and badpix.csv.gz.
    preset
        another payload than the scenario's: name of a preset or TOML file.
    seed
        another seed than the scenario's.
    json
        print as JSON.
    """
    from firmware_sim.scenarios.scenario import load, with_seed
    from firmware_sim.scenarios.simulate import simulate as render
    from sensorproc.run_folder.building import building
    from sensorproc.run_folder.facts import command_line, program_facts

    flown = with_seed(load(scenario, preset), seed)
    options = {"preset": preset, "seed": seed}
    argv = command_line("simulate", scenario, options)
    with building(out, program_facts(argv), alone="frames") as run, progress("rendering") as report:
        render(flown, run.folder, report)
    ny, nx = flown.scene.sensor.shape_px
    if json:
        facts = {
            "name": flown.name,
            "out": str(out),
            "n_frames": flown.scene.n_frames,
            "shape_px": [ny, nx],
            "seed": flown.scene.seed,
        }
        emit_json(facts)
    else:
        print(f"{flown.name}: {flown.scene.n_frames} frames of {nx} x {ny} px, seed {flown.scene.seed}, in {out}")
    return 0
