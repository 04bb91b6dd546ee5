"""The watchdog: a search that hangs, and resets between frames."""

from sensorproc.downlink.dictionary import REASONS, Severity
from sensorproc.timescales import NS_PER_S
from tests.flight.flying import HALF_HOUR, account, flown, told


def test_a_hung_search_is_ended_by_the_watchdog_and_loses_nothing(recording):
    payload = flown(recording, HALF_HOUR | {"faults": [{"kind": "hang", "at_s": [70.0]}]})
    assert account(payload) == {("done", ""): payload.ledger.n_planned}
    ((begun, running),) = payload.health.resets_ns
    assert (running - begun) / NS_PER_S <= 10.0
    events = told(payload).records["EVENT"]
    lost = [e for e in events if REASONS[e["reason"]] == "WATCHDOG_RESET" and e["severity"] == Severity.WARNING_LO]
    assert len({row["frame"] // 8 for row in lost}) <= 1  # frames of the open set, while the processor boots
    assert payload.health.counts["PING_LATE"] == 1


def test_a_reset_while_no_frame_comes_loses_none(recording):
    operations = {"duration_s": 400.0, "core": "reuse", "scan": [{"n_frames": 4, "settle_s": 60.0}]}
    payload = flown(recording, operations | {"faults": [{"kind": "hang", "at_s": [70.0]}]})
    assert set(account(payload)) == {("done", "")}
