"""One bad record is one bad record: whatever number it holds, the rest is written, and the bad number is in no message."""

import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sensorproc.cli import main
from sensorproc.downlink.dictionary import Apid
from sensorproc.downlink.packets import CRC_BYTES, OVERHEAD_BYTES, apid_of, build, tai_ns_from_cuc
from sensorproc.downlink.records import RECORDS
from sensorproc.errors import InputError
from sensorproc.flags import DetectionFlag
from sensorproc.ground.decode import write_products
from sensorproc.ground.reader import read
from sensorproc.ground.release import Marking
from sensorproc.ground.scan import Scanner
from sensorproc.ground.table_reader import read_table

MARK = Marking("U", "TEST", "SENSOR-1", "TEAM")
NUMBERS = {
    "f": [math.nan, math.inf, -math.inf, 1e30, -1e30, 0.0], "u": [0, 1, 2**7, 2**15, 2**31, 2**63],
    "i": [0, -1, 2**7, -(2**31), 2**31, 2**62],
}  # fmt: skip
EXTREMES = [
    (kind.name, field.name, number)
    for kind in RECORDS.values() if kind.name in ("SET", "FRAME", "DETECTION", "TRACKLET", "EVENT")
    for field in kind.fields if field.code[0] in NUMBERS
    for number in NUMBERS[field.code[0]]
]  # fmt: skip


@pytest.fixture(scope="module")
def downlink(pointed_run):
    """Packets of a set that is placed on the sky, with an observer: all messages can be written; and an event."""
    parts = list(Scanner().packets([(pointed_run / "downlink.bin").read_bytes()]))
    (first,) = read(parts[0]).records["SET"]
    event = dict.fromkeys(RECORDS[Apid.EVENT].names, 0) | {"t_mid_tai_ns": first["t_packet_tai_ns"], "reason": 1}
    return [*parts, build(RECORDS[Apid.EVENT], 0, first["t_packet_tai_ns"], [RECORDS[Apid.EVENT].pack(event)])]


def changed(raw, which=0, **values):
    """A packet whose ``which``-th record holds other values, with a right CRC. Raw ones: nothing is scaled or clamped."""
    kind = RECORDS[Apid(apid_of(raw))]
    rows = np.frombuffer(raw[OVERHEAD_BYTES - CRC_BYTES : -CRC_BYTES], kind.dtype).copy()
    for name, value in values.items():
        dtype = kind.dtype[name]
        if dtype.kind != "f":
            unsigned = np.array([int(value) % 2 ** (8 * dtype.itemsize)], np.uint64).astype(f"u{dtype.itemsize}")
            value = unsigned.view(f"{dtype.kind}{dtype.itemsize}")[0]
        rows[name][which] = value
    records = [row.tobytes() for row in rows]
    return build(kind, int.from_bytes(raw[2:4], "big") & 0x3FFF, tai_ns_from_cuc(raw[6:14]), records)


def with_change(parts, name, field, number):
    k = next(k for k, raw in enumerate(parts) if RECORDS[Apid(apid_of(raw))].name == name)
    return [*parts[:k], changed(parts[k], **{field: number}), *parts[k + 1 :]]


def products(parts, out, mark=MARK):
    decoded = write_products(b"".join(parts), out, mark)
    records = out / "products" / "eoobservations.json"
    return decoded, json.loads(records.read_text()) if records.is_file() else []


@settings(max_examples=60, deadline=None)
@given(st.sampled_from([e for e in EXTREMES if e[0] != "SET" or e[1] not in ("data_mode",)]))
def test_any_number_in_any_field_costs_one_record(downlink, tmp_path_factory, extreme):
    check_extreme(downlink, tmp_path_factory.mktemp("x"), extreme)


@pytest.mark.slow
@pytest.mark.parametrize("extreme", EXTREMES, ids=str)
def test_every_number_in_every_field_costs_one_record(downlink, tmp_path, extreme):
    if extreme[:2] != ("SET", "data_mode"):
        check_extreme(downlink, tmp_path, extreme)


def check_extreme(downlink, folder, extreme):
    clean, sent = products(downlink, folder / "clean")
    decoded, left = products(with_change(downlink, *extreme), folder / "bad")
    for name in set(clean.tables) - {"housekeeping"}:
        assert len(decoded.tables[name]) == len(clean.tables[name])
    for name in decoded.tables:
        read_table(folder / "bad" / f"{name}.ecsv")
    texts = "".join(path.read_text() for path in (folder / "bad" / "products").glob("*.*")).lower()
    assert "nan" not in texts.replace("sensorproc", "")
    assert "inf" not in texts
    assert "1972-" not in texts
    n_of_record = len(sent) if extreme[0] in ("SET", "FRAME") else 1
    assert len(left) >= len(sent) - n_of_record


