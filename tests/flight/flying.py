"""Flights of the small payload with operations, and what the ground has of them."""

from collections import Counter
from dataclasses import replace

from firmware_sim.board.processor_profile import load_profile
from firmware_sim.flight import topology
from firmware_sim.flight.parts import Order, Outlets
from firmware_sim.flight.payload import Payload
from firmware_sim.scenarios.campaign import MARKING
from firmware_sim.scenarios.scenario import load
from sensorproc.ground import board
from sensorproc.ground.reader import read
from tests.flight.conftest import MINI

HALF_HOUR = {"duration_s": 1800.0, "core": "reuse"}


def built(recording, operations, slow=1.0, seed=1, processor="host", send=None, quality=None, **over) -> Payload:
    """The small payload with operations, before it flies, on a processor made ``slow`` times slower."""
    scenario = load(MINI, quality=quality)
    profile = load_profile(processor)
    profile = replace(profile, ops_per_core_s=profile.ops_per_core_s / slow)
    chosen = replace(scenario.board, **over)
    given = load(MINI, over={"operations": operations}).operations
    return topology.build(Order(recording, scenario.payload, chosen, profile, seed, MARKING, given), Outlets(send))


def flown(recording, operations, **how) -> Payload:
    """A finished flight of the small payload: see ``built``."""
    payload = built(recording, operations, **how)
    payload.fly()
    return payload


def told(payload):
    downlink = read(b"".join(payload.stream))
    assert downlink.gaps.is_exact
    return downlink


def account(payload) -> Counter[tuple[str, str]]:
    """Dwells by outcome and reason as the ground has them; every one is told exactly once."""
    rows = board.dwells(told(payload))
    assert payload.ledger.is_exact
    assert not payload.ledger.open
    assert [row["set_id"] for row in rows] == list(range(payload.ledger.n_planned))
    return Counter((row["outcome"], row["reason"]) for row in rows)
