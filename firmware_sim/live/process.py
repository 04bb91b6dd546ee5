"""The process of a payload in real time: sockets at both ends, and the loop between them."""

import faulthandler
import json
import signal
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from firmware_sim.link.address import written
from firmware_sim.link.datagrams import CommandsIn, TelemetryOut
from firmware_sim.link.frame_link import Kind, Verdict
from firmware_sim.link.receiver import Arrival, FrameServer
from firmware_sim.live.environment import LiveEnvironment
from firmware_sim.live.incoming import as_item
from firmware_sim.live.metrics import Metrics, MetricsServer, exposition, write_metrics
from firmware_sim.live.parts import LiveOrder, LivePayload, built
from firmware_sim.live.watchdog import STUCK_PERIODS, every_s, notify
from firmware_sim.ports import FRAME_PRIORITY, Job
from sensorproc.timescales import MINUTE_NS, NS_PER_S

MOST_TURN_S = 0.5
GRACE_S = 2.0  # for the last packets
METRICS, METRICS_S = "payload.prom", 10.0  # file, and how often it is written
LEAST_STUCK_S = 120.0


@dataclass(frozen=True)
class Addresses:
    """Where frames and telecommands come in, telemetry goes to, and metrics are asked for."""

    frames: tuple[str, int]
    tm: tuple[str, int]
    tc: tuple[str, int] | None
    metrics: tuple[str, int] | None = None


def log(what: str, **facts: Any) -> None:
    """A line of JSON for whoever watches the process."""
    print(json.dumps({"t": round(time.time(), 3), "what": what, **facts}), file=sys.stderr, flush=True)


