"""Operations as a whole: the flight against the ground, frames on the timeline, and what cannot be flown."""

import json
from dataclasses import replace

import pytest

from firmware_sim.cli import main
from firmware_sim.scenarios.operations import Operations
from firmware_sim.scenarios.scenario import load
from sensorproc.onboard.state import PayloadState
from tests.flight.conftest import MINI
from tests.flight.flying import flown, told


def test_the_flight_gives_what_the_ground_gives_from_the_same_frames(recording):
    """Really processed, twice round the ring: the state goes on from set to set as it does on the ground."""
    from sensorproc.onboard.pipeline import process_set
    from sensorproc.onboard.records import input_digest

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


def test_every_frame_can_be_followed_from_its_exposure_to_its_packets(mini):
    events = json.loads((mini / "timeline.json").read_text())["traceEvents"]
    flows = [[e for e in events if e["ph"] == phase and e["name"] == "frame"] for phase in "stf"]
    assert [len({e["id"] for e in of_phase}) for of_phase in flows] == [16, 16, 16]
    at = [{e["id"]: e["ts"] for e in of_phase} for of_phase in flows]
    assert all(at[0][k] < at[1][k] < at[2][k] for k in at[0])
    assert {e["name"] for e in events if e["ph"] == "C"} == {"memory", "packets"}


@pytest.mark.parametrize(
    ("operations", "told_"),
    [
        ("faults = [{ kind = 'gremlin' }]", "$.operations.faults.0.kind = 'gremlin'"),
        ("duration_s = 1e300", "$.operations.duration_s = 1e+300"),
        ("faults = [{ kind = 'seu', per_hour = 1e300 }]", "per_hour = 1e+300"),
        ("commands = [{ t_s = 1, do = 'SET_MODE', arguments = { mode = 'FLY' } }]", "want a number, or for mode one of SAFE"),
        ("commands = [{ t_s = 1, do = 'SET_MODE', arguments = { mode = 1.5 } }]", "a whole number from 0 to 255"),
        ("commands = [{ t_s = 1, do = 'PING', arguments = { x = 1 } }]", "PING wants arguments none; given: x"),
        ("scan = [{ ra_deg = 3.0 }]", "give both, or neither"),
        ("core = 'reuse'\nfaults = [{ kind = 'torn' }]", "core 'reuse' keeps no pixels that torn could damage"),
    ],
)
def test_operations_that_cannot_be_flown_are_told(tmp_path, capsys, operations, told_):
    (tmp_path / "s.toml").write_text(f"{MINI.read_text()}\n[operations]\n{operations}\n")
    assert main(["run", str(tmp_path / "s.toml"), "-o", str(tmp_path / "o")]) == 3
    assert told_ in capsys.readouterr().err


def test_a_flight_in_which_nothing_is_searched_still_reports(tmp_path, mini, capsys):
    (tmp_path / "s.toml").write_text(f"{MINI.read_text()}\n[operations]\nduration_s = 40.0\nstarts = 'IDLE'\n")
    given = ["--recording", str(mini / "recording")]
    assert main(["run", str(tmp_path / "s.toml"), "-o", str(tmp_path / "o"), *given]) == 0
    assert "targets" not in capsys.readouterr().out  # a recording's truth is not a scan's
    assert main(["campaign", "-o", str(tmp_path / "c"), "--n-each", "0"]) == 2
    assert Operations().duration_s == 0
