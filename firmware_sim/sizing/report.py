"""The answer of ``firmware-sim size``, for people and for programs."""

from dataclasses import asdict
from typing import Any

from firmware_sim.scenarios.scenario import Scenario
from firmware_sim.sizing.ladder import Rung, losses
from firmware_sim.sizing.limits import Limits
from firmware_sim.sizing.sizing import Sizing

WHAT, COLUMNS = "quality, and relief of a late board", ("SNR lost", "box", "a set", "of time", "memory", "link", "energy")
LEAST_SHARE = 0.02  # Stages that take less of a set are told together.

Ladder = dict[Rung, Sizing]  # the payload's sets at every rung, the best first


def as_dict(scenario: Scenario, found: Sizing, most: Limits, ladder: Ladder) -> dict[str, Any]:
    """All figures, in s, bytes and dB."""
    best = best_fitting(ladder)
    rungs = [asdict(rung) | {"name": rung.text} | _of_rung(rung, one) for rung, one in ladder.items()]
    fitting = {"set_frames": most.set_frames, "cadence_s": most.cadence_s, "window_px": most.window_px,
               "quality": asdict(best) if best else None}  # fmt: skip
    return {
        "scenario": scenario.name, "processor": found.profile.name, "unverified": list(found.profile.unverified),
        "sets": asdict(found.sets), "frame_s": found.frame_s, "set_s": found.set_s, "period_s": found.sets.period_s,
        "n_searches": found.profile.n_searches, "link_s": found.link_s, "packet_bytes": found.packet_bytes,
        "memory_bytes": found.memory_bytes, "memory_of_board_bytes": found.board.memory_of(found.profile),
        "margins": found.margins, "fits": found.fits, "needs": found.needs,
        "stages_s": found.of_frame_s | found.of_set_s, "limits": fitting, "ladder": rungs,
    }  # fmt: skip


def best_fitting(ladder: Ladder) -> Rung | None:
    """The best rung that fits."""
    return next((rung for rung, one in ladder.items() if one.fits), None)


def as_text(scenario: Scenario, found: Sizing, most: Limits, ladder: Ladder) -> str:
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
        WHAT.ljust(40) + "".join(name.rjust(9) for name in COLUMNS),
        *(_rung(rung, one) for rung, one in ladder.items()),
        "",
        "fits, all else as it is: " + "; ".join(_limits(most, best_fitting(ladder))),
    ]
    if profile.unverified:
        lines.append(f"estimates of the processor: {', '.join(profile.unverified)}")
    return "\n".join(lines)


def _margin(margin: float) -> str:
    return f", margin {100 * margin:.0f} %" if margin >= 0 else f", DOES NOT FIT: {1.0 - margin:.2f} times too much"


def _of_rung(rung: Rung, one: Sizing) -> dict[str, Any]:
    lost = {"loss_db": losses()[rung].value, "loss_db_95": [losses()[rung].low, losses()[rung].high]}
    lost |= {"box_px_frame": one.box_px_frame}
    return lost | {"set_s": one.set_s, "load": one.load, "memory_bytes": one.memory_bytes, "link_s": one.link_s,
                   "packet_bytes": one.packet_bytes, "joule": one.joule, "fits": one.fits}  # fmt: skip


def _rung(rung: Rung, one: Sizing) -> str:
    lost, box = f"{losses()[rung].value:6.2f} dB", f"+-{one.box_px_frame:g}"
    numbers = f"{one.set_s:6.1f} s {100 * one.load:6.0f} % {one.memory_bytes / 1e6:5.0f} MB"
    return f"  {rung.text:38s}{lost} {box:>8s} {numbers} {one.packet_bytes / 1e3:5.1f} kB {one.joule:6.0f} J"


def _stages(found: Sizing) -> list[str]:
    total = sum(found.of_set_s.values())
    large = {name: s for name, s in found.of_set_s.items() if s >= LEAST_SHARE * total}
    rows = [f"    {name:26s} {s:10.2f} s" for name, s in sorted(large.items(), key=lambda item: -item[1])]
    return [*rows, f"    {'all others':26s} {total - sum(large.values()):10.2f} s"]


def _limits(most: Limits, best: Rung | None) -> list[str]:
    return [
        f"sets of up to {most.set_frames} frames" if most.set_frames else "sets of any length: none",
        f"a frame every {most.cadence_s:g} s" if most.cadence_s else "any cadence: none",
        f"a window of {most.window_px} px" if most.window_px else "any window: none",
        f"quality {best.text}" if best else "any quality: none",
    ]