class PayloadProcess:
    """A payload with its sockets. ``run`` is its loop; ``stop`` ends it, from any thread or signal handler."""

    def __init__(self, order: LiveOrder, addresses: Addresses):
        self.order = order
        self._is_over = threading.Event()
        self._telemetry = TelemetryOut(addresses.tm)
        self.payload: LivePayload = built(order, self._send, self._told)
        self.env: LiveEnvironment = self.payload.env
        sensor = order.config.sensor
        self.frames = FrameServer(addresses.frames, sensor.shape_px, self._arrived, self._ticked)
        self.commands = CommandsIn(addresses.tc, self._commanded) if addresses.tc else None
        self.watched = MetricsServer(addresses.metrics, lambda: exposition(self.metrics())) if addresses.metrics else None

    @property
    def facts(self) -> dict[str, Any]:
        """What a bench must know: addresses, memory, configuration."""
        payload, sensor = self.payload, self.order.config.sensor
        tc = {"tc": written("udp", self.commands.address)} if self.commands else {}
        tc |= {"metrics": written("http", self.watched.address)} if self.watched else {}
        return {
            "frames": written("tcp", self.frames.address), "tm": written("udp", self._telemetry.address), **tc,
            "n_frames": payload.layout.most_frames, "cadence_s": sensor.cadence_s, "shape_px": sensor.shape_px,
            "n_detectors": sensor.n_detectors, "config_digest": self.order.config.digest().hex(),
            "memory_bytes": sum(payload.needs.values()), "authenticated": bool(self.order.keys),
        }  # fmt: skip

    def metrics(self) -> Metrics:
        """How it does: counters since the process began."""
        parts = self.payload
        health, ledger, camera = parts.health, parts.ledger, parts.camera
        frames = {name: float(n) for name, n in self.frames.counts.items()}
        return {
            "frames_total": ("counter", "frames and connections, by what became of them", frames or {"TAKEN": 0.0}),
            "frames_lost_total": ("counter", "frames that did not come, or found no memory", {"": float(camera.n_lost)}),
            "sets_total": ("counter", "sets, by how they ended", {name: float(n) for name, n in ledger.counts.items()}),
            "deadlines_missed_total": ("counter", "sets that were searched too late", {"": float(health.n_slips)}),
            "events_total": ("counter", "events, by reason", {name: float(n) for name, n in health.counts.items()}),
            "latency_seconds": ("gauge", "last exposure to last stage, of the last set", {"": self._latency_s()}),
            "queue_bytes": ("gauge", "packets that wait for the link", {"": float(parts.radio.queued_bytes)}),
            "memory_bytes": ("gauge", "held, by the payload's own account", {"": float(parts.memory.used_bytes)}),
            "cpu_seconds_total": ("counter", "processor time", {"": parts.processor.busy_ns / NS_PER_S}),
            "starts_total": ("counter", "starts with this checkpoint", {"": float(parts.checkpoint.remembered().n_starts)}),
        }  # fmt: skip

    def _latency_s(self) -> float:
        latencies = self.payload.health.latencies_ns
        return latencies[max(latencies)] / NS_PER_S if latencies else 0.0

    def run(self) -> None:
        """Until it is stopped: then what waits is given up, told, and the counts are kept."""
        payload = self.payload
        self.env.process(self._beats())
        self.env.process(self._watched())
        while not self._is_over.is_set():
            self.env.turn(MOST_TURN_S)
        self.frames.close()
        payload.end.succeed()
        payload.image_processor.finish("END_OF_RUN")
        payload.downlink.tell_dwells()
        payload.downlink.finish()
        until = time.monotonic() + GRACE_S
        while payload.radio.queued_bytes and time.monotonic() < until:
            self.env.turn(GRACE_S / 20)
        payload.checkpoint.save()
        payload.trace.close()
        log("stopped", frames=dict(self.frames.counts), commands_lost=self.commands.n_lost if self.commands else 0)

    def stop(self, *signals: Any) -> None:
        """End the loop."""
        self._is_over.set()

    def _beats(self) -> Any:
        while True:
            yield self.env.timeout(MINUTE_NS)
            self.payload.downlink.beat()

    def _watched(self) -> Any:
        """The service manager hears that the loop goes on, unless a piece of work hangs; a file tells how the payload does."""
        period_s = self.payload.layout.most_frames * (self.order.config.sensor.cadence_s or 1.0)
        step_s = min(every_s() or METRICS_S, METRICS_S)
        while True:
            if self.payload.processor.busy_for_s < max(STUCK_PERIODS * period_s, LEAST_STUCK_S):
                notify("WATCHDOG=1")
            write_metrics(self.order.folder / METRICS, exposition(self.metrics()))
            yield self.env.timeout(round(step_s * NS_PER_S))

    def _send(self, packet: bytes) -> None:
        """A packet leaves: the counts it was made with are kept before."""
        self.payload.checkpoint.save()
        self._telemetry(packet)

    def _told(self, job: Job, times_ns: tuple[int, int, int]) -> None:
        kind = Kind.PREPARED if job.priority == FRAME_PRIORITY else Kind.SEARCHED
        self.frames.tell(kind, job.detector, job.number, times_ns)
        if kind is Kind.SEARCHED:
            came, begun, ended = times_ns
            log(
                "searched",
                set=job.set_id,
                detector=job.detector,
                waited_s=(begun - came) / NS_PER_S,
                took_s=(ended - begun) / NS_PER_S,
            )

    def _arrived(self, arrival: Arrival) -> None:
        """In the camera's thread: pixels become a frame here, that the loop is not held up."""
        if arrival.detector >= self.order.config.sensor.n_detectors:
            self.frames.counts["frames of no detector"] += 1
            return
        item = as_item(arrival, self.order.config)
        self.env.call(self._take, arrival, item)

    def _take(self, arrival: Arrival, item: Any) -> None:
        camera = self.payload.camera
        verdict: Verdict = camera.arrived(item, arrival.leader.t_end_tai_ns, arrival.verdict)
        arrival.connection.receipt(arrival.detector, arrival.block, verdict, self.payload.clock.tai_ns())

    def _ticked(self, detector: int, block: int, start_tai_ns: int, end_tai_ns: int) -> None:
        if detector < self.order.config.sensor.n_detectors:
            self.env.call(self.payload.camera.ticked, detector, block, start_tai_ns, end_tai_ns)

    def _commanded(self, raw: bytes, looked_at: Callable[[], None]) -> None:
        def take() -> None:
            self.payload.commands.uplink(raw)
            looked_at()

        self.env.call(take)


def serve(order: LiveOrder, addresses: Addresses, ready: Callable[[dict[str, Any]], object]) -> None:
    """Run a payload until it is told to stop by SIGTERM or SIGINT; ``ready`` is called when it takes frames."""
    process = PayloadProcess(order, addresses)
    faulthandler.register(signal.SIGUSR1)  # where every thread is, for who wonders why it does not go on
    for one in (signal.SIGTERM, signal.SIGINT):
        signal.signal(one, process.stop)
    ready(process.facts)
    notify("READY=1")
    process.run()
    notify("STOPPING=1")


def folder_for(path: Path) -> Path:
    """The folder in which a payload keeps what it must know, made if there is none."""
    path.mkdir(parents=True, exist_ok=True)
    return path
