"""The process of a payload in real time: sockets at both ends, and the loop between them."""

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
from firmware_sim.live.parts import LiveOrder, LivePayload, built
from firmware_sim.ports import FRAME_PRIORITY, Job
from sensorproc.timescales import MINUTE_NS, NS_PER_S

MOST_TURN_S = 0.5
GRACE_S = 2.0  # for the last packets


@dataclass(frozen=True)
class Addresses:
    """Where frames and telecommands come in, and telemetry goes to."""

    frames: tuple[str, int]
    tm: tuple[str, int]
    tc: tuple[str, int] | None


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

    @property
    def facts(self) -> dict[str, Any]:
        """What a bench must know: addresses, memory, configuration."""
        payload, sensor = self.payload, self.order.config.sensor
        tc = {"tc": written("udp", self.commands.address)} if self.commands else {}
        return {
            "frames": written("tcp", self.frames.address), "tm": written("udp", self._telemetry.address), **tc,
            "n_frames": payload.layout.most_frames, "cadence_s": sensor.cadence_s, "shape_px": sensor.shape_px,
            "n_detectors": sensor.n_detectors, "config_digest": self.order.config.digest().hex(),
            "memory_bytes": sum(payload.memory.used.values()), "authenticated": bool(self.order.keys),
        }  # fmt: skip

    def run(self) -> None:
        """Until it is stopped: then what waits is given up, told, and the counts are kept."""
        payload = self.payload
        self.env.process(self._beats())
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
    for one in (signal.SIGTERM, signal.SIGINT):
        signal.signal(one, process.stop)
    ready(process.facts)
    process.run()


def folder_for(path: Path) -> Path:
    """The folder in which a payload keeps what it must know, made if there is none."""
    path.mkdir(parents=True, exist_ok=True)
    return path
