"""The frame link: what is packed is what comes, and what breaks the protocol loses its connection and nothing else."""

import contextlib
import socket
import subprocess
import time
from pathlib import Path
from zlib import crc32

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from firmware_sim.link.address import is_loopback, parse_address
from firmware_sim.link.camera_side import CameraSide
from firmware_sim.link.frame_link import (
    CRC_AT,
    HEAD,
    LEADER,
    MAGIC,
    Head,
    Kind,
    Leader,
    LinkError,
    PixelCode,
    Verdict,
    frame_messages,
    message,
)
from firmware_sim.link.receiver import FrameServer
from sensorproc.errors import UsageError
from sensorproc.frames import ObserverState

DOCS = Path(__file__).resolve().parents[2] / "docs"
SHAPE = (12, 20)
START = 2_174_049_038_000_000_000
PATIENCE_S = 5.0


class Payload:
    """A server, and what came to it."""

    def __init__(self):
        self.frames, self.ticks = [], []
        self.server = FrameServer(("127.0.0.1", 0), SHAPE, self.frames.append, lambda *tick: self.ticks.append(tick))

    def wait(self, n_frames=0, n_ticks=0, count="", n=1):
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            told = sum(v for k, v in self.server.counts.items() if count and count in k)
            if len(self.frames) >= n_frames and len(self.ticks) >= n_ticks and (not count or told >= n):
                return
            time.sleep(0.005)
        raise AssertionError(f"{len(self.frames)} frames, {len(self.ticks)} ticks, {dict(self.server.counts)}")


@pytest.fixture
def payload():
    one = Payload()
    yield one
    one.server.close()


def leader(number=0, shape=SHAPE, **known):
    start = START + number * 10**9
    return Leader(start, start + 4 * 10**8, shape[1], shape[0], **known)


def pixels(seed=0, shape=SHAPE):
    return np.random.default_rng(seed).integers(0, 65536, shape, np.uint16)


def raw(address, *parts):
    one = socket.create_connection(address)
    with contextlib.suppress(OSError):  # it may hang up before it has heard all
        for part in parts:
            one.sendall(part)
    return one


finite = st.floats(-1e9, 1e9)


@given(
    start=st.integers(1, 2**62), exposure=st.integers(1, 10**12), width=st.integers(1, 10**5), height=st.integers(1, 10**5),
    code=st.sampled_from(list(PixelCode)), attitude=st.none() | st.tuples(finite, finite, finite, finite),
    place=st.none() | st.lists(finite, min_size=6, max_size=6), slew=st.none() | finite,
)  # fmt: skip
def test_a_leader_comes_as_it_was_sent(start, exposure, width, height, code, attitude, place, slew):
    if attitude is not None:
        length = sum(q * q for q in attitude) ** 0.5
        attitude = (1.0, 0.0, 0.0, 0.0) if length < 1e-3 else tuple(q / length for q in attitude)
    observer = None if place is None else ObserverState(tuple(place[:3]), tuple(place[3:]))
    one = Leader(start, start + exposure, width, height, code, attitude, observer, slew)
    assert Leader.unpack(one.pack()) == one


@given(st.binary(min_size=LEADER.size, max_size=LEADER.size))
def test_any_leader_is_one_or_is_refused(content):
    try:
        one = Leader.unpack(content)
    except LinkError:
        return
    assert 0 < one.t_start_tai_ns < one.t_end_tai_ns


@given(st.binary(min_size=HEAD.size, max_size=HEAD.size))
def test_any_header_is_one_or_is_refused(content):
    with pytest.raises(LinkError):
        Head.unpack(content)


def test_frames_come_whole_whatever_the_parts_they_are_sent_in(payload):
    for n_parts in (1, 2, 7):
        camera = CameraSide(payload.server.address)
        first, content, head, data, *rest = frame_messages(0, n_parts, leader(n_parts), pixels(n_parts))
        del head
        camera.raw([first, content])
        for part in np.array_split(np.frombuffer(data, np.uint8), n_parts):
            camera.raw(message(Kind.DATA, 0, n_parts, part.tobytes()))
        camera.raw(rest)
        payload.wait(n_frames=1)
        came = payload.frames.pop()
        assert (came.block, came.verdict, came.leader) == (n_parts, Verdict.TAKEN, leader(n_parts))
        assert np.array_equal(came.data, pixels(n_parts))
        camera.close()


def test_a_tick_may_come_without_pixels(payload):
    camera = CameraSide(payload.server.address)
    camera.tick(0, 7, START, START + 10)
    payload.wait(n_ticks=1)
    assert payload.ticks == [(0, 7, START, START + 10)]
    camera.close()


def test_a_receipt_and_what_becomes_of_work_are_heard(payload):
    heard = []
    camera = CameraSide(payload.server.address, heard.append)
    camera.frame(0, 3, leader(), pixels())
    payload.wait(n_frames=1)
    payload.frames[0].connection.receipt(0, 3, Verdict.TAKEN, START)
    payload.server.tell(Kind.PREPARED, 0, 3, (1, 2, 3))
    deadline = time.monotonic() + PATIENCE_S
    while len(heard) < 2 and time.monotonic() < deadline:
        time.sleep(0.005)
    assert [(a.kind, a.block, a.numbers) for a in heard] == [(Kind.RECEIPT, 3, (0, START)), (Kind.PREPARED, 3, (1, 2, 3))]
    camera.close()


