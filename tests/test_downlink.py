"""Packets: bounds, third-party readers, and damage."""

import ccsdspy
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sensorproc.downlink import packets
from sensorproc.downlink.dictionary import Apid
from sensorproc.downlink.formatter import Formatter
from sensorproc.downlink.records import DETECTION, EVENT, FRAME, HEALTH, RECORDS, SET, TRACKLET
from sensorproc.errors import PacketError
from sensorproc.ground.reader import read


def blank(kind, **values):
    return kind.pack({f.name: values.get(f.name, b"" if f.code.startswith("S") else 0) for f in kind.fields})


def stream(n_sets=3, n_detections=40):
    formatter = Formatter(max_packet_bytes=400)
    parts = []
    for k in range(n_sets):
        records = {
            int(Apid.EVENT): [blank(EVENT, frame=k)],
            int(Apid.TRACKLET): [blank(TRACKLET, tracklet_id=i) for i in range(5)],
            int(Apid.DETECTION): [blank(DETECTION, frame=i, x_px=float(i)) for i in range(n_detections)],
            int(Apid.FRAME): [blank(FRAME, frame=i) for i in range(8)],
            int(Apid.HEALTH): [blank(HEALTH, set_id=k)],
        }
        facts = {
            f.name: b"U" if f.code.startswith("S") else k
            for f in SET.fields
            if not f.name.startswith(("total", "n_drop", "phase"))
        }
        parts += formatter.format_set(records, facts, (k + 1) * 10**9, is_last=k == n_sets - 1)
    return b"".join(parts)


def split(data):
    sizes, position = [], 0
    while position < len(data):
        sizes.append(int.from_bytes(data[position + 4 : position + 6], "big") + 7)
        position += sizes[-1]
    bounds = np.cumsum([0, *sizes])
    return [data[a:b] for a, b in zip(bounds, bounds[1:], strict=False)]


@pytest.mark.parametrize("kind", RECORDS.values(), ids=lambda k: k.name)
@given(data=st.data())
@settings(max_examples=30, deadline=None)
def test_every_field_survives_within_its_quantum(kind, data):
    values = {}
    for f in kind.fields:
        dtype = np.dtype(">" + f.code)
        if dtype.kind == "S":
            values[f.name] = b"U//TEST"
        elif dtype.kind == "f":
            values[f.name] = data.draw(st.floats(-1e6, 1e6, width=32))
        else:
            info = np.iinfo(dtype)
            raw = data.draw(st.sampled_from([int(info.min), 0, 1, int(info.max)]) | st.integers(int(info.min), int(info.max)))
            values[f.name] = raw if f.scale is None else raw * f.scale
    (back,) = kind.unpack(kind.pack(values))
    for f in kind.fields:
        if isinstance(values[f.name], bytes):
            assert back[f.name].rstrip(b"\0") == values[f.name]
        else:
            assert back[f.name] == pytest.approx(values[f.name], rel=1e-6, abs=f.scale or 0)


def test_out_of_range_saturates_and_unknown_fields_are_refused():
    (back,) = DETECTION.unpack(blank(DETECTION, x_px=1e9, mag=-99.0))
    assert back["x_px"] == pytest.approx(8192, abs=1e-3)
    assert back["mag"] == pytest.approx(-32.768)
    with pytest.raises(PacketError, match="fields differ"):
        EVENT.pack({"frame": 1})


@given(st.integers(0, (1 << 32) * 10**9 - 10**9))
def test_time_code_is_exact_to_half_a_tick(tai_ns):
    assert abs(packets.tai_ns_from_cuc(packets.cuc_from_tai_ns(tai_ns)) - tai_ns) <= 30


def test_time_code_of_the_standard_example():
    # 2026-11-22T04:30:37.123456 UTC
    from sensorproc.timescales import tai_ns_from_utc

    assert packets.cuc_from_tai_ns(tai_ns_from_utc("2026-11-22T04:30:37.123456")).hex() == "1f8194ce921f9ad0"


@pytest.mark.parametrize("tai_ns", [-1, (1 << 32) * 10**9])
def test_time_beyond_the_code_is_refused(tai_ns):
    with pytest.raises(PacketError, match="does not fit"):
        packets.cuc_from_tai_ns(tai_ns)


