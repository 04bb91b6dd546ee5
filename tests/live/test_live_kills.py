"""Fifty power cuts at random instants, while frames come all the time."""

import threading
import time
from collections import Counter

import numpy as np
import pytest

from firmware_sim.bench.under_test import payload_under_test
from sensorproc.downlink.dictionary import reason_name
from sensorproc.ground.reader import read
from tests.live.conftest import MINI

N_KILLS, N_SET = 50, 8
READY_S = 5.0


class Camera:
    """Sends frames when they are due, whoever is there, until it is stopped."""

    def __init__(self, payload, ring):
        self.payload, self.ring, self.is_over, self.number = payload, ring, False, 0
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def run(self):
        start = time.monotonic()
        while not self.is_over:
            turn = self.ring.turn(0, self.number)
            time.sleep(max(start + turn.due_ns * 1e-9 - time.monotonic(), 0))
            self.number += 1
            try:
                self.payload.send(turn.number, turn.leader, turn.data)
            except OSError:
                self.payload._hang_up()

    def stop(self):
        self.is_over = True
        self.thread.join()


@pytest.mark.slow
def test_fifty_kills_lose_the_open_sets_and_nothing_else(tmp_path, ring):
    rng = np.random.default_rng(4)
    period_s = N_SET * ring.cadence_ns * 1e-9
    starts, first_s, lost = [], [], []
    with payload_under_test(MINI, tmp_path, "--link-bit-s=1e6") as payload:
        camera = Camera(payload, ring)
        for _ in range(N_KILLS):
            time.sleep(rng.uniform(0.0, 1.5 * period_s))
            payload.local.kill()
            payload.local.start()
            payload.demand_ready()
            starts.append(payload.local.cold_start_s)
            cursor, begun = payload.cursor, time.monotonic()
            assert payload.await_packet("SET", cursor, 3 * period_s + 5.0, lambda row: row["phase"] == 1) is not None
            first_s.append(time.monotonic() - begun)
        camera.stop()
        time.sleep(2 * period_s)
        assert payload.stop() == 0
    told = read([raw for _, raw in payload.telemetry.packets])
    assert told.gaps.is_exact
    dwells = [(row["set_id"], reason_name(row["reason"])) for row in told.records["DWELL"]]
    counts = Counter(set_id for set_id, _ in dwells)
    lost = [set_id for set_id, reason in dwells if reason == "RESTARTED"]
    print(f"{N_KILLS} kills, {len(counts)} sets, {len(lost)} lost; {max(starts):.2f} s to ready, {max(first_s):.2f} s to a set")
    assert set(counts.values()) == {1}
    missing = set(range(max(counts) + 1)) - set(counts)
    assert len(missing) <= told.gaps.n_missing  # a DWELL record may have been in a packet that had not gone
    assert len(lost) <= 2 * N_KILLS
    assert np.median(starts) <= READY_S
