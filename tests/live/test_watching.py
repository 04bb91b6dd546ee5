"""Whoever watches a payload: metrics that a scraper reads, a watchdog that hears of it, results side by side."""

import json
import re
import socket
import urllib.request
from pathlib import Path

import pytest

from firmware_sim.bench.judgement.compare import compare
from firmware_sim.bench.under_test import payload_under_test
from firmware_sim.cli import main
from firmware_sim.live.metrics import PREFIX, exposition
from firmware_sim.live.watchdog import every_s, notify
from sensorproc.errors import NotComparable
from tests.live.conftest import MINI

SAMPLE = re.compile(rf'{PREFIX}[a-z_]+(?:\{{kind="(?:[^"\\]|\\.)*"\}})? -?[0-9.e+-]+')
DOCS = Path(__file__).resolve().parents[2] / "docs"


def samples(text):
    """Every line is a comment or a sample of the format."""
    lines = text.splitlines()
    assert text.endswith("\n")
    assert all(line.startswith(("# HELP ", "# TYPE ")) or SAMPLE.fullmatch(line) for line in lines), text
    return dict(line.rsplit(" ", 1) for line in lines if not line.startswith("#"))


def test_metrics_are_asked_for_and_lie_in_a_file(tmp_path, ring):
    with payload_under_test(MINI, tmp_path, "--link-bit-s=1e6", "--metrics=tcp://127.0.0.1:0") as payload:
        payload.play(ring, 8)
        payload.assert_packet("TRACKLET", 0)
        with urllib.request.urlopen(payload.facts["metrics"] + "/metrics", timeout=5) as answer:
            assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
            found = samples(answer.read().decode())
    assert found[f'{PREFIX}frames_total{{kind="TAKEN"}}'] == "8"
    assert found[f'{PREFIX}sets_total{{kind="done"}}'] == "1"
    assert 0.1 < float(found[f"{PREFIX}latency_seconds"]) < 30.0
    assert samples((tmp_path / "payload.prom").read_text())[f"{PREFIX}starts_total"] == "1"


@pytest.mark.parametrize("label", ["", "plain", 'a "quoted" one', "back\\slash", "two\nlines"])
def test_any_label_is_one_line(label):
    assert len(samples(exposition({"x_total": ("counter", "of x", {label: 1.5})}))) == 1


def test_the_service_manager_hears(tmp_path, monkeypatch):
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    monkeypatch.delenv("WATCHDOG_USEC", raising=False)
    assert not notify("READY=1")
    assert every_s() is None
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        monkeypatch.setenv("WATCHDOG_USEC", "30000000")
        assert notify("WATCHDOG=1")
        assert manager.recv(100) == b"WATCHDOG=1"
    assert every_s() == 15.0
    assert not notify("READY=1")


def test_the_unit_starts_what_there_is():
    """Every option in the shipped unit is one of serve's."""
    text = (DOCS / "sensorproc-payload.service").read_text()
    options = re.findall(r"--([a-z-]+) ", text)
    help_text = Path(__file__).resolve().parents[2].joinpath("firmware_sim", "verbs", "serve.py").read_text()
    assert {"payload", "work", "frames", "tm", "tc", "keys", "metrics"} == set(options)
    assert all(re.search(rf"^    {name}: ", help_text, re.MULTILINE) for name in options)


def result(shift_ns=0, **more):
    latencies = {str(k): 10**8 + 10**6 * (k * 7919 % 13) + shift_ns for k in range(200)}
    facts = {"version": 1, "name": "x", "outcome": "pass", "cadence_s": 1.0, "set_frames": 16, "config_digest": "ab"}
    return facts | {"latencies_ns": {"frames": latencies, "last_packet": {}}} | more


def test_two_results_differ_only_beyond_chance(tmp_path):
    assert {one.verdict for one in compare(result(), result())} == {"same within chance"}
    assert {one.verdict for one in compare(result(), result(5 * 10**6))} == {"slower"}
    assert {one.verdict for one in compare(result(), result(-(5 * 10**6)))} == {"faster"}
    for other in ({"cadence_s": 2.0}, {"config_digest": "cd"}, {"outcome": "INVALID"}):
        with pytest.raises(NotComparable):
            compare(result(), result(**other))
    for name, facts in (("a", result()), ("b", result(5 * 10**6)), ("c", result(cadence_s=2.0))):
        (tmp_path / f"{name}.json").write_text(json.dumps(facts))
    a, b, c = (str(tmp_path / f"{name}.json") for name in "abc")
    assert [main(["bench-compare", *pair]) for pair in ((a, a), (a, b), (b, a), (a, c), (a, "nowhere"))] == [0, 6, 0, 7, 4]
