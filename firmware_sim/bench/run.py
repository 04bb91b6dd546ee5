"""One run of a bench: play the ring to the payload, listen, and judge."""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from firmware_sim.bench.faults import LinkFaults
from firmware_sim.bench.judgement.budget import Budget, Kept, judged
from firmware_sim.bench.judgement.measured import Measured, closing_packets, measured
from firmware_sim.bench.judgement.validity import Validity, ground_truth, judge
from firmware_sim.bench.machine import Watch, environment, is_disturbed
from firmware_sim.bench.ring import Ring
from firmware_sim.bench.sender import LEAD_NS, Played, Sender
from firmware_sim.bench.target import LocalPayload, Telemetry, serve_options
from sensorproc.config import Config, to_toml
from sensorproc.errors import InputError
from sensorproc.ground.reader import read
from sensorproc.onboard.state import PayloadState
from sensorproc.state_file import write_states
from sensorproc.timescales import NS_PER_S

Progress = Callable[[str, int, int], None]
PATIENCE_PERIODS = 2.0  # after the last frame, for what still comes
LINK_BIT_S = 1e6
STATE, PAYLOAD, TIMELINE, LOG = "state.fits", "payload.toml", "timeline.json", "payload.log"


@dataclass(frozen=True, eq=False)
class Plan:
    """What is to be run: frames, the payload's beliefs and what it has learnt, how many frames a detector, faults and limits.
    ``target`` is the address of a payload elsewhere, else one is started here; ``options`` are more for that."""

    ring: Ring
    config: Config
    states: dict[int, PayloadState]
    n_frames: int
    faults: LinkFaults
    budget: Budget
    target: tuple[str, int] | None = None
    telemetry: tuple[str, int] = ("127.0.0.1", 0)
    options: tuple[str, ...] = ()

    def at(self, target: tuple[str, int] | None, telemetry: tuple[str, int] | None) -> "Plan":
        """The same for a payload that runs at an address, whose packets come to another."""
        return replace(self, target=target, telemetry=telemetry or self.telemetry)


@dataclass(frozen=True, eq=False)
class Result:
    """What came of it."""

    plan: Plan
    played: Played
    measured: Measured
    validity: Validity
    machine: dict[str, Any]
    cold_start_s: float | None
    exit_code: int | None
    kept: tuple[Kept, ...]
    environment: dict[str, Any]

    @property
    def is_disturbed(self) -> bool:
        """Whether others had so much of the machine that the run says nothing."""
        return is_disturbed(self.machine)

    @property
    def outcome(self) -> str:
        """``INVALID`` where the products are wrong, ``fail`` where a limit was not kept, ``void`` where others are to blame."""
        if not self.validity.is_valid:
            return "INVALID"
        if all(kept.is_kept for kept in self.kept):
            return "pass"
        return "void" if self.is_disturbed else "fail"


def run(plan: Plan, folder: Path, progress: Progress = lambda stage, done, total: None) -> Result:
    """Play a plan; the payload's own files lie in ``folder``.

    Raises
    ------
    InputError
        If the payload does not become ready, or hangs up.
    """
    telemetry = Telemetry(plan.telemetry)
    local = None if plan.target else _started(plan, folder, telemetry)
    watch = Watch(local.pid) if local else None
    try:
        played = _played(plan, local.frames if local else plan.target, telemetry, progress)  # type: ignore[arg-type]
    finally:  # whatever happens, no payload is left behind
        exit_code = local.stop() if local else None
        if watch:
            watch.stop()
        telemetry.close()
    if played.error:
        raise InputError(played.error)
    n_set = plan.config.frame_set.max_frames
    found = measured(played, plan.ring, n_set, plan.n_frames, telemetry.packets)
    progress("ground", 0, 1)
    downlink = read([raw for _, raw in telemetry.packets])
    (folder / "downlink.bin").write_bytes(b"".join(raw for _, raw in telemetry.packets))
    truth = ground_truth(plan.ring, plan.config, plan.n_frames, found.taken, plan.states, folder / "ground")
    progress("ground", 1, 1)
    machine = watch.told() if watch else {}
    kept = judged(plan.budget, figures(plan, found, machine, local))
    cold = local.cold_start_s if local else None
    return Result(plan, played, found, judge(downlink, read(truth)), machine, cold, exit_code, tuple(kept), environment())


