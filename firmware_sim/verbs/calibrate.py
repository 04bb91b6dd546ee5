"""``firmware-sim calibrate``: costs of stages and the host's profile, from this machine."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from sensorproc.verbs.console import emit_json, progress


def calibrate(*, out: Annotated[Path, Parameter(name=["--out", "-o"])], json: bool = False) -> int:
    """Measure every stage at many sizes on this machine and fit what it costs; about six minutes.

    Parameters
    ----------
    out
        folder for host.toml and stages.toml; run takes them with --processor and --costs.
    json
        print as JSON.
    """
    from platform import processor, python_version

    from firmware_sim.cost import calibrate as measured
    from sensorproc.run_folder.building import building
    from sensorproc.run_folder.facts import program_facts

    profile = measured.measured_profile()
    with progress("measuring") as report:
        stages = measured.fitted(profile, report)
    by = f"Python {python_version()} on {processor() or 'this processor'}"
    with building(out, program_facts(["calibrate"])) as made:
        measured.write_profile(made.folder / "host.toml", profile)
        measured.write_stages(made.folder / "stages.toml", stages, by)
    if json:
        emit_json({"profile": profile, "stages": stages})
        return 0
    print(f"{'stage':24s} {'ns/px':>8s} {'spread':>7s} {'threads':>8s}")
    for name, cost in sorted(stages.items(), key=lambda item: -item[1].ops_px):
        print(f"{name:24s} {1e9 * cost.ops_px / profile.ops_per_core_s:8.2f} {cost.spread:7.2f} {cost.parallel:8.2f}")
    print(f"written to {out}")
    return 0
