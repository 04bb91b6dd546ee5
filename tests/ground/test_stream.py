"""What arrives is used whatever its order, and what is missing is told exactly or is said not to be."""

import io
import sys

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from sensorproc.cli import main
from sensorproc.downlink.dictionary import ICD_VERSION, Apid
from sensorproc.downlink.formatter import Formatter
from sensorproc.downlink.packets import SEQUENCE_COUNTS, build, capacity, sequence_count
from sensorproc.downlink.records import EVENT, SET
from sensorproc.errors import InputError
from sensorproc.ground.decode import write_products
from sensorproc.ground.reader import read
from sensorproc.ground.scan import Scanner
from sensorproc.ground.unwrap import Total, unwrap
from sensorproc.timescales import NS_PER_S

T0_NS = 2_100_000_000 * NS_PER_S
EVENTS = int(Apid.EVENT)


def blank(kind, **values):
    return kind.pack({f.name: values.get(f.name, b"U" if f.code.startswith("S") else 0) for f in kind.fields})


def facts(set_id=0):
    told = ("icd_version", "software_digest", "phase", "is_last", "n_dropped_packets")
    names = [f for f in SET.fields if f.name not in told and not f.name.startswith("total")]
    return {f.name: b"U" if f.code.startswith("S") else 0 for f in names} | {"set_id": set_id}


def flight(n_of_sets, start=0):
    """Packets of sets of so many EVENT packets, 30 s apart."""
    formatter = Formatter(max_packet_bytes=128)
    formatter.sent[EVENTS] = start
    parts = []
    for k, n in enumerate(n_of_sets):
        records = {EVENTS: [blank(EVENT, frame=formatter.sent[EVENTS] + i) for i in range(capacity(EVENT, 128) * n)]}
        parts += formatter.format_set(records, facts(k), T0_NS + 30 * k * NS_PER_S, k == len(n_of_sets) - 1)
    return parts


# ---------------------------------------------------------------- counts of 14 bits


@settings(max_examples=80, deadline=None)
@given(st.lists(st.integers(0, 8000), min_size=1, max_size=8), st.integers(0, 2**32))
@example([8000, 8000, 8000, 8000], 4)
def test_counts_are_right_or_not_said_to_be(n_of_sets, seed):
    """Packets of sets, lost one by one and in outages of any length, in any order, once or twice."""
    rng = np.random.default_rng(seed)
    ends = np.cumsum(n_of_sets)
    absolute = np.arange(ends[-1])
    set_of = np.searchsorted(ends, absolute, side="right")
    kept = rng.random(len(absolute)) >= rng.choice([0.0, 0.08, 0.9])
    for _ in range(rng.integers(0, 3)):
        start = rng.integers(0, len(absolute) + 1)
        kept[start : start + rng.integers(0, 40_000)] = False
    heard = [k for k in range(len(ends)) if rng.random() > 0.3]
    order = np.flatnonzero(kept)
    if rng.random() < 0.3:  # passes in any order; within a set packets come as they were sent
        place = rng.permutation(len(ends))
        order = np.array(sorted(order.tolist(), key=lambda i: (place[set_of[i]], i)), int)
    times = T0_NS + 30 * set_of * NS_PER_S
    totals = [Total(T0_NS + 30 * k * NS_PER_S, int(ends[k])) for k in heard]
    counts, is_sure = unwrap([(int(times[i]), int(i) % SEQUENCE_COUNTS) for i in order], totals)
    if heard and heard[-1] == len(ends) - 1 and is_sure:
        assert counts == order.tolist()
    assert len(set(counts)) == len(counts)  # nothing is taken for a repetition


def test_nothing_is_thrown_away_and_every_gap_is_told_through_the_reader():
    parts = flight([300, 5000, 5200, 6000, 900])
    for first, last in ((0, 0), (200, 9000), (400, 17000), (0, 12000), (100, 100 + SEQUENCE_COUNTS), (17000, 17400)):
        kept = [raw for raw, n in numbered(parts) if n is None or not first <= n < last]
        for stream in (kept, kept[::-1], kept + kept[:50], kept[len(kept) // 2 :] + kept[: len(kept) // 2]):
            gaps = read(b"".join(stream)).gaps
            assert gaps.received[EVENTS] == 17400 - (last - first)
            assert gaps.n_conflicts == 0
            assert gaps.is_exact
            assert [(r.start, r.stop) for r in gaps.missing[EVENTS]] == ([(first, last)] if last > first else [])


def numbered(parts):
    n = -1
    for raw in parts:
        is_event = int.from_bytes(raw[:2], "big") & 0x7FF == EVENTS
        n += is_event
        assert not is_event or sequence_count(raw) == n % SEQUENCE_COUNTS
        yield raw, n if is_event else None


@pytest.mark.parametrize("start", [0, 9000, 20_000, 70_000])
def test_a_pass_may_begin_at_any_count(start):
    gaps = read(b"".join(flight([20, 30], start))).gaps
    assert gaps.received[EVENTS] == 50
    assert [(r.start, r.stop) for r in gaps.missing[EVENTS]] == ([(0, start)] if start else [])
    assert gaps.is_exact


def test_the_order_of_arrival_changes_nothing(rng):
    parts = flight([40, 50, 60])
    whole = read(b"".join(parts)).records
    for _ in range(5):
        shuffled = [parts[k] for k in rng.permutation(len(parts))]
        assert read(b"".join(shuffled)).records == whole


def test_a_whole_turn_that_is_lost_between_packets_of_no_set_is_in_doubt():
    """Events that are sent at once bear times of their own: where among them a turn was lost, nothing tells."""
    own = [(T0_NS + k * NS_PER_S, k) for k in range(1000)]
    late = [(T0_NS + (2000 + k) * NS_PER_S, k + 1000) for k in range(100)]
    totals = [Total(T0_NS + 5000 * NS_PER_S, 1100 + SEQUENCE_COUNTS)]
    counts, is_sure = unwrap(own + late, totals)
    assert not is_sure
    assert counts == [*range(1000), *range(1000 + SEQUENCE_COUNTS, 1100 + SEQUENCE_COUNTS)]  # where the silence was longest


# ---------------------------------------------------------------- bytes between packets


def idle(n_bytes, count=0):
    """CCSDS idle packet of so many bytes, 133.0-B-2: APID 2047, no secondary header."""
    return bytes([0x07, 0xFF, 0xC0 | count >> 8, count & 0xFF]) + (n_bytes - 7).to_bytes(2, "big") + bytes(n_bytes - 6)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.integers(0, 3), max_size=12), st.integers(1, 400), st.randoms(use_true_random=False))