@pytest.mark.parametrize("at", [0, 1, SHAPE[0] * SHAPE[1] - 1])
def test_a_flipped_bit_tears_its_frame_and_no_other(payload, at):
    camera = CameraSide(payload.server.address)
    parts = frame_messages(0, 0, leader(), pixels())
    damaged = np.array(pixels())
    damaged.flat[at] ^= 1
    parts[3] = memoryview(damaged).cast("B")
    camera.raw(parts)
    camera.frame(0, 1, leader(1), pixels(1))
    payload.wait(n_frames=2)
    assert [frame.verdict for frame in payload.frames] == [Verdict.TORN, Verdict.TAKEN]
    assert payload.frames[0].data is None
    camera.close()


def test_a_frame_of_another_size_is_read_and_thrown_away(payload):
    camera = CameraSide(payload.server.address)
    other = (SHAPE[0] + 1, SHAPE[1])
    camera.frame(0, 0, leader(shape=other), pixels(shape=other))
    camera.frame(0, 1, leader(1), pixels(1))
    payload.wait(n_frames=2)
    assert [frame.verdict for frame in payload.frames] == [Verdict.WRONG_SIZE, Verdict.TAKEN]
    camera.close()


def forged(kind, length, version=1, magic=MAGIC, block=0):
    head = HEAD.pack(magic, version, kind, 0, 0, block, length, 0)[:CRC_AT]
    return head + crc32(head).to_bytes(4, "little")


WRONG = {
    "another version": [forged(Kind.LEADER, LEADER.size, version=2)],
    "no message": [b"GET / HTTP/1.1\r\nHost: payload\r\n\r\n"],
    "a leader of giant length": [forged(Kind.LEADER, 2**32 - 1)],
    "an empty leader": [forged(Kind.LEADER, 0)],
    "a number that no record holds": [forged(Kind.LEADER, LEADER.size, block=2**32), leader().pack()],
    "an unknown kind": [forged(99, 0)],
    "data without a leader": [forged(Kind.DATA, 10), b"0123456789"],
    "more data than the leader said": [*frame_messages(0, 0, leader(), pixels())[:2], forged(Kind.DATA, 2**26)],
    "a giant frame": [*message(Kind.LEADER, 0, 0, leader(shape=(10**6, 10**6)).pack()), forged(Kind.LEADER, LEADER.size)],
    "a leader in a frame": [*frame_messages(0, 0, leader(), pixels())[:2], *message(Kind.LEADER, 0, 0, leader().pack())],
    "data of another frame": [*frame_messages(0, 0, leader(), pixels())[:2], *message(Kind.DATA, 0, 5, b"0123456789")],
    "an impossible tick": [*message(Kind.TICK, 0, 0, b"\xff" * 16)],
}  # fmt: skip


@pytest.mark.parametrize("what", WRONG)
def test_who_breaks_the_protocol_loses_the_connection_and_is_counted(payload, what):
    good = CameraSide(payload.server.address)
    wrong = raw(payload.server.address, *WRONG[what])
    payload.wait(count="closed: ")
    wrong.settimeout(PATIENCE_S)
    with contextlib.suppress(ConnectionResetError):
        assert wrong.recv(1) == b""
    wrong.close()
    good.frame(0, 1, leader(1), pixels(1))
    payload.wait(n_frames=1)
    assert payload.frames[0].verdict is Verdict.TAKEN
    good.close()


def test_who_leaves_in_the_middle_of_a_frame_is_counted(payload):
    camera = raw(payload.server.address, *frame_messages(0, 0, leader(), pixels())[:3], b"some")
    camera.close()
    payload.wait(count="in the middle")
    assert not payload.frames


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_mutated_messages_never_pass_for_frames(payload, data):
    """What comes is the frame that was sent, or none at all."""
    whole = b"".join(bytes(part) for part in frame_messages(0, 0, leader(), pixels()))
    at = data.draw(st.integers(0, len(whole) - 1))
    changed = bytearray(whole)
    changed[at] ^= data.draw(st.integers(1, 255))
    before = len(payload.frames)
    camera = raw(payload.server.address, bytes(changed))
    with contextlib.suppress(OSError):
        camera.shutdown(socket.SHUT_WR)
    camera.close()
    time.sleep(0.002)
    for frame in payload.frames[before:]:
        assert frame.verdict is not Verdict.TAKEN


@pytest.mark.parametrize("text", ["tcp://127.0.0.1", "127.0.0.1:5", "tcp://h:65536", "udp://h:1", "tcp://:5", "tcp://h:-1", ""])
def test_addresses_that_are_none_are_told(text):
    with pytest.raises(UsageError, match="tcp://HOST:PORT"):
        parse_address(text, "tcp")


def test_who_is_on_this_machine():
    assert is_loopback("127.0.0.1")
    assert is_loopback("localhost")
    assert is_loopback("::1")
    assert not is_loopback("0.0.0.0")
    assert not is_loopback("192.0.2.1")
    assert not is_loopback("payload.example")


def test_the_sender_in_c_delivers_frames(payload, tmp_path):
    """The header and the sender of the docs, built with warnings as errors."""
    program = tmp_path / "frame_sender"
    subprocess.run(["cc", "-Wall", "-Wextra", "-Werror", "-O2", "-o", program, DOCS / "frame_sender.c"], check=True)
    host, port = payload.server.address
    cube = pixels(shape=(3, *SHAPE))
    arguments = [program, host, str(port), str(SHAPE[1]), str(SHAPE[0]), "3", "10", str(START)]
    subprocess.run(arguments, input=cube.astype("<u2").tobytes(), check=True, timeout=20, capture_output=True)
    payload.wait(n_frames=3)
    for k, frame in enumerate(payload.frames):
        assert (frame.block, frame.verdict) == (k, Verdict.TAKEN)
        assert frame.leader.t_start_tai_ns == START + k * 10_000_000
        assert np.array_equal(frame.data, cube[k])
