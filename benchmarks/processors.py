"""Which processors keep up with which payload: latency of frame sets and margin, for every profile, as modelled.

Usage: python -m benchmarks.processors [--scenario search_day wide_search] [--quality full survival] [--sets 12]

A set of the scenario is really processed once, and flown again and again on every processor with the scan of its scenario, and as
configured: overload is not relieved, so that the table says what a processor would need. Latency is from the read-out of the last
frame to the last packet; allowed is the time to the next set. Work is that of one detector's set.
"""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from firmware_sim.board.memory import BudgetError
from firmware_sim.board.overload import OverloadPolicy
from firmware_sim.board.processor_profile import PROFILES, load_profile
from firmware_sim.flight import topology
from firmware_sim.flight.parts import Order
from firmware_sim.scenarios.campaign import MARKING
from firmware_sim.scenarios.operations import Operations
from firmware_sim.scenarios.scenario import Scenario, load
from firmware_sim.scenarios.simulate import simulate
from sensorproc.config import with_quality
from sensorproc.frames import Frame
from sensorproc.recording import Entry, Recording, open_recording
from sensorproc.timescales import NS_PER_S

HEAD = "| payload | processor | set work [s] | last packet: median, p95 [s] | allowed [s] | margin | memory [MB] | unverified |"


class NeverRelieved(OverloadPolicy):
    """Searches as configured, whatever that takes."""

    def finished(self, late_ns: int, work_ns: int, period_ns: int, levels: Sequence[int] = ()) -> int:
        self.work_ns[0] = max(self.work_ns.get(0, 0), work_ns)
        return 0


def row(scenario: Scenario, recording: Recording, name: str, n_sets: int) -> str:
    """A line of the table."""
    profile = load_profile(name)
    entries = scenario.operations.scan or ()
    cadence_s = scenario.payload.sensor.cadence_s or 1.0
    period_s = max(
        (e.settle_s + e.n_frames * cadence_s for e in entries), default=scenario.payload.frame_set.max_frames * cadence_s
    )
    operations = Operations(duration_s=n_sets * period_s + 1.0, core="reuse", scan=entries[:1])
    board = replace(scenario.board, memory_bytes=None, processor=name)
    memory = f"{profile.memory_bytes / 1e6:.0f} MB"
    try:
        payload = topology.build(Order(recording, scenario.payload, board, profile, 1, MARKING, operations))
    except BudgetError:
        return f"| {scenario.name} | {name} | - | does not fit {memory} | {period_s:.1f} | none | - | |"
    payload.image_processor.policy = NeverRelieved()
    payload.fly()
    work_s = payload.image_processor.policy.work_ns.get(0, 0) / NS_PER_S
    sent = np.array(list(payload.health.sent_ns.values()), float) / NS_PER_S
    unverified = f"{len(profile.unverified)} of {len(profile.basis)}"
    memory = f"{payload.memory.peak_bytes / 1e6:.0f}"
    counts = payload.ledger.counts
    missed = ", ".join(f"{n} {reason}" for reason, n in sorted(counts.items()) if reason != "done")
    start = f"| {scenario.name} | {name} | {work_s:.1f} |"
    if not len(sent):
        return f"{start} none was done | {period_s:.1f} | none: {missed} | {memory} | {unverified} |"
    p50, p95 = np.percentile(sent, [50, 95])
    keeps_up = p95 <= period_s and not missed
    margin = f"{100 * (1 - p95 / period_s):.0f} %" if keeps_up else f"cannot keep up: {missed or 'late'}"
    return f"{start} {p50:.1f}, {p95:.1f} | {period_s:.1f} | {margin} | {memory} | {unverified} |"


def every_detector(recording: Recording, n: int) -> Recording:
    """The same frames as those of every detector of a payload."""
    entries = tuple(replace(e, detector=d, read=OfDetector(e, d)) for d in range(n) for e in recording.entries)
    return replace(recording, entries=entries)


@dataclass(frozen=True)
class OfDetector:
    """Reads a frame as if another detector had taken it."""

    entry: Entry
    detector: int

    def __call__(self) -> Frame:
        return replace(self.entry.read(), detector=self.detector)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scenario", nargs="+", default=["search_day", "wide_search"])
    parser.add_argument("--quality", nargs="+", default=["full", "survival"])
    parser.add_argument("--sets", type=int, default=12)
    options = parser.parse_args()
    print(HEAD + "\n" + "|---" * 8 + "|")
    for name in options.scenario:
        scenario = load(name)
        n_frames = scenario.payload.frame_set.max_frames
        with TemporaryDirectory() as temporary:
            simulate(scenario.with_scene(n_frames=n_frames), Path(temporary))
            recording = every_detector(open_recording(Path(temporary)), scenario.payload.sensor.n_detectors)
            for quality in options.quality:
                spending = replace(scenario, name=f"{name}, {quality}", payload=with_quality(scenario.payload, quality))
                for processor in PROFILES:
                    print(row(spending, recording, processor, options.sets), flush=True)


if __name__ == "__main__":
    main()