def figures(plan: Plan, found: Measured, machine: dict[str, Any], local: LocalPayload | None) -> dict[str, float | None]:
    """What is held against the budget."""
    n_sets = plan.n_frames // plan.config.frame_set.max_frames * len(plan.ring.frames)
    median = found.last_packet.percentile_s(0.5)
    period_s = found.last_packet.allowed_ns / NS_PER_S
    rss, held = machine.get("rss_max_bytes"), local.facts["memory_bytes"] if local else None
    return {
        "missed_deadlines": float(found.last_packet.n_missed), "missed_frames": float(found.frames.n_missed),
        "lost_frames": float(len(found.lost)), "lost_sets": float(n_sets - len(found.last_packet.taken_ns)),
        "median_periods": None if median is None else median / period_s,
        "rss_bytes": None if rss is None or held is None else float(rss - held),
        "rss_slope_bytes_min": machine.get("rss_slope_bytes_min"),
    }  # fmt: skip


def _started(plan: Plan, folder: Path, telemetry: Telemetry) -> LocalPayload:
    """A payload on this machine that believes and has learnt what the plan says."""
    (folder / PAYLOAD).write_text(to_toml(plan.config), "utf-8")
    options = serve_options(folder / PAYLOAD, folder / "work", telemetry.address, plan.options)
    options += [f"--timeline={folder / TIMELINE}", f"--link-bit-s={LINK_BIT_S:g}"]
    if plan.states:
        write_states(folder / STATE, plan.states, plan.config.sensor.binning)
        options.append(f"--state-in={folder / STATE}")
    local = LocalPayload(options, folder / LOG)
    local.start()
    return local


def _played(plan: Plan, address: tuple[str, int], telemetry: Telemetry, progress: Progress) -> Played:
    """Send every frame, and wait for what comes after the last: until every set is told to be done, or patience is over."""
    sender = Sender(address, plan.ring, plan.n_frames, plan.faults)
    start_ns = sender.start()
    period_s = plan.config.frame_set.max_frames * plan.ring.cadence_ns / NS_PER_S
    last = time.monotonic() + LEAD_NS / NS_PER_S + plan.n_frames * plan.ring.cadence_ns / NS_PER_S
    while (left_s := last - time.monotonic()) > 0:  # packets are looked at when all frames are sent: the payload has the machine
        progress("frame", min(max(time.monotonic_ns() - start_ns, 0) // plan.ring.cadence_ns, plan.n_frames), plan.n_frames)
        time.sleep(min(left_s, 1.0))
    until = last + PATIENCE_PERIODS * period_s
    n_sets = plan.n_frames // plan.config.frame_set.max_frames * len(plan.ring.frames)
    while time.monotonic() < until and len(closing_packets(list(telemetry.packets))) < n_sets:
        time.sleep(0.5)
    return sender.finish()


def at_rate(plan: Plan, cadence_s: float) -> Plan:
    """The same plan at another rate, for as long; exposures that do not fit are as long as the cadence."""
    cadence_ns = round(cadence_s * NS_PER_S)
    ring = replace(plan.ring, cadence_ns=cadence_ns, exposure_ns=min(plan.ring.exposure_ns, cadence_ns))
    sensor = replace(plan.config.sensor, cadence_s=cadence_s, exposure_s=ring.exposure_ns / NS_PER_S)
    n_set = plan.config.frame_set.max_frames
    n_frames = max(round(plan.n_frames * plan.ring.cadence_ns / cadence_ns) // n_set, 1) * n_set
    return replace(plan, ring=ring, config=replace(plan.config, sensor=sensor), n_frames=n_frames)
