"""Telecommands: nothing that is sent, however damaged or out of order, raises or changes what it may not."""

import struct
from zlib import crc32

import pytest
from fastcrc import crc16
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware_sim.commanding.authentication import Authentication
from firmware_sim.commanding.executor import MOST_AHEAD_NS, MOST_STORED, CommandExecutor
from firmware_sim.commanding.parameters import PARAMETERS, ParameterSet
from firmware_sim.commanding.state import MOST_TABLE_BYTES, OperatingState
from firmware_sim.flight.plan import uplinked
from firmware_sim.scan.table import ENTRY, ScanEntry, TableError, pack, unpack
from firmware_sim.scenarios.operations import Operations
from sensorproc.config import Config
from sensorproc.downlink.authentication import protect, take_apart
from sensorproc.downlink.records import ACK
from sensorproc.downlink.telecommands import (
    ARGUMENTS,
    FORMS,
    Code,
    Mode,
    Operation,
    Refused,
    Stage,
    Table,
    Telecommand,
    parse,
    table_load,
)

NOW = 2_000_000_000_000_000_000
HOST = (ScanEntry(0, float("nan"), float("nan"), 16, 0.0),)
OTHER = tuple(ScanEntry(k, 0.01 * k, -0.3, 8, 2.5) for k in range(40))


def executor(mode=Mode.IDLE, scanning=False):
    state = OperatingState(mode, pack(HOST), scanning)
    return CommandExecutor(state, ParameterSet(Config()), lambda command: Code.NONE, lambda: (Code.NONE, (0.0, 0.0)))


def told(answers):
    return [(Stage(row["stage"]), Code(row["code"])) for data in answers for row in ACK.unpack(data)]


def send(to, operation, request=1, at=0, **arguments):
    return told(to.receive(Telecommand(operation, request, arguments, at).pack(), NOW))


def fingerprint(of):
    return of.state.digest(), of.parameters.config.digest(), tuple(item[:2] for item in of.stored)


DONE = [(Stage.ACCEPTED, Code.NONE), (Stage.COMPLETED, Code.NONE)]


def rejected(code):
    return [(Stage.REJECTED, code)]


def test_a_command_that_is_allowed_is_accepted_and_done():
    to = executor()
    assert send(to, Operation.PING) == DONE
    assert send(to, Operation.SET_MODE, 2, mode=int(Mode.OBSERVE)) == DONE
    assert send(to, Operation.START_SCAN, 3) == DONE
    assert to.state.takes_frames
    assert send(to, Operation.SET_PARAMETER, 4, parameter=1, value=0.05) == DONE
    assert to.parameters.config.search.false_alarms_per_set == 0.05
    assert send(to, Operation.SET_MODE, 5, mode=int(Mode.SAFE)) == DONE
    assert not to.state.is_scanning
    assert len(send(to, Operation.DUMP_PARAMETERS, 6)) == 1 + len(PARAMETERS)


@pytest.mark.parametrize(
    ("operation", "arguments", "code"),
    [
        (Operation.SET_MODE, {"mode": 9}, Code.OUT_OF_RANGE),
        (Operation.START_SCAN, {}, Code.WRONG_MODE),
        (Operation.STOP_SCAN, {}, Code.OUT_OF_SEQUENCE),
        (Operation.SET_PARAMETER, {"parameter": 999, "value": 1.0}, Code.BAD_ARGUMENT),
        (Operation.SET_PARAMETER, {"parameter": 1, "value": 7.0}, Code.OUT_OF_RANGE),
        (Operation.SET_PARAMETER, {"parameter": 9, "value": 48.5}, Code.OUT_OF_RANGE),
        (Operation.SET_PARAMETER, {"parameter": 9, "value": float("nan")}, Code.OUT_OF_RANGE),
        (Operation.SET_PARAMETER, {"parameter": 9, "value": float("inf")}, Code.OUT_OF_RANGE),
        (Operation.COMMIT_TABLE, {"table": 1, "n_bytes": 10, "crc32": 0}, Code.OUT_OF_SEQUENCE),
        (Operation.COMMIT_TABLE, {"table": 7, "n_bytes": 10, "crc32": 0}, Code.BAD_ARGUMENT),
        (Operation.LOAD_TABLE, {"table": 1, "offset": 512, "n_bytes": 4, "part": b"SCAN"}, Code.OUT_OF_SEQUENCE),
        (Operation.LOAD_TABLE, {"table": 1, "offset": 0, "n_bytes": 0, "part": b""}, Code.BAD_ARGUMENT),
    ],
)
def test_what_is_not_allowed_is_rejected_with_its_code(operation, arguments, code):
    to = executor()
    before = fingerprint(to)
    assert send(to, operation, **arguments) == rejected(code)
    assert fingerprint(to) == before
    assert to.n_rejected == 1


