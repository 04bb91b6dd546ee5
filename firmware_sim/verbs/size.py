"""``firmware-sim size``: whether a payload fits a board, before anything is rendered."""

from pathlib import Path
from typing import Any

from sensorproc.verbs.console import emit_json


def size(
    scenario: str,
    processor: str | None = None,
    *,
    preset: str | None = None,
    objects: int | None = None,
    stars: int | None = None,
    memory_bytes: int | None = None,
    link_bit_s: float | None = None,
    costs: Path | None = None,
    dark_map: bool = True,
    json: bool = False,
) -> int:
    """Memory, time and link of a payload's frame sets on a board, their margins, and the largest sets that fit; exit 6 if the
    payload as it is does not fit.

    Parameters
    ----------
    scenario
        TOML file or the name of a shipped scenario: its payload, how its camera turns, and its board.
    processor
        another processor than the scenario's: name of a profile or TOML file.
    preset
        another payload than the scenario's: name of a preset or TOML file.
    objects
        objects that a set finds; 20 unless given.
    stars
        stars that are registered in a frame; as many as are allowed unless given.
    memory_bytes
        memory of the board; the scenario's, or the processor's, unless given.
    link_bit_s
        rate of the radio [bit/s].
    costs
        costs of stages, written by calibrate.
    dark_map
        whether the payload has a dark map of its detector.
    json
        print as JSON.
    """
    from firmware_sim.board.memory import BudgetError
    from firmware_sim.board.processor_profile import load_profile
    from firmware_sim.cost.model import load_stages
    from firmware_sim.scenarios.scenario import load
    from firmware_sim.sizing.expected import ExpectedSets
    from firmware_sim.sizing.limits import limits
    from firmware_sim.sizing.report import as_dict, as_text
    from firmware_sim.sizing.sizing import size as sized

    over: dict[str, Any] = {"processor": processor, "memory_bytes": memory_bytes, "link_bit_s": link_bit_s}
    flown = load(scenario, preset, {"board": {key: value for key, value in over.items() if value is not None}})
    profile, stages = load_profile(flown.board.processor), load_stages(costs)
    sets = ExpectedSets.of(flown, objects, stars, dark_map)
    found = sized(sets, flown.payload, flown.board, profile, stages)
    most = limits(sets, flown.payload, lambda one, config: sized(one, config, flown.board, profile, stages))
    if json:
        emit_json(as_dict(flown, found, most))
    else:
        print(as_text(flown, found, most))
    return 0 if found.fits else BudgetError.exit_code
