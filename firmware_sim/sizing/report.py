"""The answer of ``firmware-sim size``, for people and for programs."""

from dataclasses import asdict
from typing import Any

from firmware_sim.board.overload import LEVELS
from firmware_sim.scenarios.scenario import Scenario
from firmware_sim.sizing.limits import Limits
from firmware_sim.sizing.sizing import Sizing

LEAST_SHARE = 0.02  # Stages that take less of a set are told together.


def as_dict(scenario: Scenario, found: Sizing, most: Limits) -> dict[str, Any]:
    """All figures, in s and bytes."""
    levels = [{"name": name} | _of_level(one) for name, one in zip(LEVELS, most.levels, strict=True)]
    fitting = {"set_frames": most.set_frames, "cadence_s": most.cadence_s, "window_px": most.window_px, "level": most.level}
    return {
        "scenario": scenario.name, "processor": found.profile.name, "unverified": list(found.profile.unverified),
        "sets": asdict(found.sets), "frame_s": found.frame_s, "set_s": found.set_s, "period_s": found.sets.period_s,
        "n_searches": found.profile.n_searches, "link_s": found.link_s, "packet_bytes": found.packet_bytes,
        "memory_bytes": found.memory_bytes, "memory_of_board_bytes": found.board.memory_of(found.profile),
        "margins": found.margins, "fits": found.fits, "needs": found.needs,
        "stages_s": found.of_frame_s | found.of_set_s, "limits": fitting, "levels": levels,
    }  # fmt: skip


def as_text(scenario: Scenario, found: Sizing, most: Limits) -> str:
    """A page."""
    sets, profile, margins = found.sets, found.profile, found.margins
    ny, nx = sets.shape
    memory = f"{found.memory_bytes / 1e6:9.0f} of {found.board.memory_of(profile) / 1e6:.0f} MB"
    lines = [
        f"{scenario.name} on {profile.name}: {sets.n_frames} frames of {nx} x {ny} px every {sets.period_s:.1f} s,"
        f" {sets.n_detectors} detector(s), {sets.n_objects} objects and {sets.n_stars} stars a frame",
        "",
        f"{'memory':8s} {memory}{_margin(margins['memory'])}",
        *(f"  {owner:28s} {n / 1e6:10.1f} MB" for owner, n in found.needs.items()),
        f"{'time':8s} {found.load * sets.period_s:9.1f} of {sets.period_s:.1f} s{_margin(margins['time'])}",
        f"  a frame as it arrives        {found.frame_s:10.2f} s",
        f"  a set after its last frame   {found.set_s:10.2f} s{', searched twice' if profile.n_searches > 1 else ''}",
        *_stages(found),
        f"{'link':8s} {found.link_s:9.1f} of {sets.period_s:.1f} s{_margin(margins['link'])}",
        f"  packets of a set             {found.packet_bytes / 1e3:10.1f} kB at {found.board.link_bit_s / 1e3:g} kbit/s",
        "",
        f"{'level of relief':36s} {'a set':>8s} {'of time':>8s} {'memory':>8s} {'link':>8s} {'energy':>8s}",
        *(_level(k, name, one) for k, (name, one) in enumerate(zip(LEVELS, most.levels, strict=True))),
        "",
        "fits, all else as it is: " + "; ".join(_limits(most)),
    ]
    if profile.unverified:
        lines.append(f"estimates of the processor: {', '.join(profile.unverified)}")
    return "\n".join(lines)


def _margin(margin: float) -> str:
    return f", margin {100 * margin:.0f} %" if margin >= 0 else f", DOES NOT FIT: {1.0 - margin:.2f} times too much"


def _of_level(one: Sizing) -> dict[str, Any]:
    return {"set_s": one.set_s, "load": one.load, "memory_bytes": one.memory_bytes, "link_s": one.link_s, "joule": one.joule}


def _level(k: int, name: str, one: Sizing) -> str:
    numbers = f"{one.set_s:6.1f} s {100 * one.load:6.0f} % {one.memory_bytes / 1e6:5.0f} MB"
    return f"  {k} {name:32s} {numbers} {one.packet_bytes / 1e3:5.1f} kB {one.joule:6.0f} J"


def _stages(found: Sizing) -> list[str]:
    total = sum(found.of_set_s.values())
    large = {name: s for name, s in found.of_set_s.items() if s >= LEAST_SHARE * total}
    rows = [f"    {name:26s} {s:10.2f} s" for name, s in sorted(large.items(), key=lambda item: -item[1])]
    return [*rows, f"    {'all others':26s} {total - sum(large.values()):10.2f} s"]


def _limits(most: Limits) -> list[str]:
    return [
        f"sets of up to {most.set_frames} frames" if most.set_frames else "sets of any length: none",
        f"a frame every {most.cadence_s:g} s" if most.cadence_s else "any cadence: none",
        f"a window of {most.window_px} px" if most.window_px else "any window: none",
        f"level {most.level}" if most.level is not None else "any level of relief: none",
    ]