def test_a_table_is_loaded_in_parts_and_committed_whole():
    to, data = executor(), pack(OTHER)
    for command in table_load(Table.SCAN, data, 10):
        assert told(to.receive(command.pack(), NOW)) == DONE
    assert [(e.cell, e.n_frames, e.settle_s) for e in to.state.entries()] == [(e.cell, e.n_frames, e.settle_s) for e in OTHER]
    bad = bytearray(data)
    bad[30] ^= 4
    *loads, commit = table_load(Table.SCAN, bytes(bad), 50)
    assert all(told(to.receive(c.pack(), NOW)) == DONE for c in loads)
    wrong = Telecommand(commit.operation, commit.request, commit.arguments | {"crc32": crc32(data)})
    assert told(to.receive(wrong.pack(), NOW)) == rejected(Code.TABLE_DAMAGED)  # damaged on its way
    told_ = told(to.receive(Telecommand(commit.operation, 77, commit.arguments).pack(), NOW))
    assert told_ == rejected(Code.BAD_ARGUMENT)  # damaged before it was sent
    assert to.state.scan_bytes == data


def test_commands_wait_for_their_time_in_order():
    to = executor()
    assert send(to, Operation.START_SCAN, 1, at=NOW + 20) == [(Stage.ACCEPTED, Code.NONE)]
    assert send(to, Operation.SET_MODE, 2, at=NOW + 10, mode=int(Mode.OBSERVE)) == [(Stage.ACCEPTED, Code.NONE)]
    assert send(to, Operation.STOP_SCAN, 3, at=NOW - 1) == rejected(Code.TIME_PAST)
    assert to.due(NOW + 9) == []
    assert told(to.due(NOW + 30)) == [(Stage.COMPLETED, Code.NONE)] * 2
    assert to.state.takes_frames
    assert send(to, Operation.START_SCAN, 4, at=NOW + 1) == [(Stage.ACCEPTED, Code.NONE)]
    assert told(to.due(NOW + 30)) == [(Stage.FAILED, Code.OUT_OF_SEQUENCE)]  # it already scans
    for k in range(MOST_STORED):
        assert send(to, Operation.PING, 100 + k, at=NOW + 50) == [(Stage.ACCEPTED, Code.NONE)]
    assert send(to, Operation.PING, 999, at=NOW + 50) == rejected(Code.QUEUE_FULL)
    assert send(to, Operation.CLEAR_STORED, 1000) == DONE
    assert not to.stored


def test_a_repeated_command_is_not_done_twice():
    to = executor()
    assert send(to, Operation.PING, 5) == DONE
    assert send(to, Operation.PING, 5) == rejected(Code.DUPLICATE)


def arguments_of(operation):
    kinds = {"u1": 255, "u2": 65535, "u4": 2**32 - 1}
    strategies = {
        f.name: st.binary(max_size=512) if f.code.startswith("S")
        else st.floats(width=64) if f.code == "f8" else st.integers(0, kinds[f.code])
        for f in ARGUMENTS[operation]
    }  # fmt: skip
    return st.fixed_dictionaries(strategies)


COMMANDS = st.sampled_from(Operation).flatmap(
    lambda operation: st.builds(
        Telecommand, st.just(operation), st.integers(0, 2**32 - 1), arguments_of(operation),
        st.sampled_from([0, NOW - 5, NOW + 5, 2**64 - 1]),
    )
).map(lambda command: command.pack())  # fmt: skip


def _damaged(packet, position, value):
    raw = bytearray(packet)
    raw[position % len(raw)] ^= value
    return bytes(raw)


DAMAGED = st.builds(_damaged, COMMANDS, st.integers(0, 10_000), st.integers(1, 255))
CUT = st.builds(lambda packet, n: packet[: n % len(packet)], COMMANDS, st.integers(0, 10_000))


