"""``firmware-sim size``: whether a payload fits a board, before anything is rendered."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from sensorproc.verbs.console import emit_json


def size(
    scenario: str,
    processor: str | None = None,
    *,
    preset: str | None = None,
    quality: str | None = None,
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
    quality
        what the payload spends: full, lean, survival, or a TOML file of settings that go before its own.
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
    from firmware_sim.sizing.ladder import at_rungs
    from firmware_sim.sizing.limits import limits
    from firmware_sim.sizing.report import as_dict, as_text
    from firmware_sim.sizing.sizing import Sizing
    from firmware_sim.sizing.sizing import size as sized
    from sensorproc.config import Config, with_quality

    over: dict[str, Any] = {"processor": processor, "memory_bytes": memory_bytes, "link_bit_s": link_bit_s}
    whole = load(scenario, preset, {"board": {key: value for key, value in over.items() if value is not None}})
    flown = replace(whole, payload=with_quality(whole.payload, quality))
    profile, stages = load_profile(flown.board.processor), load_stages(costs)

    def of(sets: ExpectedSets, config: Config) -> Sizing:
        return sized(sets, config, flown.board, profile, stages)

    given = objects, stars, dark_map
    sets = ExpectedSets.of(flown, *given)
    found, most = of(sets, flown.payload), limits(sets, flown.payload, of)
    ladder = {rung: of(its_sets, config) for rung, its_sets, config in at_rungs(whole, *given)}
    if json:
        emit_json(as_dict(flown, found, most, ladder))
    else:
        print(as_text(flown, found, most, ladder))
    return 0 if found.fits else BudgetError.exit_code