def test_ccsdspy_reads_our_headers(tmp_path):
    (tmp_path / "d.bin").write_bytes(stream())
    layout = ccsdspy.VariableLength(
        [ccsdspy.PacketField("P", "uint", 8), ccsdspy.PacketField("COARSE", "uint", 32), ccsdspy.PacketField("FINE", "uint", 24),
         ccsdspy.PacketField("N", "uint", 16),
         ccsdspy.PacketArray(name="BODY", data_type="uint", bit_length=8, array_shape="expand"),
         ccsdspy.PacketField("CRC", "uint", 16)]
    )  # fmt: skip
    by_apid = ccsdspy.utils.split_by_apid(str(tmp_path / "d.bin"))
    commanded = {Apid.ACK, Apid.DWELL, Apid.IMAGE}  # none of these in this stream
    assert sorted(by_apid) == sorted(int(a) for a in set(Apid) - commanded)
    for apid, block in by_apid.items():
        result = layout.load(block, include_primary_header=True)
        assert result["CCSDS_SEQUENCE_COUNT"].tolist() == list(range(len(result["CCSDS_SEQUENCE_COUNT"])))
        assert (result["P"] == packets.P_FIELD).all()
        kind = RECORDS[Apid(int(apid))]
        assert all(len(body) == n * kind.size_bytes for body, n in zip(result["BODY"], result["N"], strict=True))


def test_intact_stream_has_no_gaps():
    gaps = read(stream()).gaps
    assert (gaps.n_missing, gaps.n_bytes_skipped, gaps.n_duplicates, gaps.is_exact) == (0, 0, 0, True)


@given(seed=st.integers(0, 10**6))
@settings(max_examples=60, deadline=None)
def test_damage_costs_only_what_it_touches_and_the_gap_report_is_exact(seed):
    rng = np.random.default_rng(seed)
    parts = split(stream())
    order, harmed = [], set()
    for i, packet in enumerate(parts):
        if rng.uniform() < 0.1:
            harmed.add(i)
            damaged = bytearray(packet)
            if rng.uniform() < 0.5:
                for bit in rng.choice(8 * len(packet), rng.integers(1, 9), replace=False):
                    damaged[bit // 8] ^= 1 << bit % 8
            else:
                damaged = damaged[: rng.integers(0, len(packet))]
            packet = bytes(damaged)
        order.append(packet)
    downlink = read(b"".join(order))
    expected: dict[int, list[int]] = {int(a): [] for a in Apid}
    counts = dict.fromkeys(expected, 0)
    for i, packet in enumerate(parts):
        apid = int.from_bytes(packet[:2], "big") & 0x7FF
        if i in harmed:
            expected[apid].append(counts[apid])
        counts[apid] += 1
    is_set = [int.from_bytes(p[:2], "big") & 0x7FF == Apid.SET for p in parts]
    of_last_set = [i for i, found in enumerate(is_set) if found][-4:]
    if any(i not in harmed for i in of_last_set):
        missing = {apid: [k for counts in ranges for k in counts] for apid, ranges in downlink.gaps.missing.items()}
        assert missing == expected
    untouched = sum(len(p) for i, p in enumerate(parts) if i not in harmed)
    assert downlink.gaps.n_bytes_skipped == sum(map(len, order)) - untouched


@given(st.binary(max_size=300))
def test_noise_never_raises(junk):
    assert read(junk).gaps.n_bytes_skipped == len(junk)


def test_duplicates_count_once():
    data = stream()
    twice = read(data + data)
    assert twice.gaps.n_duplicates == len(split(data))
    assert twice.gaps.n_missing == 0


def test_budget_keeps_the_urgent_and_says_what_it_dropped():
    formatter = Formatter(max_packet_bytes=300, budget_bytes_per_set=1200)
    records = {int(Apid.FRAME): [blank(FRAME)] * 20, int(Apid.TRACKLET): [blank(TRACKLET)] * 2, int(Apid.EVENT): [blank(EVENT)]}
    facts = {
        f.name: b"U" if f.code.startswith("S") else 0 for f in SET.fields if not f.name.startswith(("total", "n_drop", "phase"))
    }
    data = b"".join(formatter.format_set(records, facts, 10**9))
    downlink = read(data)
    assert len(data) <= 1200
    assert (len(downlink.records["EVENT"]), len(downlink.records["TRACKLET"])) == (1, 2)
    assert downlink.records["SET"][0]["n_dropped_packets"] > 0
    assert downlink.gaps.n_missing == 0


def test_sequence_counts_wrap():
    formatter = Formatter(max_packet_bytes=128)
    formatter.sent[int(Apid.EVENT)] = packets.SEQUENCE_COUNTS - 2
    facts = {
        f.name: b"U" if f.code.startswith("S") else 0 for f in SET.fields if not f.name.startswith(("total", "n_drop", "phase"))
    }
    data = b"".join(formatter.format_set({int(Apid.EVENT): [blank(EVENT)] * 20}, facts, 10**9))
    assert read(data).gaps.received[int(Apid.EVENT)] == len(
        [p for p in split(data) if int.from_bytes(p[:2], "big") & 0x7FF == Apid.EVENT]
    )


def test_a_cut_stream_is_not_called_exact():
    parts = split(stream())
    assert not read(b"".join(parts[: len(parts) // 2])).gaps.is_exact


def test_a_second_recording_is_not_mixed_in():
    gaps = read(stream() + stream(n_detections=39)).gaps
    assert gaps.n_conflicts > 0
    assert not gaps.is_exact
