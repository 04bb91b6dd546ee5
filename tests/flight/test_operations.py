"""A payload at work: dwells and their ledger, commands, overload, resets, and the same bits as on the ground."""

from collections import Counter
from dataclasses import replace

import pytest

from firmware_sim import topology
from firmware_sim.operations import Operations
from firmware_sim.processor_profile import load_profile
from firmware_sim.scenario import load
from firmware_sim.topology import Payload
from sensorproc.downlink.dictionary import REASONS, Severity
from sensorproc.ground import board
from sensorproc.ground.reader import read
from sensorproc.onboard.state import PayloadState
from sensorproc.recording import open_recording
from sensorproc.timescales import NS_PER_S
from tests.flight.conftest import MINI

HALF_HOUR = {"duration_s": 1800.0, "core": "reuse"}


@pytest.fixture(scope="module")
def recording(mini):
    return open_recording(mini / "recording")


def flown(recording, operations, slow=1.0, seed=1, **over) -> Payload:
    """A finished flight of the small payload on a host ``slow`` times slower."""
    scenario = load(MINI)
    profile = load_profile("host")
    profile = replace(profile, ops_per_core_s=profile.ops_per_core_s / slow)
    chosen = replace(scenario.board, **over)
    given = load(MINI, over={"operations": operations}).operations
    payload = topology.build(recording, scenario.payload, chosen, profile, seed, {"marking": "U", "data_mode": 3}, given)
    while not (payload.is_finished and payload.radio.queued_bytes == 0):
        payload.env.step()
    return payload


def told(payload):
    downlink = read(b"".join(payload.stream))
    assert downlink.gaps.is_exact
    return downlink


def account(payload) -> Counter[tuple[str, str]]:
    """Dwells by outcome and reason as the ground has them; every one is told exactly once."""
    rows = board.dwells(told(payload))
    assert payload.ledger.is_exact
    assert not payload.ledger.open
    assert [row["set_id"] for row in rows] == list(range(payload.ledger.n_planned))
    return Counter((row["outcome"], row["reason"]) for row in rows)


