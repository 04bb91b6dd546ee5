"""A flight: a payload sees a recording in virtual time, and the ground decodes what its radio sent."""

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from firmware_sim import topology
from firmware_sim.ledger import busiest_window
from firmware_sim.memory import BudgetError
from firmware_sim.processor_profile import Profile, load_profile
from firmware_sim.scenario import Scenario
from firmware_sim.topology import Payload
from sensorproc.downlink.dictionary import Apid
from sensorproc.ground.decode import remove_earlier, write_products
from sensorproc.ground.export.tables import write_table
from sensorproc.ground.release import Marking, check_mode
from sensorproc.recording import open_recording
from sensorproc.replay import Outcome, marking_fields, run_facts, write_run
from sensorproc.timescales import NS_PER_S

WINDOW_S = 60
SINCE = "times: since the start of the first exposure"
Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, eq=False)
class Flight:
    """A finished flight: what the ground has, and the board that flew."""

    outcome: Outcome
    payload: Payload
    profile: Profile
    scenario: Scenario

    @property
    def busiest_window_bits(self) -> int:
        """Most bits the radio sent in any 60 s."""
        return busiest_window(self.payload.radio.ledger, WINDOW_S * NS_PER_S)


def fly(
    scenario: Scenario, recording_path: Path, out: Path, mark: Marking | None, argv: list[str],
    progress: Progress = lambda stage, done, total: None,
) -> Flight:  # fmt: skip
    """Fly a recording and write everything the ground gets into ``out``."""
    out.mkdir(parents=True, exist_ok=True)
    remove_earlier(out)
    (out / "downlink.bin").unlink(missing_ok=True)
    recording = open_recording(recording_path)
    check_mode(mark, recording.data_mode)
    config, profile = scenario.payload, load_profile(scenario.board.processor)
    run = run_facts(recording, config, argv, (scenario.scene.seed,))
    run |= {"scenario": scenario.name, "board": asdict(scenario.board), "processor": asdict(profile)}  # type: ignore[call-overload]
    write_run(out, run | {"status": "running"})
    try:
        payload = topology.build(
            recording, config, scenario.board, profile, scenario.scene.seed, marking_fields(mark, recording.data_mode)
        )
    except BudgetError as refusal:
        write_run(out, run | {"status": "refused", "problems": str(refusal).splitlines()})
        raise
    n_sets = len(payload.health.set_ends_tai_ns)
    while payload.env.peek() != float("inf"):
        progress("set", len(payload.image_processor.finished), n_sets)
        n_finished = len(payload.image_processor.finished)
        while payload.env.peek() != float("inf") and len(payload.image_processor.finished) == n_finished:
            payload.env.step()
    progress("set", n_sets, n_sets)
    data = b"".join(payload.radio.stream)
    (out / "downlink.bin").write_bytes(data)
    decoded = write_products(data, out, mark)
    sets = [processed for _, processed in sorted(payload.image_processor.finished.items())]
    n_processed = sum(len(p.residuals) for p in sets)
    outcome = Outcome(decoded, tuple(sets), len(payload.camera.shots), n_processed, tuple(payload.problems), ())
    _write_board(out, payload)
    write_run(out, run | {"status": "finished", "problems": payload.problems, "notes": list(decoded.notes)})
    return Flight(outcome, payload, profile, scenario)


def _write_board(out: Path, payload: Payload) -> None:
    """What a payload engineer looks at: the radio's ledger, samples of memory and queue, and the trace of the processor."""
    rows: list[dict[str, Any]] = [
        {"start_s": s.start_ns / NS_PER_S, "end_s": s.end_ns / NS_PER_S, "packet": Apid(s.apid).name, "n_bytes": s.n_bytes}
        for s in payload.radio.ledger
    ]
    write_table(out / "radio.ecsv", rows, ["start_s", "end_s", "packet", "n_bytes"], (SINCE,))
    write_table(out / "telemetry.ecsv", payload.health.samples, ["t_s", "memory_bytes", "queue_bytes"], (SINCE,))
    (out / "trace.json").write_text(json.dumps({"traceEvents": _trace(payload)}) + "\n", "utf-8")


def _trace(payload: Payload) -> list[dict[str, Any]]:
    """Chrome trace events (open in Perfetto): one lane for frames, one for sets, one for the radio."""
    lanes = {"frames": 1, "sets": 2, "radio": 3}
    names = [{"name": "thread_name", "ph": "M", "pid": 1, "tid": n, "args": {"name": lane}} for lane, n in lanes.items()]
    work = [_span(s.stage, lanes[s.lane], s.start_ns, s.end_ns) | {"args": {"set": s.set_id}} for s in payload.processor.trace]
    sent = [_span(Apid(s.apid).name, lanes["radio"], s.start_ns, s.end_ns) for s in payload.radio.ledger]
    return names + work + sent


def _span(name: str, lane: int, start_ns: int, end_ns: int) -> dict[str, Any]:
    return {"name": name, "ph": "X", "pid": 1, "tid": lane, "ts": start_ns / 1000, "dur": (end_ns - start_ns) / 1000}
