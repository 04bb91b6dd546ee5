"""The only place that connects components: the whole payload on one page.

ground -> command handler -> operating state, parameters, scan table
                                    |
            schedule -> camera -> frame store -> image processor -> downlink manager -> radio -> bytes
                           |          |            |    |    |          |      |
                        memory      arena     processor core tables   ledger health

A line connects a port of one part to another part or its method (``->``), or lets it ask for a value (``<-``). The ports and what
they carry are in ``ports.py``; parts are made in ``parts.py``.
"""

from firmware_sim.flight.connect import connect
from firmware_sim.flight.parts import Order, Outlets, made
from firmware_sim.flight.payload import Payload
from sensorproc.frame_sets import unopened

FRAMES = """
    camera.frames                 -> store
    store.out                     -> image_processor.take
    image_processor.store         -> store
    image_processor.core          -> core
    image_processor.out           -> output
    output.out                    -> downlink
    downlink.radio                -> radio
    downlink.set_sent             -> health.set_sent
    downlink.set_sent             -> output.set_sent
    camera.abandon                -> image_processor.abandon
"""

DWELLS = """
    camera.ledger                 -> ledger
    image_processor.ledger        -> ledger
    output.ledger                 -> ledger
    downlink.ledger               -> ledger
"""

BOARD = """
    camera.memory                 -> memory
    image_processor.memory        -> memory
    image_processor.processor     -> processor
    health.memory                 -> memory
    health.processor              -> processor
"""

EVENTS = """
    store.event                   -> health.event
    image_processor.event         -> health.event
    image_processor.tell          -> health.tell
    flight_clock.event            -> health.event
    tables.event                  -> health.event
    output.done                   -> health.set_done
    downlink.events               -> health.take_records
    downlink.health_record        -> health.record
"""

FAULT_PROTECTION = """
    health.watched                -> image_processor
    store.is_up                   <- health.is_up
    commands.is_up                <- health.is_up
    image_processor.check_tables  -> tables.check
    tables.mark_suspect                  -> image_processor.mark_suspect
    camera.time                   -> flight_clock
"""

COMMANDS = """
    commands.executor             -> executor
    commands.answer               -> downlink.put_now
    pixels.store                  -> store
    pixels.out                    -> downlink.put_now
    state.changed                 -> health.mode_changed
    state.changed                 -> image_processor.mode_changed
    camera.scan                   <- state.scan
    camera.holds_frames           <- state.holds_frames
    image_processor.holds_frames  <- state.holds_frames
    image_processor.config        <- parameters.config
    downlink.most_bytes           <- parameters.most_bytes_per_set
"""

TELEMETRY = """
    counters.queue_bytes          <- radio.queued_bytes
    counters.n_frames_lost        <- camera.n_lost
    counters.mode                 <- state.mode
    counters.n_corrected          <- store.n_corrected
    counters.n_uncorrectable      <- store.n_uncorrectable
    counters.n_reloaded           <- tables.n_reloaded
    counters.n_rejected_commands  <- commands.n_rejected
    counters.n_throttled          <- downlink.n_throttled
    counters.clock_sigma_s        -> flight_clock.sigma_s
"""


def build(order: Order, outlets: Outlets | None = None) -> Payload:
    """A payload that will see a recording's frames at their own times, or take them again and again in a scan.

    Raises
    ------
    BudgetError
        If it does not fit the board's memory.
    InputError
        If a scan over a single frame would look like a camera that is stuck.
    """
    parts, payload, sky, sets = made(order, outlets or Outlets())
    connect(parts, FRAMES + DWELLS + BOARD + EVENTS + FAULT_PROTECTION + COMMANDS + TELEMETRY)
    payload.begin(unopened(order.recording, sets), sky, sets[0][0][0])
    return payload