@settings(max_examples=1000, deadline=None)
@given(st.lists(st.one_of(st.binary(max_size=80), DAMAGED, CUT), min_size=5, max_size=5))
def test_damage_is_rejected_with_a_code_and_changes_nothing(packets):
    """5000 packets of noise, wrong bytes and cut ends."""
    to = executor()
    before = fingerprint(to)
    for raw in packets:
        answers = told(to.receive(raw, NOW))
        assert len(answers) == 1
        assert answers[0][0] is Stage.REJECTED
        assert answers[0][1] is not Code.NONE
    assert fingerprint(to) == before
    assert to.n_rejected == len(packets)


@settings(max_examples=1000, deadline=None)
@given(st.sampled_from(Mode), st.booleans(), st.lists(COMMANDS, min_size=5, max_size=5))
def test_well_formed_commands_in_any_order_are_done_or_rejected(mode, scanning, packets):
    """5000 commands with any arguments: each is answered, what is rejected has changed nothing, and the state stays lawful."""
    to = executor(mode, scanning and mode is Mode.OBSERVE)
    for raw in packets:
        before = fingerprint(to)
        stages = told(to.receive(raw, NOW))
        assert stages
        if stages[0][0] is Stage.REJECTED:
            assert stages[0][1] is not Code.NONE
            assert fingerprint(to) == before
        assert to.state.mode in (Mode.OBSERVE, Mode.CHECKOUT) or not to.state.is_scanning
        assert unpack(to.state.scan_bytes)
    assert all(stage in (Stage.COMPLETED, Stage.FAILED) for stage, _ in told(to.due(2**64)))


@given(st.binary(max_size=200))
def test_any_bytes_are_a_command_or_a_code(raw):
    assert isinstance(parse(raw), Refused)


def test_the_layout_is_what_the_page_says():
    raw = Telecommand(Operation.SET_MODE, 7, {"mode": 3}, 9).pack(5)
    assert struct.unpack(">HHH", raw[:6]) == (0x1B00, 0xC005, len(raw) - 7)
    assert struct.unpack(">HIQB", raw[6:-2]) == (2, 7, 9, 3)
    assert all(FORMS[operation].size_bytes < 600 for operation in Operation)


@given(st.binary(max_size=100))
def test_bytes_that_are_no_scan_table_are_told(raw):
    with pytest.raises(TableError):
        unpack(raw)


def test_a_scan_table_that_cannot_be_flown_is_told():
    for entry in ((0, 7.0, 0.0, 8, 0), (0, 1.0, 2.0, 8, 0), (0, 1.0, 0.0, 0, 0), (0, 1.0, 0.0, 8, 2**31)):
        body = struct.pack(">4sH", b"SCAN", 1) + ENTRY.pack(*entry)
        with pytest.raises(TableError, match="cell 0"):
            unpack(body + struct.pack(">I", crc32(body)))


# ---------------------------------------------------------------- who may command

KEYS = {1: bytes(range(32)), 7: b"another key of 28 characters"}


def guarded(heard=None):
    state = OperatingState(Mode.IDLE, pack(HOST), False)
    told_of = Authentication(KEYS, {} if heard is None else heard)
    return CommandExecutor(
        state, ParameterSet(Config()), lambda command: Code.NONE, lambda: (Code.NONE, (0.0, 0.0)), authentication=told_of
    )


def signed(counter, request=1, key_number=1, key=None, mode=Mode.OBSERVE):
    plain = Telecommand(Operation.SET_MODE, request, {"mode": int(mode)}).pack(counter)
    return protect(plain, key_number, KEYS.get(key_number, b"") if key is None else key, counter)


def test_only_who_has_the_key_commands():
    to = guarded()
    plain = Telecommand(Operation.SET_MODE, 3, {"mode": int(Mode.OBSERVE)}).pack()
    for raw in (plain, signed(1, key=b"guessed key of no one"), signed(1, key_number=2, key=KEYS[1]), signed(1, key=KEYS[7])):
        assert told(to.receive(raw, NOW)) == rejected(Code.NOT_AUTHENTIC)
    assert to.state.mode is Mode.IDLE
    assert to.n_rejected == 4
    assert told(to.receive(signed(1), NOW)) == DONE
    assert told(to.receive(signed(1, request=2, key_number=7), NOW)) == DONE