@pytest.mark.parametrize("field", ["t_mid_tai_ns"])
@pytest.mark.parametrize("name", ["DETECTION", "FRAME", "EVENT"])
def test_a_clock_that_was_never_set_is_no_time(downlink, tmp_path, name, field):
    decoded, _ = products(with_change(downlink, name, field, 0), tmp_path)
    table = decoded.tables[{"DETECTION": "detections", "FRAME": "frames", "EVENT": "events"}[name]]
    assert [row["time_utc"] for row in table].count("nan") == 1
    assert any(field in note for note in decoded.notes)


def test_a_lost_frame_leaves_the_exposure_out(downlink, tmp_path):
    """A value that did not arrive is in no message: it is never nought."""
    _, sent = products(downlink, tmp_path / "whole")
    parts = [raw for raw in downlink if apid_of(raw) != Apid.FRAME]
    _, left = products(parts, tmp_path / "lost")
    assert "INTEGRATION_INTERVAL = " in (tmp_path / "whole" / "products" / "tracklets.tdm").read_text()
    assert "INTEGRATION_INTERVAL" not in (tmp_path / "lost" / "products" / "tracklets.tdm").read_text()
    assert len(left) == len(sent)
    for a, b in zip(sent, left, strict=True):
        assert {key: a[key] for key in b} == b
        assert "expDuration" not in b


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_no_message_of_a_damaged_stream_contradicts_the_whole_one(downlink, tmp_path_factory, data):
    folder = tmp_path_factory.mktemp("loss")
    _, sent = products(downlink, folder / "whole")
    lost = data.draw(st.lists(st.integers(0, len(downlink) - 1), max_size=max(len(downlink) // 8, 1), unique=True))
    parts = [raw for k, raw in enumerate(downlink) if k not in lost]
    if not any(apid_of(raw) == Apid.SET for raw in parts):
        return
    _, left = products(parts, folder / "lost")
    named = {(o["obTime"], o["ra"]): o for o in sent}
    for one in left:
        of_whole = named[one["obTime"], one["ra"]]
        assert {key: of_whole[key] for key in one} == one


def test_what_was_not_seen_is_no_observation(downlink, tmp_path):
    _, sent = products(downlink, tmp_path / "a")
    k = next(k for k, raw in enumerate(downlink) if apid_of(raw) == Apid.DETECTION)
    row = np.frombuffer(downlink[k][OVERHEAD_BYTES - CRC_BYTES : -CRC_BYTES], RECORDS[Apid.DETECTION].dtype)[0]
    hidden = changed(downlink[k], flags=int(row["flags"]) | int(DetectionFlag.NOT_SEEN))
    decoded, left = products([*downlink[:k], hidden, *downlink[k + 1 :]], tmp_path / "b")
    assert len(left) == len(sent) - 1
    assert any("NOT_SEEN" in note for note in decoded.notes)


def test_a_place_known_no_better_than_a_degree_is_no_observation(downlink, tmp_path):
    _, sent = products(downlink, tmp_path / "a")
    decoded, left = products(with_change(downlink, "DETECTION", "sigma_ra_arcsec", 1e22), tmp_path / "b")
    assert len(left) == len(sent) - 1
    assert any("degree" in note for note in decoded.notes)


@pytest.mark.parametrize("junk", [b"", b"\0" * 5000, bytes(range(256)) * 20])
def test_what_is_no_downlink_touches_nothing(downlink, tmp_path, junk, capsys):
    (tmp_path / "good.bin").write_bytes(b"".join(downlink))
    assert main(["decode", str(tmp_path / "good.bin"), "-o", str(tmp_path / "run")]) == 0
    capsys.readouterr()
    before = {path: path.read_bytes() for path in (tmp_path / "run").rglob("*") if path.is_file()}
    with pytest.raises(InputError, match="no intact packet"):
        write_products(junk, tmp_path / "run", None)
    (tmp_path / "junk.bin").write_bytes(junk)
    assert main(["decode", str(tmp_path / "junk.bin"), "-o", str(tmp_path / "run")]) == 4
    assert len(capsys.readouterr().err.strip().splitlines()) == 1
    assert {path: path.read_bytes() for path in (tmp_path / "run").rglob("*") if path.is_file()} == before


def test_a_total_of_billions_costs_no_memory(downlink, tmp_path):
    decoded, _ = products(with_change(downlink, "SET", "total_event", 2**32 - 1), tmp_path)
    assert decoded.gaps.n_missing >= 2**32 - 2
    assert len((tmp_path / "gaps.json").read_text()) < 10_000
