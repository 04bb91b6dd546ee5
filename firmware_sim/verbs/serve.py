"""``firmware-sim serve``: the payload as a process behind sockets."""

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter


def serve(
    *,
    payload: str,
    frames: str = "tcp://127.0.0.1:0",
    tm: str = "udp://127.0.0.1:10015",
    tc: str | None = None,
    metrics: str | None = None,
    work: Annotated[Path, Parameter(name=["--work", "-w"])],
    quality: str | None = None,
    state_in: Path | None = None,
    keys: Path | None = None,
    link_bit_s: float | None = None,
    memory_bytes: int | None = None,
    processor: str = "host",
    timeline: Path | None = None,
    inject: str | None = None,
    marking: str = "U",
    data_mode: Literal["TEST", "SIMULATED", "EXERCISE"] = "TEST",
) -> int:
    """Run a payload in real time: frames come in over TCP, telemetry leaves and telecommands come over UDP, one packet each.

    A line of JSON on standard output says that it is ready, and at which addresses. SIGTERM ends it; killed in any other way, it
    goes on where it was with the same --work.

    Parameters
    ----------
    payload
        preset name or TOML file: what the payload believes of its sensor, and its settings.
    frames
        where cameras connect; port 0 is any that is free.
    tm
        where packets go.
    tc
        where telecommands come in; none without it.
    metrics
        where how it does is asked for, in the Prometheus format: tcp://127.0.0.1:PORT, GET /metrics. A file payload.prom in
        --work says the same.
    work
        folder for the checkpoint and what the payload has learnt.
    quality
        what the payload spends: full, lean, survival, or a TOML file of settings that go before its own.
    state_in
        what an earlier payload has learnt, or its calibration; a file that process --state-out writes.
    keys
        TOML file of keys that may command: [keys] 1 = "hexadecimal digits".
    link_bit_s
        rate of the telemetry link, bit/s.
    memory_bytes
        memory that frames may take.
    processor
        profile of the board: cores.
    timeline
        file of what ran when, for Perfetto.
    inject
        faults of the work itself: stall_frame@N=S or stall_set@N=S make frame or set N take S seconds longer, with commas.
    marking
        classification marking of the products.
    data_mode
        data mode of the products; frames of a bench are never REAL.
    """
    import json

    from firmware_sim.board.processor_profile import load_profile
    from firmware_sim.link.address import demand_loopback, parse_address
    from firmware_sim.live.keys import demand_authenticated, load_keys
    from firmware_sim.live.parts import LiveOrder
    from firmware_sim.live.process import Addresses, folder_for
    from firmware_sim.live.process import serve as run
    from firmware_sim.live.stalls import stalls
    from firmware_sim.scenarios.scenario import board_of
    from sensorproc import state_file
    from sensorproc.config import load, with_quality
    from sensorproc.ground import release
    from sensorproc.processing import marking_fields
    from sensorproc.verbs.warm import load_kernels

    addresses = Addresses(
        parse_address(frames, "tcp"), parse_address(tm, "udp"), parse_address(tc, "udp") if tc is not None else None,
        demand_loopback(parse_address(metrics, "tcp")) if metrics is not None else None,
    )  # fmt: skip
    known = load_keys(keys) if keys else {}
    demand_authenticated(addresses.tc, known)
    config = with_quality(load(payload), quality)
    board = board_of({"processor": processor, "link_bit_s": link_bit_s, "memory_bytes": memory_bytes})
    states = state_file.read_states(state_in, config.sensor.binning) if state_in else {}
    given = config.release
    mark = marking_fields(release.check(marking, data_mode, given.source, given.originator), data_mode)
    order = LiveOrder(
        config, board, load_profile(processor), mark, folder_for(work), states, known, timeline, stalls(inject)
    )  # fmt: skip
    load_kernels()
    run(order, addresses, lambda facts: print(json.dumps({"ready": True, **facts}), flush=True))
    return 0