@given(st.lists(st.integers(0, 40), min_size=1, max_size=60))
def test_a_counter_is_taken_once_and_none_below_it_whatever_is_heard_again(counters):
    heard: dict[int, int] = {}
    to, highest = guarded(heard), -1
    for k, counter in enumerate(counters):
        answers = told(to.receive(signed(counter, request=100 + k), NOW))
        assert answers == (DONE if counter > highest else rejected(Code.REPLAYED))
        highest = max(highest, counter)
        if k % 7 == 6:
            to = guarded(heard)  # a reset: what it had heard stands in memory that survives
    for counter in counters:
        assert told(to.receive(signed(counter, request=999), NOW)) == rejected(Code.REPLAYED)


@settings(max_examples=300)
@given(st.integers(0, 10_000), st.integers(0, 7))
def test_a_changed_bit_is_not_authentic_even_under_a_right_crc(place, bit):
    to, raw = guarded(), bytearray(signed(5))
    raw[place % (len(raw) - 2)] ^= 1 << bit
    before = fingerprint(to), dict(to.authentication.heard)
    assert told(to.receive(bytes(raw), NOW))[0][1] in (Code.BAD_CRC, Code.NOT_AUTHENTIC)
    raw[-2:] = struct.pack(">H", crc16.ibm_3740(bytes(raw[:-2])))
    assert told(to.receive(bytes(raw), NOW)) == rejected(Code.NOT_AUTHENTIC)
    assert (fingerprint(to), dict(to.authentication.heard)) == before
    assert told(to.receive(signed(5), NOW)) == DONE


@given(st.binary(max_size=120))
def test_no_bytes_are_a_command_without_a_key(junk):
    to = guarded()
    assert told(to.receive(junk, NOW))[0][0] is Stage.REJECTED
    assert told(to.receive(junk + struct.pack(">H", crc16.ibm_3740(junk)), NOW))[0][0] is Stage.REJECTED


def test_a_key_is_long_enough():
    with pytest.raises(ValueError, match="at least 16"):
        Authentication({1: b"short"})


# ---------------------------------------------------------------- lengths and times


@given(st.integers(1, 512), st.binary(max_size=512))
def test_a_part_is_as_long_as_it_says(n_bytes, part):
    to = executor()
    arguments = {"table": 1, "offset": 0, "n_bytes": n_bytes, "part": part}
    assert send(to, Operation.LOAD_TABLE, **arguments) == DONE
    assert bytes(to.state.loading) == part.ljust(n_bytes, b"\0")[:n_bytes]


def test_no_table_grows_beyond_its_room():
    to, request = executor(), 0
    while True:
        request += 1
        left = MOST_TABLE_BYTES - len(to.state.loading)
        arguments = {"table": 1, "offset": len(to.state.loading), "n_bytes": min(512, max(left, 1)), "part": b"B" * 512}
        if send(to, Operation.LOAD_TABLE, request, **arguments) != DONE:
            break
    assert len(to.state.loading) == MOST_TABLE_BYTES


@pytest.mark.parametrize("ahead_ns", [MOST_AHEAD_NS + 1, 2**63 - NOW, 2**64 - 1 - NOW])
def test_a_command_of_the_far_future_holds_no_place(ahead_ns):
    to = executor()
    for k in range(MOST_STORED + 1):
        assert send(to, Operation.PING, k, at=NOW + ahead_ns) == rejected(Code.TOO_FAR_AHEAD)
    assert not to.stored
    assert send(to, Operation.PING, 500, at=NOW + MOST_AHEAD_NS) == [(Stage.ACCEPTED, Code.NONE)]


def test_an_operator_numbers_the_requests():
    commands = [{"t_s": 1.0, "do": "PING", "request": 4000}, {"t_s": 2.0, "do": "PING"}, {"t_s": 3.0, "do": "PING", "request": 7}]
    plan = uplinked(Operations(commands=commands), 0, KEYS[1])
    sent = [parse(take_apart(raw).plain) for _, packets in plan for raw in packets]
    assert [one.request for one in sent[::2]] == [4000, 7]
    assert len({one.request for one in sent}) == 3
    with pytest.raises(ValueError, match="two commands"):
        Operations(commands=[commands[0], commands[0]])