def test_every_dwell_is_accounted_for_and_the_same_seed_gives_the_same_bytes(recording):
    faults = [{"kind": kind, "per_hour": rate} for kind, rate in (("hang", 10.0), ("lost", 60.0), ("camera_reset", 10.0))]
    operations = HALF_HOUR | {"scan": [{"n_frames": 8, "settle_s": 4.0}, {"n_frames": 4}], "faults": faults}
    first, again = flown(recording, operations), flown(recording, operations)
    rows = account(first)
    assert sum(rows.values()) == 2 * int(1800 // (36 + 16)) + (1800 % 52 >= 36)
    assert rows["done", ""] > 0.9 * sum(rows.values())
    assert len(first.health.resets_ns) == first.health.counts["WATCHDOG_RESET"] > 0
    assert b"".join(first.stream) == b"".join(again.stream)
    other = flown(recording, operations, seed=2)
    assert b"".join(first.stream) != b"".join(other.stream)


def test_commands_start_and_stop_the_scan(recording):
    commands = [
        {"t_s": 10.0, "do": "START_SCAN"},  # not in this mode
        {"t_s": 20.0, "do": "SET_MODE", "arguments": {"mode": "OBSERVE"}},
        {"t_s": 21.0, "do": "START_SCAN"},
        {"t_s": 30.0, "do": "STOP_SCAN", "at_s": 400.0},
        {"t_s": 500.0, "do": "SET_PARAMETER", "arguments": {"parameter": 1, "value": 0.05}},
        {"t_s": 501.0, "do": "LOAD_SCAN", "scan": [{"n_frames": 2, "settle_s": 8.0}]},
        {"t_s": 510.0, "do": "START_SCAN"},
        {"t_s": 1300.0, "do": "SET_MODE", "arguments": {"mode": "SAFE"}},
        {"t_s": 1305.0, "do": "START_SCAN"},
    ]
    payload = flown(recording, HALF_HOUR | {"starts": "IDLE", "commands": commands})
    rows = account(payload)
    assert rows["missed", "SCAN_STOPPED"] == 2
    assert rows["done", ""] == (400 - 21) // 32 + (1300 - 510) // 16 - (rows["missed", "SCAN_STOPPED"] > 2)
    answers = Counter((row["operation"], row["code"]) for row in board.acks(told(payload)) if row["stage"] == "REJECTED")
    assert answers == {("START_SCAN", "WRONG_MODE"): 2}
    digests = {row["config_digest"] for row in told(payload).records["SET"]}
    assert len(digests) == 2


def test_a_processor_four_times_too_slow_sheds_work_and_says_so(recording):
    nominal = flown(recording, HALF_HOUR)
    work_s = nominal.processor.busy_ns / NS_PER_S / nominal.ledger.n_planned
    payload = flown(recording, HALF_HOUR, slow=4.0 * 32.0 / work_s)
    rows = account(payload)
    n = sum(rows.values())
    assert rows["done", ""] > 0.2 * n
    assert rows["missed", "OVERLOAD"] + rows["done", ""] == n
    assert payload.image_processor.n_waiting == 0
    assert max(sample["memory_bytes"] for sample in payload.health.samples) <= payload.memory.budget_bytes
    done = [row for row in board.dwells(told(payload)) if row["outcome"] == "done"]
    assert sum(row["degraded"] > 0 for row in done) >= len(done) - 2
    flagged = {row["set_id"]: row["degraded"] for row in told(payload).records["SET"]}
    assert all(flagged[row["set_id"]] == row["degraded"] for row in done)
    assert payload.health.counts["DEGRADED"] >= 3


def test_a_payload_that_is_in_time_again_searches_as_configured(recording):
    payload = flown(recording, HALF_HOUR | {"faults": [{"kind": "hang", "at_s": [100.0], "size": 2.0}]}, slow=5.0)
    rows = account(payload)
    assert rows["missed", "STAGE_HANG"] == 1
    assert board.dwells(told(payload))[-1]["degraded"] == 0


def test_a_hung_search_is_ended_by_the_watchdog_and_loses_nothing(recording):
    payload = flown(recording, HALF_HOUR | {"faults": [{"kind": "hang", "at_s": [70.0]}]})
    assert account(payload) == {("done", ""): payload.ledger.n_planned}
    ((begun, running),) = payload.health.resets_ns
    assert (running - begun) / NS_PER_S <= 10.0
    events = told(payload).records["EVENT"]
    lost = [e for e in events if REASONS[e["reason"]] == "WATCHDOG_RESET" and e["severity"] == Severity.WARNING_LO]
    assert len({row["frame"] // 8 for row in lost}) <= 1  # frames of the open set, while the processor boots
    assert payload.health.counts["PING_LATE"] == 1


def test_nothing_grows_over_a_thousand_sets(recording):
    """What the payload holds after 1000 sets is what it held after 100; the simulator's own records are left out of it."""
    held = []

    def watch(payload: Payload) -> None:
        parts = (payload.memory.used, payload.image_processor._prepared, payload.image_processor._configs, payload.ledger.open,
                 payload.ledger.unsent, payload.executor.stored, payload.commands.waiting, payload.health._events,
                 payload.image_processor.store.sets, payload.image_processor.store.arrivals.items)  # fmt: skip
        held.append((payload.ledger.n_planned, [len(part) for part in parts], payload.memory.used_bytes))

    operations = {"duration_s": 16_100.0, "core": "reuse", "scan": [{"n_frames": 4}]}
    scenario = load(MINI, over={"operations": operations})
    marking = {"marking": "U", "data_mode": 3}
    payload = topology.build(
        recording,
        scenario.payload,
        scenario.board,
        load_profile("host"),
        1,
        marking,
        scenario.operations,
        send=lambda packet: None,
    )
    last = 0
    while not payload.is_finished:
        payload.env.step()
        if payload.ledger.n_planned >= last + 100:
            last = payload.ledger.n_planned
            watch(payload)
    assert payload.ledger.n_planned >= 1000
    sizes = {tuple(parts) for _, parts, _ in held}
    assert len({used for _, _, used in held}) == 1
    assert len(sizes) == 1


def test_the_flight_gives_what_the_ground_gives_from_the_same_frames(recording):
    """Really processed, twice round the ring: the state goes on from set to set as it does on the ground."""
    from sensorproc.onboard.pipeline import process_set
    from sensorproc.onboard.report import input_digest

    payload = flown(recording, {"duration_s": 130.0})
    flight = [row for row in told(payload).records["SET"] if row["phase"] == 1 and not row["is_last"]]
    assert len(flight) == 4
    state, digests = PayloadState(recording.dark_e_s, recording.bad), []
    for _ in range(2):
        for k in range(2):
            frames = [entry.read() for entry in recording.entries[8 * k : 8 * k + 8]]
            frames = [replace(frame, index=i) for i, frame in enumerate(frames)]
            digests.append((int.from_bytes(state.digest(), "big"), int.from_bytes(input_digest(frames)[:8], "big")))
            _, state = process_set(frames, state, None, load(MINI).payload)
    assert [row["input_digest"] for row in flight] == [digest for _, digest in digests]
    assert flight[0]["state_digest"] == digests[0][0]


def test_operations_that_cannot_be_flown_are_told(tmp_path, capsys):
    from firmware_sim.cli import main

    text = MINI.read_text() + "\n[operations]\nfaults = [{ kind = 'gremlin' }]\n"
    (tmp_path / "s.toml").write_text(text)
    assert main(["run", str(tmp_path / "s.toml"), "-o", str(tmp_path / "o")]) == 3
    assert "$.operations.faults.0.kind = 'gremlin'" in capsys.readouterr().err
    assert Operations().duration_s == 0
