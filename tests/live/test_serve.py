"""A payload in a process of its own: frames and commands in, packets out; killed, it goes on where it was."""

import json
import socket
import time
from dataclasses import replace

import numpy as np
import pytest

from firmware_sim.bench.under_test import payload_under_test
from firmware_sim.cli import main
from firmware_sim.live.keys import load_keys
from firmware_sim.live.stalls import stalls
from firmware_sim.ports import FRAME_PRIORITY, SET_PRIORITY, Job
from sensorproc.downlink.dictionary import reason_name
from sensorproc.downlink.telecommands import Mode
from sensorproc.errors import ConfigError, UsageError
from sensorproc.ground.reader import read
from tests.live.conftest import MINI

N_SET = 8
FAST = "--link-bit-s=1e6"


def whole(payload):
    """Everything that came down, in order."""
    return read([raw for _, raw in payload.telemetry.packets])


def test_a_set_is_searched_and_told(tmp_path, ring):
    with payload_under_test(MINI, tmp_path, FAST) as payload:
        cursor = payload.cursor
        payload.play(ring, N_SET)
        payload.assert_packet("TRACKLET", cursor)
        row = payload.await_packet("SET", cursor, is_wanted=lambda row: row["phase"] == 1)
        assert (row["n_frames"], row["n_processed"], row["first_frame"]) == (N_SET, N_SET, 0)
        assert payload.await_event("FRAME_LOST", cursor, timeout_s=0.0) is None
        request = payload.command("SET_MODE", mode=int(Mode.IDLE))
        payload.assert_answer(request, cursor)
        assert payload.stop() == 0
        payload.assert_event("MODE_CHANGED", cursor)
    assert whole(payload).gaps.n_missing == 0


def test_the_ledger_is_exact_whatever_befalls_the_frames(tmp_path, ring):
    """Lost, torn, duplicated, of a closed set, of no detector: every one is told, and no other is harmed."""
    with payload_under_test(MINI, tmp_path, FAST) as payload:
        cursor = payload.cursor
        for number in [*range(2 * N_SET), *range(3 * N_SET, 4 * N_SET)]:  # a whole set never comes
            turn = ring.turn(0, number)
            if number == 3:
                continue
            payload.send(number, turn.leader, turn.data)
            if number == 5:
                payload.send(number, turn.leader, turn.data)
            if number == 9:
                payload.send(2, ring.turn(0, 2).leader, ring.turn(0, 2).data)
                payload.send(0, turn.leader, turn.data, detector=7)
                payload.send(0, turn.leader, np.zeros((4, 4), np.uint16))
            time.sleep(0.25)  # that no set has to wait for two others
        found = payload.await_packet("SET", cursor, 30.0, lambda row: row["phase"] == 1 and row["first_frame"] == 3 * N_SET)
        assert found is not None
        payload.stop()
    told = whole(payload)
    assert told.gaps.n_missing == 0
    reasons = [reason_name(row["reason"]) for row in told.records["EVENT"]]
    assert reasons.count("FRAME_LOST") == 1
    assert reasons.count("FRAME_DUPLICATED") == 1
    assert reasons.count("FRAME_LATE") == 2
    assert reasons.count("CLOCK_JUMP") == 1  # over the set that never came
    dwells = sorted((row["set_id"], row["n_processed"]) for row in told.records["DWELL"])
    assert dwells == [(0, 7), (1, 8), (2, 8)]


@pytest.mark.slow
def test_a_camera_that_counts_anew_is_heard(tmp_path, ring):
    with payload_under_test(MINI, tmp_path, FAST) as payload:
        cursor = payload.cursor
        payload.play(ring, N_SET + 2, first=5)
        later = ring.turn(0, 5 + N_SET + 2).leader.t_start_tai_ns - ring.start_tai_ns
        after = replace(ring, start_tai_ns=ring.start_tai_ns + later)
        payload.play(after, N_SET)
        assert payload.await_packet("SET", cursor, 20.0, lambda row: row["phase"] == 1 and row["first_frame"] == 0) is not None
        payload.stop()
    told = whole(payload)
    assert [reason_name(row["reason"]) for row in told.records["EVENT"]].count("CAMERA_RESET") == 1
    assert sorted((row["set_id"], row["n_processed"]) for row in told.records["DWELL"]) == [(0, 8), (1, 2), (2, 8)]


def test_a_killed_payload_goes_on_where_it_was(tmp_path, ring):
    with payload_under_test(MINI, tmp_path, FAST) as payload:
        payload.play(ring, N_SET)
        payload.assert_packet("TRACKLET", 0)
        payload.play(ring, 3, first=N_SET)
        payload.kill()
        payload.restart()
        assert payload.local.cold_start_s < 20.0
        cursor = payload.cursor
        payload.play(ring, N_SET, first=2 * N_SET)
        row = payload.await_packet("SET", cursor, 20.0, lambda row: row["phase"] == 1 and row["first_frame"] == 2 * N_SET)
        assert row is not None
        assert row["n_processed"] == N_SET
        assert payload.stop() == 0, payload.local.log.read_text()
    told = whole(payload)
    assert told.gaps.is_exact, told.gaps
    dwells = sorted((row["set_id"], reason_name(row["reason"])) for row in told.records["DWELL"])
    assert dwells == [(0, "NONE"), (1, "RESTARTED"), (2, "NONE")]
    assert "RESTARTED" in [reason_name(row["reason"]) for row in told.records["EVENT"]]
    ids = [row["tracklet_id"] for row in told.records["TRACKLET"]]
    assert len(ids) == len(set(ids))


