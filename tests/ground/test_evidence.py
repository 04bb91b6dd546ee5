"""Nothing that is not proven real leaves as REAL, whatever is lost, forged, spliced or put in another order on the way."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sensorproc.cli import main
from sensorproc.downlink.dictionary import DATA_MODES, Apid
from sensorproc.downlink.packets import CRC_BYTES, OVERHEAD_BYTES, apid_of, build, tai_ns_from_cuc
from sensorproc.downlink.records import NO_SET, SET
from sensorproc.errors import ReleaseError
from sensorproc.ground.evidence import demand_evidence
from sensorproc.ground.gate import gated
from sensorproc.ground.reader import read
from sensorproc.ground.release import Marking, carried, check
from sensorproc.ground.scan import Scanner
from tests.skies import made

LONG = "SECRET//REL TO USA, AUS, CAN, GBR, NZL"


def packets(data):
    return list(Scanner().packets([data]))


@pytest.fixture(scope="module")
def downlinks(tmp_path_factory):
    """Packets of one recording made under several markings and modes, and of another, real one."""
    folder = tmp_path_factory.mktemp("evidence")
    rng = np.random.default_rng(3)
    sky = made.frames(rng, [made.mover(45.0, 49.0, 5.0, 3.0, 3000.0)])
    recording = made.write(folder / "rec", sky)
    found = {}
    for marking, mode in (("U", "SIMULATED"), ("U", "REAL"), (LONG, "REAL"), ("U", "TEST"), ("U", "EXERCISE"), (None, None)):
        out = folder / f"{str(marking)[:6].strip('/')}_{mode}"
        given = [] if marking is None else ["--marking", marking, "--data-mode", mode]
        assert main(["process", str(recording), "-o", str(out), *given]) == 0
        found[marking, mode] = packets((out / "downlink.bin").read_bytes())
    return found


def leaves(parts, marking="U", mode="REAL"):
    """How many FRAME and DETECTION records may leave."""
    downlink, _ = gated(read(b"".join(parts)))
    try:
        covers = demand_evidence(downlink, Marking(marking, mode, "S", "O"))
    except ReleaseError:
        return 0
    return sum(covers(record) is not None for name in ("FRAME", "DETECTION") for record in downlink.records[name])


def is_set(raw):
    return apid_of(raw) == Apid.SET


def forged(raw, **changes):
    """A SET packet with other fields, or another time, and a right CRC."""
    (record,) = SET.unpack(raw[OVERHEAD_BYTES - CRC_BYTES : -CRC_BYTES])
    time = tai_ns_from_cuc(raw[6:14]) + changes.pop("later_ns", 0)
    count = int.from_bytes(raw[2:4], "big") & 0x3FFF
    return build(SET, changes.pop("count", count), time, [SET.pack(record | changes)])


def test_what_is_real_leaves_as_real_and_under_its_own_marking_alone(downlinks):
    whole = downlinks["U", "REAL"]
    n = leaves(whole)
    assert n == 8 + sum(len(read(raw).records["DETECTION"]) for raw in whole if apid_of(raw) == Apid.DETECTION)
    assert leaves(downlinks[LONG, "REAL"], LONG) == n
    assert leaves(downlinks[LONG, "REAL"], "U") == 0
    assert leaves(downlinks[LONG, "REAL"], LONG + ", DEU") == 0
    assert leaves(whole, LONG) == 0
    assert leaves(downlinks["U", "SIMULATED"], "U", "SIMULATED") == n


@pytest.mark.parametrize("mode", ["SIMULATED", "TEST", "EXERCISE", None])
def test_what_is_not_real_never_leaves_as_real(downlinks, mode):
    parts = downlinks["U" if mode else None, mode]
    assert leaves(parts) == 0
    assert leaves([raw for raw in parts if not is_set(raw)]) == 0


def test_without_a_marking_packets_may_get_one_but_not_as_real(downlinks):
    assert leaves(downlinks[None, None], "U", "TEST") > 0
    assert leaves(downlinks[None, None], "U", "REAL") == 0


@pytest.mark.parametrize("code", range(256))
def test_an_unknown_mode_permits_nothing(downlinks, code):
    parts = [forged(raw, data_mode=code) if is_set(raw) else raw for raw in downlinks["U", "SIMULATED"]]
    for mode in ("REAL", "TEST", "EXERCISE"):
        assert leaves(parts, "U", mode) == 0


def test_one_set_that_says_otherwise_forbids_everything(downlinks):
    whole = downlinks["U", "REAL"]
    other = next(raw for raw in whole if is_set(raw))
    for change in (
        {"data_mode": 3},
        {"data_mode": 0},
        {"data_mode": 9},
        {"marking": "S"},
        {"marking": "UNSET"},
        {"set_id": NO_SET, "data_mode": 2},
    ):
        for place in (0, len(whole)):
            assert leaves([*whole[:place], forged(other, count=77, **change), *whole[place:]]) == 0


@settings(max_examples=400, deadline=None)
@given(data=st.data())
def test_no_mixture_of_packets_makes_data_real(downlinks, data):
    """Any packets of four downlinks in any order, their SETs forged in any field and time: what leaves as REAL was made so."""
    pools = {key: downlinks[key] for key in (("U", "SIMULATED"), ("U", "TEST"), (None, None), ("U", "REAL"))}
    not_real = [raw for key, pool in pools.items() if key != ("U", "REAL") for raw in pool]
    sets = [raw for pool in pools.values() for raw in pool if is_set(raw)]
    kept = data.draw(st.lists(st.sampled_from(not_real), max_size=30))
    others = data.draw(st.lists(st.sampled_from(sets), max_size=6))
    changes = st.fixed_dictionaries(
        {"data_mode": st.sampled_from([1, 1, 1, *range(len(DATA_MODES)), 255])},
        optional={
            "marking": st.sampled_from(["U", "UNSET", "S", LONG[:32], carried(LONG)]), "first_frame": st.integers(0, 9),
            "n_frames": st.integers(0, 65535), "set_id": st.sampled_from([0, 1, 7, NO_SET]), "detector": st.integers(0, 2),
            "later_ns": st.sampled_from([0, 1, -1, 10**9, -(10**9), 10**12, -(10**13)]), "count": st.integers(0, 16383),
            "is_last": st.integers(0, 1), "total_detection": st.integers(0, 2**32 - 1),
        },
    )  # fmt: skip
    forgeries = [forged(raw, **data.draw(changes)) for raw in others]
    parts = data.draw(st.permutations([*kept, *forgeries]))
    assert leaves(parts) == 0


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_what_is_lost_costs_only_itself(downlinks, data):
    whole = downlinks["U", "REAL"]
    kept = data.draw(st.lists(st.integers(0, len(whole) - 1), unique=True))
    parts = [whole[k] for k in sorted(kept)]
    has_set = any(is_set(raw) for raw in parts)
    n = sum(len(read(raw).records[name]) for raw in parts for name in ("FRAME", "DETECTION"))
    assert leaves(parts) == (n if has_set else 0)


@pytest.mark.parametrize(
    "marking",
    [
        "U",
        "C",
        "UNCLASSIFIED",
        LONG,
        "REL TO USA, JPN",
        "TLP:AMBER",
        "UK OFFICIAL-SENSITIVE",
        "NATO RESTRICTED",
        "U//FOUO",
        "S" * 256,
    ],
)
def test_markings_of_many_policies(marking):
    assert check(marking, "TEST", "S", "O").marking == marking
    assert len(carried(marking)) <= 32


def test_long_markings_are_told_apart():
    long = ["S" * n for n in range(33, 257)]
    assert len({carried(text) for text in long}) == len(long)


@pytest.mark.parametrize("marking", ["", "u", "U\n", "U\r", "U\0", "S" * 257, "UNSET", "SHA256-00", "ÜBER", " U", "\tU", "1"])
def test_what_is_no_marking(marking):
    with pytest.raises(ReleaseError, match="marking"):
        check(marking, "TEST", "S", "O")


@pytest.mark.parametrize("name", ["", "A\nCREATION_DATE = x", "é", "A\tB", "x" * 65, " A", "A;B", "A\u2028B"])
def test_names_cannot_break_a_message(name):
    for pair in ((name, "O"), ("S", name)):
        with pytest.raises(ReleaseError, match=r"source|originator"):
            check("U", "TEST", *pair)
