"""``firmware-sim bench``: hardware in the loop."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from sensorproc.verbs.console import emit_json, note, progress


def bench(
    *,
    schedule: Path,
    target: str = "local",
    duration: float = 60.0,
    budget: Path | None = None,
    out: Annotated[Path, Parameter(name=["--out", "-o"])],
    tm: str | None = None,
    cadence: float | None = None,
    inject: str | None = None,
    quality: str | None = None,
    name: str | None = None,
    find_rate: str | None = None,
    json: bool = False,
) -> int:
    """Play frames to a payload at a fixed schedule, measure it from outside, and judge: 6 if it missed a limit, 1 if its products
    are not those of the ground.

    Parameters
    ----------
    schedule
        TOML file: the recording or scenario whose frames are played, how often, and what the payload believes otherwise.
    target
        local, which starts a payload on this machine, or tcp://HOST:PORT of the frame link of one that runs.
    duration
        seconds to play; whole sets of it.
    budget
        TOML file of limits; without one nothing may be missed or lost.
    out
        folder for results.json, report.html, junit.xml, environment.json, timeline.json.
    tm
        where packets of a payload elsewhere come: udp://HOST:PORT of this machine.
    cadence
        seconds between frames, instead of the schedule's.
    inject
        faults of the link, by the share of frames: drop=,corrupt=,late=,duplicate=.
    quality
        what the payload spends: full, lean, survival, or a TOML file.
    name
        of the result; that of the schedule without one.
    find_rate
        LOW:HIGH in Hz: the highest rate between them that is kept, every step as long as --duration.
    json
        print the result as JSON.
    """
    from json import dumps

    from firmware_sim.bench.faults import parse_faults
    from firmware_sim.bench.judgement.budget import load_budget
    from firmware_sim.bench.plan import planned
    from firmware_sim.bench.rate import best, highest_rate
    from firmware_sim.bench.report import latency_line, text, write_report
    from firmware_sim.bench.run import run
    from firmware_sim.bench.schedule import load_schedule
    from firmware_sim.link.address import parse_address
    from sensorproc.errors import UsageError
    from sensorproc.run_folder.building import building
    from sensorproc.run_folder.facts import command_line, program_facts

    if target != "local" and tm is None:
        raise UsageError(f"--target {target}: a payload elsewhere sends its packets somewhere; give --tm udp://HOST:PORT")
    rates = _rates(find_rate)
    if rates and target != "local":
        raise UsageError("--find-rate: only of a payload that the bench starts, for its cadence is a setting")
    if not duration > 0:
        raise UsageError(f"--duration {duration:g}: want more than 0 seconds")
    asked, limits, faults = load_schedule(schedule), load_budget(budget), parse_faults(inject)
    address = None if target == "local" else parse_address(target, "tcp")
    options = {"duration": duration, "budget": budget, "target": target, "cadence": cadence, "inject": inject, "quality": quality}
    with building(out, program_facts(command_line("bench", schedule, options))) as made, progress("bench") as report:
        plan = planned(asked, duration, cadence, quality, faults, limits, made.folder, report)
        plan = plan.at(address, parse_address(tm, "udp") if tm else None)
        steps = highest_rate(plan, *rates, made.folder, report) if rates else []
        kept = best(steps) or (steps[-1] if steps else None)
        result = kept.result if kept else run(plan, made.folder, report)
        facts = write_report(result, name or asked.name, made.folder)
        (made.folder / "rates.json").write_text(dumps([step.row() for step in steps], indent=1) + "\n", "utf-8")
    for step in steps:
        note(f"{step.rate_hz:.3g} Hz: {step.result.outcome}; {latency_line(step.result.measured.last_packet.row()).strip()}")
    if json:
        emit_json(facts)
    else:
        print(text(facts) + f"\nreport in {out / 'report.html'}")
    if result.outcome == "void":
        note("note: others had so much of this machine that the run says nothing; run it again")
    return {"pass": 0, "INVALID": 1}.get(result.outcome, 6)


def _rates(text: str | None) -> tuple[float, float] | None:
    """Lowest and highest of ``LOW:HIGH``."""
    from sensorproc.errors import UsageError

    if text is None:
        return None
    try:
        low, high = (float(part) for part in text.split(":"))
    except ValueError:
        low = high = 0.0
    if not 0.0 < low < high:
        raise UsageError(f"--find-rate {text}: want LOW:HIGH in Hz, such as 0.5:4")
    return low, high
