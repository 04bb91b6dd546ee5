"""Overload: a payload that is too slow sheds work and says so, and goes back when it can."""

from firmware_sim.board.overload import OverloadPolicy, useful_levels
from firmware_sim.scenarios.scenario import load
from sensorproc.config import with_quality
from sensorproc.ground import board
from sensorproc.timescales import NS_PER_S
from tests.flight.conftest import MINI
from tests.flight.flying import HALF_HOUR, account, flown, told


def test_a_processor_four_times_too_slow_sheds_work_and_says_so(recording):
    nominal = flown(recording, HALF_HOUR)
    work_s = nominal.processor.busy_ns / NS_PER_S / nominal.ledger.n_planned / nominal.processor.profile.cores
    payload = flown(recording, HALF_HOUR, slow=4.0 * 32.0 / work_s)
    rows = account(payload)
    n = sum(rows.values())
    assert rows["done", ""] > 0.2 * n
    assert rows["missed", "OVERLOAD"] + rows["done", ""] == n
    assert payload.image_processor.n_waiting == 0
    assert max(sample["memory_bytes"] for sample in payload.health.samples) <= payload.memory.budget_bytes
    done = [row for row in board.dwells(told(payload)) if row["outcome"] == "done"]
    assert sum(row["degraded"] > 0 for row in done) >= len(done) - 2
    flagged = {row["set_id"]: row["degraded"] for row in told(payload).records["SET"]}
    assert all(flagged[row["set_id"]] == row["degraded"] for row in done)
    assert payload.health.counts["DEGRADED"] >= 3


def test_levels_that_change_nothing_are_left_out():
    survival = with_quality(load(MINI).payload, "survival")
    assert useful_levels(load(MINI).payload) == (0, 1, 2, 3)
    assert useful_levels(survival) == (0, 3)
    policy, levels = OverloadPolicy(), useful_levels(survival)
    assert policy.finished(5, 1, 2, levels) == 3
    assert policy.finished(5, 1, 2, levels) == 3
    assert [policy.finished(0, 1, 2, levels) for _ in range(3)] == [3, 3, 0]


def test_a_board_that_has_become_free_searches_as_configured():
    """Another process had the cores for a while: what a level took then says nothing of now."""
    policy, period = OverloadPolicy(), 16
    assert policy.finished(20, 20, period) == 1
    assert [policy.finished(0, 14, period) for _ in range(5)] == [1] * 5
    assert policy.finished(0, 6, period) == 0  # 20 of 14 are 8.6 of 6


def test_a_board_that_stays_too_slow_does_not_try_in_vain():
    policy, period = OverloadPolicy(), 16
    assert policy.finished(20, 20, period) == 1
    assert [policy.finished(0, 12, period) for _ in range(20)] == [1] * 20


def test_a_payload_that_is_in_time_again_searches_as_configured(recording):
    payload = flown(recording, HALF_HOUR | {"faults": [{"kind": "hang", "at_s": [100.0], "size": 2.0}]}, slow=5.0)
    rows = account(payload)
    assert rows["missed", "STAGE_HANG"] == 1
    assert board.dwells(told(payload))[-1]["degraded"] == 0


def test_a_set_that_was_searched_twice_does_not_coarsen_those_after_it_for_good(recording):
    nominal = flown(recording, HALF_HOUR)
    slow = 0.7 * 32.0 * NS_PER_S / nominal.image_processor.policy.work_ns[0]
    tables = {
        "kind": "table",
        "at_s": [75.0 + 0.5 * k for k in range(12)],
        "size": 4.0,
    }  # while the first set is searched, or later
    payload = flown(recording, HALF_HOUR | {"faults": [tables]}, slow=slow)
    rows = board.dwells(told(payload))
    assert payload.health.counts["SEARCHED_AGAIN"] >= 1
    assert payload.health.n_slips >= 1
    assert [row["degraded"] for row in rows[-20:]] == [0] * 20
