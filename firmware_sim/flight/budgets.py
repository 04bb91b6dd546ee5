"""Deadlines and budgets of a flight as tables: what was allowed, what was used, what is left."""

from typing import Any

import numpy as np

from firmware_sim.flight.payload import Payload
from firmware_sim.flight.radio_ledger import BITS_PER_BYTE
from sensorproc.timescales import NS_PER_S

SECONDS = ("allowed_s", "p50_s", "p90_s", "p95_s", "p99_s", "p99_9_s", "max_s")
DEADLINES = {"what": "string", "n": "int64", **dict.fromkeys((*SECONDS, "margin"), "float64"), "n_missed": "int64"}
BUDGET = {"what": "string", "unit": "string", **dict.fromkeys(("used", "allowed", "margin"), "float64")}
Row = dict[str, Any]


def deadlines(payload: Payload) -> list[Row]:
    """From the end of a set's last exposure to its last stage, and to its last packet; margin is what is left at the 95th
    percentile."""
    health = payload.health
    rows = [_latencies("last stage", health.latencies_ns, health.deadlines_ns)]
    rows += [_latencies("last packet", health.sent_ns, health.deadlines_ns)]
    return [row for row in rows if row]


def _latencies(what: str, taken_ns: dict[int, int], allowed_ns: dict[int, int]) -> Row:
    if not taken_ns:
        return {}
    seconds = np.array([taken_ns[k] for k in sorted(taken_ns)], float) / NS_PER_S
    allowed = min(allowed_ns.values()) / NS_PER_S
    p50, p90, p95, p99, p999 = (float(np.percentile(seconds, p)) for p in (50, 90, 95, 99, 99.9))
    n_missed = sum(taken_ns[k] > allowed_ns[k] for k in taken_ns)
    values = (what, len(seconds), allowed, p50, p90, p95, p99, p999, float(seconds.max()), 1.0 - p95 / allowed, n_missed)
    return dict(zip(DEADLINES, values, strict=True))


def budget(payload: Payload) -> list[Row]:
    """Memory, processor, link and energy: use over allowance, over the whole flight."""
    now_s = max(payload.env.now / NS_PER_S, 1e-9)
    rows: list[tuple[str, str, float, float]] = [
        (name, "bytes", n, payload.memory.budget_bytes) for name, n in payload.needs.items()
    ]
    rows += [
        ("memory, most in use", "bytes", payload.memory.peak_bytes, payload.memory.budget_bytes),
        ("time of all cores", "s", payload.processor.busy_ns / NS_PER_S, now_s * payload.processor.profile.cores),
        ("link", "bytes", payload.radio.ledger.n_bytes, payload.radio.bit_s / BITS_PER_BYTE * now_s),
    ]
    return [
        dict(zip(BUDGET, (*row, 1.0 - row[2] / row[3]), strict=True))
        for row in ((n, u, float(a), float(b)) for n, u, a, b in rows)
    ]