def test_parts_of_any_size_give_the_same(kinds, step, random):
    """Packets, idle packets and noise; the stream in parts of any size."""
    packets = iter(flight([40]))
    pieces = [
        next(packets) if kind == 0 else idle(random.randint(7, 300)) if kind == 1 else random.randbytes(random.randint(1, 90))
        for kind in kinds
    ]
    data = b"".join(pieces)
    whole, parted = Scanner(), Scanner()
    found = list(whole.packets([data]))
    assert found == list(parted.packets(data[i : i + step] for i in range(0, len(data), step)))
    assert found == [piece for piece, kind in zip(pieces, kinds, strict=True) if kind == 0]
    assert (whole.n_bytes_skipped, whole.n_idle_packets) == (parted.n_bytes_skipped, parted.n_idle_packets)
    follows = [*(kind in (0, 1) for kind in kinds[1:]), True]
    sure = sum(kind == 1 and is_sure for kind, is_sure in zip(kinds, follows, strict=False))
    assert whole.n_idle_packets >= sure


def test_idle_packets_are_idle_and_hide_nothing():
    parts = flight([30])
    data = b"".join(raw + idle(60 + k, k) + (idle(7) if k % 3 else b"") for k, raw in enumerate(parts))
    gaps = read(data).gaps
    assert (gaps.n_bytes_skipped, gaps.n_missing, gaps.is_exact) == (0, 0, True)
    assert gaps.n_idle_packets == len(parts) + sum(k % 3 > 0 for k in range(len(parts)))
    inside = idle(7 + len(parts[1]))[:6] + b"\0" + parts[1]  # an idle header in front of a good packet
    assert read(parts[0] + inside + parts[2]).gaps.received[EVENTS] == 2


# ---------------------------------------------------------------- versions, pipes


def of_version(version, n_more_bytes=0):
    raw = build(SET, 0, T0_NS, [blank(SET, icd_version=version) + bytes(n_more_bytes)])
    return raw


@pytest.mark.parametrize("n_more_bytes", [0, 1, 40])
def test_another_version_of_the_icd_is_said_in_one_line(tmp_path, n_more_bytes, capsys):
    (tmp_path / "d.bin").write_bytes(of_version(ICD_VERSION + 3, n_more_bytes))
    assert main(["decode", str(tmp_path / "d.bin"), "-o", str(tmp_path / "out")]) == 4
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert f"version {ICD_VERSION + 3} of the ICD; this program reads version {ICD_VERSION}" in line
    mixed = b"".join(flight([5])) + of_version(ICD_VERSION + 3, n_more_bytes)
    decoded = write_products(mixed, tmp_path / "mixed", None)
    assert any("of the ICD" in text for text in decoded.notes)
    assert decoded.gaps.received[EVENTS] == 5


def test_sets_of_two_builds_are_told_apart(tmp_path):
    one, other = Formatter(128, software_digest=1), Formatter(128, software_digest=2)
    parts = one.format_set({}, facts(), T0_NS)
    other.sent = one.sent
    parts += other.format_set({}, facts(1), T0_NS + NS_PER_S, is_last=True)
    decoded = write_products(b"".join(parts), tmp_path, None)
    assert any("2 builds of the software" in text for text in decoded.notes)


def test_a_pipe_is_read_as_a_file_is(tmp_path, monkeypatch, capsys):
    data = b"".join(flight([30, 40]))
    (tmp_path / "d.bin").write_bytes(data)
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))
    assert main(["decode", "-", "-o", str(tmp_path / "piped")]) == 0
    assert main(["decode", str(tmp_path / "d.bin"), "-o", str(tmp_path / "file")]) == 0
    capsys.readouterr()
    for name in ("events.ecsv", "housekeeping.ecsv", "gaps.json"):
        assert (tmp_path / "piped" / name).read_bytes() == (tmp_path / "file" / name).read_bytes()
    with pytest.raises(InputError, match="no intact packet"):
        write_products(iter([b"", b"\0" * 100]), tmp_path / "none", None)
