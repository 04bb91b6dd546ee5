"""``firmware-sim campaign``: every kind of fault, many times, and what became of the products."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from sensorproc.verbs.console import emit_json, progress


def campaign(
    scenario: str = "fault_matrix",
    *,
    out: Annotated[Path, Parameter(name=["--out", "-o"])],
    n_each: int = 120,
    seed: int = 1,
    recording: Path | None = None,
    json: bool = False,
) -> int:
    """Inject every kind of fault and judge every dwell's products against the same flight without faults; exit 5 if any is wrong.

    Parameters
    ----------
    scenario
        TOML file or the name of a shipped scenario: its sky and payload.
    out
        folder for recording/ and campaign.md.
    n_each
        faults of every kind.
    seed
        of the faults.
    recording
        frames already rendered by simulate, instead of new ones.
    json
        print as JSON.
    """
    from firmware_sim.scenarios import campaign as flights
    from firmware_sim.scenarios.scenario import load
    from firmware_sim.verbs.rendering import recording_of
    from sensorproc.errors import UsageError
    from sensorproc.recording import open_recording
    from sensorproc.run_folder.building import building
    from sensorproc.run_folder.facts import command_line, program_facts

    flown = load(scenario)
    if not 1 <= n_each <= 10_000 or seed < 0:
        raise UsageError(f"--n-each {n_each} --seed {seed}: want 1 to 10000 faults of a kind, and a seed of 0 or more")
    argv = command_line("campaign", scenario, {"n-each": n_each, "seed": seed, "recording": recording})
    with building(out, program_facts(argv), (recording,)) as made:
        frames = recording_of(flown, recording, made)
        with progress("flying") as report:
            rows = flights.campaign(open_recording(frames), flown, n_each, seed, report)
        text = flights.table(rows)
        (made.folder / "campaign.md").write_text(text + "\n", "utf-8")
    if json:
        emit_json(rows)
    else:
        print(text)
    return 5 if any(row.n_wrong for row in rows) else 0