def test_only_who_has_a_key_commands_and_no_command_is_heard_twice(tmp_path):
    key = bytes(range(32))
    (tmp_path / "keys.toml").write_text(f'[keys]\n1 = "{key.hex()}"\n')
    with payload_under_test(MINI, tmp_path / "work", f"--keys={tmp_path / 'keys.toml'}", key=(1, key)) as payload:
        assert payload.facts["authenticated"]
        cursor = payload.cursor
        payload.key = (1, key[::-1])
        payload.assert_answer(payload.command("PING"), cursor, "REJECTED")
        payload.key = (1, key)
        payload.assert_answer(payload.command("PING"), cursor)
        payload.kill()
        payload.restart()
        payload._counter = 0  # a replay: the counter is one that was heard before the reset
        cursor = payload.cursor
        payload.assert_answer(payload.command("PING"), cursor, "REJECTED")


def test_garbage_on_every_port_harms_nothing(tmp_path, ring):
    rng = np.random.default_rng(1)
    with payload_under_test(MINI, tmp_path, FAST) as payload:
        noise = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        cursor = payload.cursor
        for k in range(N_SET):
            for _ in range(100):
                noise.sendto(rng.bytes(int(rng.integers(1, 200))), payload.local.commands)
            with socket.create_connection(payload.local.frames) as wrong:
                wrong.sendall(rng.bytes(300))
            payload.play(ring, 1, first=k)
        noise.close()
        row = payload.await_packet("SET", cursor, 20.0, lambda row: row["phase"] == 1)
        assert row is not None
        assert row["n_processed"] == N_SET
        payload.demand_ready()


def test_mistakes_are_one_line(tmp_path, capsys, frames):
    serve = ("serve", f"--work={tmp_path}")
    bench = ("bench", f"--schedule={tmp_path / 'r.toml'}", "--target=tcp://127.0.0.1:1", "--tm=udp://127.0.0.1:0")
    taken = socket.create_server(("127.0.0.1", 0))
    wrong = {
        "no such file": (*serve, "--payload=nowhere.toml"),
        "want tcp://HOST:PORT": (*serve, f"--payload={MINI}", "--frames=udp://127.0.0.1:0"),
        "want --keys": (*serve, f"--payload={MINI}", "--tc=udp://0.0.0.0:0"),
        "want KIND": ("bench", "--schedule=s.toml", f"--out={tmp_path / 'o'}", "--inject=fire=1"),
        "Address already in use": (*serve, f"--payload={MINI}", f"--frames=tcp://127.0.0.1:{taken.getsockname()[1]}"),
        "Connection refused": (*bench, f"--out={tmp_path / 'o'}", "--duration=3.2"),
        "must know": (*serve, f"--payload={_without_size(tmp_path)}"),
        "checkpoint is damaged": (*_damaged(tmp_path), f"--payload={MINI}"),
    }
    (tmp_path / "s.toml").write_text('recording = "."\n')
    (tmp_path / "r.toml").write_text(f'recording = "{frames}"\ncadence_s = 0.4\n[payload.sensor]\nexposure_s = 0.3\n')
    for told, arguments in wrong.items():
        assert main([a.replace("s.toml", str(tmp_path / "s.toml")) for a in arguments]) in (2, 3, 4), told
        said = capsys.readouterr().err
        assert told in said
        assert "Traceback" not in said
    taken.close()


def _without_size(folder):
    path = folder / "bare.toml"
    path.write_text('[sensor]\nname = "bare"\n')
    return path


def _damaged(folder):
    work = folder / "damaged"
    work.mkdir()
    (work / "checkpoint.json").write_text(json.dumps({"version": 1, "sent": 3}))
    return "serve", f"--work={work}"


@pytest.mark.parametrize("text", ["", "[keys]\n", '[keys]\n1 = "abc"\n', '[keys]\nx = "00"\n', "[keys]\n1 = 5\n", "[other]\n"])
def test_keys_that_are_none_are_told_and_never_shown(tmp_path, text):
    path = tmp_path / "k.toml"
    path.write_text(text)
    with pytest.raises(ConfigError) as error:
        load_keys(path)
    assert "abc" not in str(error.value)


def test_stalls_are_of_one_job():
    stall_s = stalls("stall_frame@3=2.5,stall_set@1=1")
    assert stall_s(Job(FRAME_PRIORITY, 0, 0, 3)) == 2.5
    assert stall_s(Job(SET_PRIORITY, 1, 0, 1)) == 1.0
    assert stall_s(Job(FRAME_PRIORITY, 0, 0, 1)) == 0.0
    for text in ("stall@1=2", "stall_frame=2", "stall_frame@1", "stall_set@1=0", "stall_set@1=99999"):
        with pytest.raises(UsageError):
            stalls(text)
