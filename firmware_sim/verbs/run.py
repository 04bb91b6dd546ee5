"""``firmware-sim run``: a whole flight in virtual time."""

from pathlib import Path
from typing import Annotated, Any, Literal

from cyclopts import Parameter

from sensorproc.verbs.console import emit_json, note, plain, progress

DEMANDED_SNR = 10.0  # over the set: what such a payload is expected to find


def run(
    scenario: str,
    *,
    out: Annotated[Path, Parameter(name=["--out", "-o"])],
    recording: Path | None = None,
    preset: str | None = None,
    quality: str | None = None,
    seed: int | None = None,
    processor: str | None = None,
    link_bit_s: float | None = None,
    memory_bytes: int | None = None,
    inject: str | None = None,
    costs: Path | None = None,
    marking: str = "U",
    data_mode: Literal["TEST", "SIMULATED", "EXERCISE"] = "SIMULATED",
    accept_losses: bool = False,
    json: bool = False,
) -> int:
    """Render a scenario, fly it through the simulated payload, downlink it, decode it and compare it with the truth.

    Parameters
    ----------
    scenario
        TOML file or the name of a shipped scenario.
    out
        folder for everything: recording/, downlink.bin, tables, products/, timeline.json, report.html.
    recording
        frames already rendered by simulate, instead of new ones.
    preset
        another payload than the scenario's: name of a preset or TOML file.
    quality
        what the payload spends: full, lean, survival, or a TOML file of settings that go before its own.
    seed
        another seed than the scenario's.
    processor
        another processor: profile name or TOML file.
    link_bit_s
        another link rate, bit/s.
    memory_bytes
        another memory budget.
    inject
        faults besides the scenario's: kind=N (an hour) or kind@T (seconds), with commas: seu=6,hang@120,outage@300.
    costs
        stages.toml of calibrate, instead of the shipped costs.
    marking
        classification marking of the products.
    data_mode
        data mode of the products; simulated frames are never REAL.
    accept_losses
        exit 0 although deadlines were missed or sets lost, which is 6 otherwise.
    json
        print the summary as JSON.
    """
    from json import dumps

    from firmware_sim.board.memory import BudgetError
    from firmware_sim.board.processor_profile import load_profile
    from firmware_sim.flight.fly import fly
    from firmware_sim.flight.review import remarks, shortfalls, summary, text, write_flight_report
    from firmware_sim.scenarios.scenario import load, with_board, with_faults, with_seed
    from firmware_sim.verbs.rendering import recording_of
    from sensorproc.errors import UsageError
    from sensorproc.ground import release
    from sensorproc.onboard.frame_set_processor import ignore_set
    from sensorproc.review.picture import write_picture
    from sensorproc.review.view import SetViews
    from sensorproc.run_folder.building import building
    from sensorproc.run_folder.facts import command_line, program_facts

    board: dict[str, Any] = {"processor": processor, "link_bit_s": link_bit_s, "memory_bytes": memory_bytes}
    if recording is not None and seed is not None:
        raise UsageError("--seed makes new frames and --recording takes old ones: give one of them")
    flown = with_faults(with_board(with_seed(load(scenario, preset, quality=quality), seed), board), inject)
    load_profile(flown.board.processor)  # a mistake is told before the sky is rendered
    given = flown.payload.release
    mark = release.check(marking, data_mode, given.source, given.originator)
    options = {
        "recording": recording, "preset": preset, "quality": quality, "seed": seed, "processor": processor,
        "link-bit-s": link_bit_s, "memory-bytes": memory_bytes, "inject": inject,
        "costs": costs, "marking": marking, "data-mode": data_mode, "out": out,
    }  # fmt: skip
    argv = command_line("run", scenario, options)
    views = SetViews()
    with building(out, program_facts(argv), (recording, costs)) as made:
        frames = recording_of(flown, recording, made)
        with progress("flying") as report:
            flight = fly(flown, frames, made, mark, report, costs, views if flown.operations.products else ignore_set)
        facts = summary(flight, frames / "truth.json", DEMANDED_SNR)
        write_flight_report(made.folder / "report.html", flight, facts, views)
        (made.folder / "summary.json").write_text(dumps(plain(facts), indent=1) + "\n", "utf-8")
        decoded = flight.outcome.decoded
        seen = [view for _, view in sorted(views.by_set.items()) if view]
        if seen:
            write_picture(made.folder / "picture.jpg", seen[0], decoded.tables["detections"], str(decoded.stated))
    for line in (*flight.outcome.problems, *flight.outcome.decoded.notes, *remarks(facts)):
        note(f"note: {line}")
    if json:
        emit_json(facts)
    else:
        print(text(facts, out))
    failures = shortfalls(facts)
    for line in failures:
        note(f"flight: {line}")
    return BudgetError.exit_code if failures and not accept_losses else 0
