"""A hundred thousand pieces of garbage on every port, while frames come: nothing is late, nothing is believed."""

import contextlib
import socket
import threading

import numpy as np
import pytest

from firmware_sim.bench.under_test import payload_under_test
from firmware_sim.link.frame_link import HEAD, Kind, frame_messages
from sensorproc.downlink.authentication import protect
from sensorproc.downlink.dictionary import reason_name
from sensorproc.downlink.telecommands import Mode, Operation, Telecommand
from sensorproc.ground.reader import read
from tests.live.conftest import MINI

N_COMMANDS, N_CONNECTIONS, N_MESSAGES = 60_000, 2_000, 20
N_SETS, N_SET = 20, 8
KEY = bytes(range(32))


def mutated(rng, raw):
    """Some bytes changed, cut or more of them."""
    changed = bytearray(raw)
    for _ in range(int(rng.integers(1, 4))):
        changed[int(rng.integers(len(changed)))] ^= int(rng.integers(1, 256))
    return bytes(changed[: int(rng.integers(1, len(changed) + 1))]) + rng.bytes(int(rng.integers(0, 40)))


def commands(rng, address, is_over):
    """Random bytes, commands of nobody, mutated ones, and one that was heard before."""
    plain = Telecommand(Operation.SET_MODE, 77, {"mode": int(Mode.SAFE)}).pack(1)
    heard = protect(Telecommand(Operation.PING, 1, {}).pack(1), 1, KEY, 1)
    kinds = [lambda: rng.bytes(int(rng.integers(1, 300))), lambda: plain, lambda: heard,
             lambda: mutated(rng, heard), lambda: protect(plain, 1, KEY[::-1], 10**6)]  # fmt: skip
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
        for k in range(N_COMMANDS):
            one.sendto(kinds[k % len(kinds)](), address)
            if k % 200 == 0 and is_over.wait(0.02):
                return


def frames(rng, address, leader, data, is_over):
    """Messages of the frame link, mutated; senders that stop."""
    parts = [bytes(part) for part in frame_messages(0, 3, leader, data)]
    held = []
    for k in range(N_CONNECTIONS):
        with contextlib.suppress(OSError):
            one = socket.create_connection(address, 1.0)
            one.settimeout(1.0)
            if k % 100 == 0:
                one.sendall(parts[0])  # and never more
                held.append(one)
                continue
            with one:
                for _ in range(N_MESSAGES):
                    one.sendall(mutated(rng, parts[int(rng.integers(2))][: 2 * HEAD.size]))
        if is_over.wait(0.02):
            break
    for one in held:
        one.close()


@pytest.mark.slow
def test_garbage_makes_nothing_late_and_is_never_believed(tmp_path, ring):
    (tmp_path / "keys.toml").write_text(f'[keys]\n1 = "{KEY.hex()}"\n')
    rng, over = np.random.default_rng(6), threading.Event()
    with payload_under_test(
        MINI, tmp_path / "w", "--link-bit-s=1e6", f"--keys={tmp_path / 'keys.toml'}", key=(1, KEY)
    ) as payload:
        turn = ring.turn(0, 3)
        first, second = rng.spawn(2)
        work = [
            threading.Thread(target=commands, args=(first, payload.local.commands, over)),
            threading.Thread(target=frames, args=(second, payload.local.frames, turn.leader, turn.data, over)),
        ]
        for one in work:
            one.start()
        payload.play(ring, N_SETS * N_SET)
        for one in work:
            one.join()
        row = payload.await_packet("SET", 0, 30.0, lambda row: row["phase"] == 1 and row["first_frame"] == (N_SETS - 1) * N_SET)
        assert row is not None
        payload.demand_ready()
        prepared = [answer for answer in payload.answers if answer.kind is Kind.PREPARED]
        assert payload.stop() == 0
    told = read([raw for _, raw in payload.telemetry.packets])
    reasons = [reason_name(row["reason"]) for row in told.records["EVENT"]]
    slowest_s = max(answer.numbers[2] - answer.numbers[0] for answer in prepared) * 1e-9
    print(f"{len(prepared)} frames, slowest {slowest_s:.3f} s, {reasons.count('DEADLINE_MISSED')} deadlines missed")
    assert len(prepared) == N_SETS * N_SET
    assert slowest_s < ring.cadence_ns * 1e-9
    assert not {"DEADLINE_MISSED", "MODE_CHANGED", "FRAME_LOST"} & set(reasons)
    assert sum(row["n_processed"] for row in told.records["DWELL"]) == N_SETS * N_SET
