"""A flight: a payload sees a recording in virtual time, and the ground decodes what its radio sent."""

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import Any

from firmware_sim.board.processor_profile import Profile, load_profile
from firmware_sim.cost.model import load_stages
from firmware_sim.flight import topology
from firmware_sim.flight.budgets import BUDGET, DEADLINES, budget, deadlines
from firmware_sim.flight.parts import Order, Outlets
from firmware_sim.flight.payload import Payload
from firmware_sim.scenarios.scenario import Scenario
from sensorproc.downlink.dictionary import Apid
from sensorproc.ground.decode import FORMATS, Decoded, write_products
from sensorproc.ground.export.tables import write_table
from sensorproc.ground.release import Marking, check_mode
from sensorproc.onboard.frame_set_processor import OnSetDone, ignore_set
from sensorproc.processing import Outcome, marking_fields
from sensorproc.recording import open_recording
from sensorproc.run_folder.building import Building
from sensorproc.run_folder.facts import recording_facts
from sensorproc.timescales import NS_PER_S

WINDOW_S = 60
SINCE = "times: since the start of the first exposure"
RADIO = {"start_s": "float64", "end_s": "float64", "packet": "string", "n_bytes": "int64"}
TELEMETRY = {"t_s": "float64", "memory_bytes": "int64", "queue_bytes": "int64"}
FAULTS = {"t_s": "float64", "kind": "string", "size": "float64", "set_id": "int64"}
Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, eq=False)
class Flight:
    """A finished flight: what the ground has, and the board that flew."""

    outcome: Outcome
    payload: Payload
    profile: Profile
    scenario: Scenario
    downlink_sha256: str

    @property
    def busiest_window_bits(self) -> int:
        """Most bits the radio sent in any 60 s."""
        return self.payload.radio.ledger.busiest_window(WINDOW_S * NS_PER_S)


def fly(
    scenario: Scenario, recording_path: Path, run: Building, mark: Marking | None,
    progress: Progress = lambda stage, done, total: None, costs: Path | None = None,
    on_set_done: OnSetDone = ignore_set,
) -> Flight:  # fmt: skip
    """Fly a recording and write everything the ground gets into the folder of a run that is being built; ``on_set_done`` is
    called with every finished set.

    Raises
    ------
    BudgetError
        If the payload does not fit the board.
    """
    out = run.folder
    recording = open_recording(recording_path)
    check_mode(mark, recording.data_mode)
    config, profile = scenario.payload, load_profile(scenario.board.processor)
    run.facts |= recording_facts(replace(recording, path=run.named(recording.path)), config, (scenario.scene.seed,))
    parts = {"board": scenario.board, "processor": profile, "operations": scenario.operations}
    run.facts |= {"scenario": scenario.name} | {name: asdict(part) for name, part in parts.items()}  # type: ignore[call-overload]
    marking = marking_fields(mark, recording.data_mode)
    with (out / "downlink.bin").open("wb") as downlink:
        order = Order(
            recording, config, scenario.board, profile, scenario.scene.seed, marking, scenario.operations, load_stages(costs)
        )
        payload = topology.build(order, Outlets(downlink.write, out / "timeline.json", on_set_done))
        _fly(payload, progress)
    data = (out / "downlink.bin").read_bytes()
    decoded = write_products(data, out, mark, FORMATS) if scenario.operations.products else Decoded.nothing()
    n_frames, n_processed = payload.camera.n_exposed, payload.ledger.n_processed
    outcome = Outcome(decoded, payload.ledger.n_closed, n_frames, n_processed, tuple(payload.problems), ())
    _write_board(out, payload)
    run.facts |= {"problems": payload.problems, "notes": list(decoded.notes)}
    return Flight(outcome, payload, profile, scenario, sha256(data).hexdigest())


def _fly(payload: Payload, progress: Progress) -> None:
    """Fly, and say how many dwells are closed whenever there is one more."""
    ledger, told = payload.ledger, -1

    def tell() -> None:
        nonlocal told
        if ledger.n_closed != told:
            told = ledger.n_closed
            progress("set", told, max(ledger.n_planned, told))

    payload.fly(tell)
    payload.timeline.close()


def _write_board(out: Path, payload: Payload) -> None:
    """What a payload engineer looks at: the radio's ledger, samples of memory and queue, deadlines, budgets and faults."""
    rows: list[dict[str, Any]] = [
        {"start_s": s.start_ns / NS_PER_S, "end_s": s.end_ns / NS_PER_S, "packet": Apid(s.apid).name, "n_bytes": s.n_bytes}
        for s in payload.radio.ledger
    ]
    write_table(out / "radio.ecsv", rows, RADIO, (SINCE,))
    write_table(out / "telemetry.ecsv", payload.health.samples, TELEMETRY, (SINCE,))
    write_table(out / "deadlines.ecsv", deadlines(payload), DEADLINES)
    write_table(out / "budget.ecsv", budget(payload), BUDGET)
    if payload.injector.plan:
        faults = [
            {"t_s": f.at_ns / NS_PER_S, "kind": f.kind, "size": f.size, "set_id": f.set_id} for f in payload.injector.injected
        ]
        write_table(out / "faults.ecsv", faults, FAULTS, (SINCE,))
