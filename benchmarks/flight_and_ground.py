"""Whether a payload that really processes every set finds, bit for bit, what the ground finds in the same frames.

Usage: python -m benchmarks.flight_and_ground [--seconds 3600] [--ring 64] [--processor host] [--out DIR]

Four detectors of the wide search payload look at four neighbouring fields; a ring of frames of each is taken again and again at
0.6 Hz. The ground processes the same frames at the same times with ``replay.process``. Records are compared as bytes; only
numbers of sets and tracklets, which count in the order of processing, and marks of release are left out.
"""

import argparse
import time
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from firmware_sim.bench.judgement.validity import PRODUCTS, products
from firmware_sim.board.processor_profile import load_profile
from firmware_sim.cost.model import load_stages
from firmware_sim.flight import topology
from firmware_sim.flight.budgets import deadlines
from firmware_sim.flight.parts import Order
from firmware_sim.flight.payload import Payload
from firmware_sim.flight.schedule import Scan
from firmware_sim.scenarios.campaign import MARKING
from firmware_sim.scenarios.operations import Operations
from firmware_sim.scenarios.scenario import Scenario, load
from firmware_sim.scenarios.simulate import simulate
from sensorproc.downlink.records import EVENT
from sensorproc.frames import Frame
from sensorproc.ground.reader import read
from sensorproc.processing import process
from sensorproc.recording import Entry, Recording, open_recording
from sensorproc.run_folder.building import building
from sensorproc.timescales import NS_PER_S


def ring_recording(scenario: Scenario, folder: Path) -> Recording:
    """One recording of four detectors: four fields two degrees apart, rendered, and held in memory."""
    entries = []
    for detector in range(4):
        elevation = scenario.scene.pointing.elevation_deg + 2.0 * detector
        scene = replace(
            scenario.scene, seed=scenario.scene.seed + detector,
            pointing=replace(scenario.scene.pointing, elevation_deg=elevation),
        )  # fmt: skip
        simulate(replace(scenario, scene=scene), folder / str(detector))
        recording = open_recording(folder / str(detector))
        for entry in recording.entries:
            frame = replace(entry.read(), detector=detector)
            entries.append(replace(entry, detector=detector, read=Held(frame)))
    return replace(recording, entries=tuple(entries))


class Held:
    """Reads a frame from memory."""

    def __init__(self, frame: Frame):
        self.frame = frame

    def __call__(self) -> Frame:
        return self.frame


def taken(recording: Recording, payload: Payload, scan: Scan) -> Recording:
    """The frames that a scan took, as a recording: the ring again and again, at the scan's times."""
    entries: list[Entry] = []
    for step in scan:
        for visit in step.visits:
            for shot in visit.shots:
                item = shot.read()
                assert isinstance(item, Frame)
                like = recording.entries[0]
                entries.append(
                    replace(like, source=item.source, detector=item.detector, t_mid_tai_ns=item.t_mid_tai_ns, read=shot.read)
                )
        payload.clock.origin_tai_ns = step.resume_tai_ns  # a clock that only this walk reads
    return replace(recording, entries=tuple(entries))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=3600.0)
    parser.add_argument("--ring", type=int, default=64)
    parser.add_argument("--processor", default="host")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    scenario = load("wide_search").with_scene(n_frames=options.ring)
    config = scenario.payload
    with TemporaryDirectory() as temporary:
        recording = ring_recording(scenario, Path(temporary))
        profile, operations, stages = load_profile(options.processor), Operations(duration_s=options.seconds), load_stages()
        start = time.perf_counter()
        payload = topology.build(Order(recording, config, scenario.board, profile, 1, MARKING, operations, stages))
        scan = payload.camera.schedule
        payload.fly()
        flown_s = time.perf_counter() - start
        print(f"flown in {flown_s:.0f} s, dwells {payload.ledger.counts}", flush=True)
        again = topology.build(Order(recording, config, scenario.board, profile, 1, MARKING, operations, stages))
        assert isinstance(again.camera.schedule, Scan)
        looped = taken(recording, again, replace(again.camera.schedule, now_tai_ns=lambda: again.clock.origin_tai_ns))
        start = time.perf_counter()
        out = options.out or Path(temporary) / "ground"
        with building(out, {}) as run:
            process(looped, config, None, None, run)
        ground_s = time.perf_counter() - start
        streams = b"".join(payload.stream), (out / "downlink.bin").read_bytes()
        here, there = (products(read(stream), (*PRODUCTS, EVENT)) for stream in streams)
    counts = payload.ledger.counts
    print(f"{options.seconds:g} s, {payload.camera.n_exposed} frames, dwells {counts}; {type(scan).__name__}")
    differ = (here - there).total(), (there - here).total()
    print(f"records: {here.total()} flown, {there.total()} on the ground, {differ[0]} and {differ[1]} differ")
    print(f"wall time: {flown_s:.0f} s flown, {ground_s:.0f} s on the ground")
    for row in deadlines(payload):
        print({key: round(value, 2) if isinstance(value, float) else value for key, value in row.items()})
    sizes = np.array([len(packet) for packet in payload.stream])
    print(f"{sizes.sum() / 1e6:.2f} MB sent, {payload.radio.bit_s / 1e3:g} kbit/s, {payload.env.now / NS_PER_S:.0f} s simulated")
    raise SystemExit(0 if here == there else 1)


if __name__ == "__main__":
    main()
