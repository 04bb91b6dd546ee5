"""What a telecommand does: checked against the payload's state, answered, and carried out or stored until its time.

Knows no clock and no simulation: times are given, and what a command acts upon are ports. A command that is rejected has
changed nothing but the counters.
"""

from bisect import insort
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from firmware_sim.commanding.authentication import Authentication
from firmware_sim.commanding.parameters import PARAMETERS, ParameterSet
from firmware_sim.commanding.state import CHANGES, MOST_TABLE_BYTES, SCANNING, OperatingState
from firmware_sim.scan.table import TableError, unpack
from sensorproc.downlink.records import ACK
from sensorproc.downlink.telecommands import (
    CHUNK_BYTES,
    Code,
    Mode,
    Operation,
    Refused,
    Stage,
    Table,
    Telecommand,
    claimed,
    parse,
)
from sensorproc.timescales import NS_PER_S

MOST_STORED = 64
MOST_AHEAD_NS = 7 * 86400 * NS_PER_S  # of a stored command: one of the far future would hold its place for ever
MOST_REMEMBERED = 65_536  # request numbers, to know a repeated command
Request = Callable[[Telecommand], Code]
Told = tuple[Code, tuple[float, float]]


@dataclass
class CommandExecutor:
    """Ports: the operating state, parameters, whoever fetches raw pixels, the self test. ``acks`` leave through the caller."""

    state: OperatingState
    parameters: ParameterSet
    request_pixels: Request
    self_test: Callable[[], "Told"]
    most_frames: int = 64  # of a dwell, that memory was laid out for
    authentication: Authentication | None = None  # none: only where commands never leave this machine
    stored: list[tuple[int, int, Telecommand]] = field(default_factory=list)  # time, order of arrival, command
    n_accepted: int = 0
    n_rejected: int = 0

    def __post_init__(self) -> None:
        self._recent: dict[int, None] = {}  # in order of arrival

    def receive(self, raw: bytes, tai_ns: int) -> list[bytes]:
        """Take one packet: its ACK records."""
        plain = self.authentication.admit(raw) if self.authentication else raw
        if isinstance(plain, Code):
            return [self._reject(*claimed(raw), plain, tai_ns)]
        command = parse(plain)
        if isinstance(command, Refused):
            return [self._reject(command.request, command.operation, command.code, tai_ns)]
        code, values = self._admissible(command, tai_ns)
        if code is not Code.NONE:
            return [self._reject(command.request, command.operation, code, tai_ns, values)]
        if command.at_tai_ns:
            self._accept(command)
            insort(self.stored, (command.at_tai_ns, self.n_accepted, command), key=lambda item: item[:2])
            return [ack(command, Stage.ACCEPTED, Code.NONE, tai_ns)]
        code, values = self._refusal(command)
        if code is not Code.NONE:
            return [self._reject(command.request, command.operation, code, tai_ns, values)]
        self._accept(command)
        return [ack(command, Stage.ACCEPTED, Code.NONE, tai_ns), *self._carry_out(command, tai_ns)]

    def due(self, tai_ns: int) -> list[bytes]:
        """Carry out stored commands whose time has come: their ACK records."""
        answers: list[bytes] = []
        while self.stored and self.stored[0][0] <= tai_ns:
            _, _, command = self.stored.pop(0)
            code, values = self._refusal(command)
            refused = code is not Code.NONE
            answers += [ack(command, Stage.FAILED, code, tai_ns, values)] if refused else self._carry_out(command, tai_ns)
        return answers

    def _accept(self, command: Telecommand) -> None:
        self._recent[command.request] = None
        if len(self._recent) > MOST_REMEMBERED:
            del self._recent[next(iter(self._recent))]
        self.n_accepted += 1

    def _reject(self, request: int, operation: int, code: Code, tai_ns: int, values: tuple[float, float] = (0.0, 0.0)) -> bytes:
        self.n_rejected += 1
        return _record(request, operation, Stage.REJECTED, code, tai_ns, values)

    def _admissible(self, command: Telecommand, tai_ns: int) -> Told:
        """What can be said before looking at the operation."""
        ahead_ns = command.at_tai_ns - tai_ns
        if command.request in self._recent:
            return Code.DUPLICATE, (0.0, 0.0)
        if command.at_tai_ns and ahead_ns <= 0:
            return Code.TIME_PAST, (0.0, 0.0)
        if command.at_tai_ns and ahead_ns > MOST_AHEAD_NS:
            return Code.TOO_FAR_AHEAD, (ahead_ns / NS_PER_S, MOST_AHEAD_NS / NS_PER_S)
        if command.at_tai_ns and len(self.stored) >= MOST_STORED:
            return Code.QUEUE_FULL, (float(len(self.stored)), float(MOST_STORED))
        return Code.NONE, (0.0, 0.0)

    def _refusal(self, command: Telecommand) -> Told:
        """Why the state as it is does not allow a command; nothing is changed. The value tells what would be allowed."""
        state, given = self.state, command.arguments
        match command.operation:
            case Operation.SET_MODE if given["mode"] not in Mode.__members__.values():
                return Code.OUT_OF_RANGE, (float(given["mode"]), float(max(Mode)))
            case Operation.SET_MODE if Mode(given["mode"]) not in CHANGES[state.mode]:
                return Code.WRONG_MODE, (float(given["mode"]), float(state.mode))
            case Operation.SET_PARAMETER:
                code = ParameterSet(self.parameters.config).set(given["parameter"], given["value"])
                return code, (float(given["parameter"]), 0.0)
            case Operation.START_SCAN if state.mode not in SCANNING:
                return Code.WRONG_MODE, (float(state.mode), float(Mode.OBSERVE))
            case Operation.START_SCAN | Operation.STOP_SCAN if state.is_scanning == (command.operation is Operation.START_SCAN):
                return Code.OUT_OF_SEQUENCE, (float(state.is_scanning), 0.0)
            case Operation.LOAD_TABLE:
                return self._load_refusal(given)
            case Operation.COMMIT_TABLE:
                return self._commit_refusal(given)
            case Operation.REQUEST_FRAME | Operation.REQUEST_CHIP | Operation.SELF_TEST if state.mode is Mode.SAFE:
                return Code.WRONG_MODE, (float(state.mode), float(Mode.IDLE))
        return Code.NONE, (0.0, 0.0)

    def _load_refusal(self, given: dict[str, Any]) -> Told:
        if given["table"] not in Table.__members__.values() or not 0 < given["n_bytes"] <= CHUNK_BYTES:
            return Code.BAD_ARGUMENT, (float(given["table"]), float(given["n_bytes"]))
        if given["offset"] not in (0, len(self.state.loading)):
            return Code.OUT_OF_SEQUENCE, (float(given["offset"]), float(len(self.state.loading)))
        if given["offset"] + given["n_bytes"] > MOST_TABLE_BYTES:
            return Code.OUT_OF_RANGE, (float(given["offset"] + given["n_bytes"]), float(MOST_TABLE_BYTES))
        return Code.NONE, (0.0, 0.0)

    def _commit_refusal(self, given: dict[str, Any]) -> Told:
        if given["table"] not in Table.__members__.values():
            return Code.BAD_ARGUMENT, (float(given["table"]), 0.0)
        if given["n_bytes"] != len(self.state.loading) or not self.state.loading:
            return Code.OUT_OF_SEQUENCE, (float(given["n_bytes"]), float(len(self.state.loading)))
        if given["crc32"] != self.state.loading_crc32():
            return Code.TABLE_DAMAGED, (float(given["crc32"]), float(self.state.loading_crc32()))
        try:
            longest = max(entry.n_frames for entry in unpack(bytes(self.state.loading)))
        except TableError:
            return Code.BAD_ARGUMENT, (float(given["table"]), 0.0)
        return (Code.OUT_OF_RANGE if longest > self.most_frames else Code.NONE), (float(longest), float(self.most_frames))

    def _carry_out(self, command: Telecommand, tai_ns: int) -> list[bytes]:
        """Change the state: the ACK records of completion, or of failure."""
        state, given, code, values = self.state, command.arguments, Code.NONE, (0.0, 0.0)
        match command.operation:
            case Operation.SET_MODE:
                state.change(Mode(given["mode"]))
            case Operation.SET_PARAMETER:
                code = self.parameters.set(given["parameter"], given["value"])
            case Operation.DUMP_PARAMETERS:
                dumped = [(float(n), self.parameters.value(n)) for n in sorted(PARAMETERS)]
                return [ack(command, Stage.COMPLETED, Code.NONE, tai_ns, pair) for pair in dumped]
            case Operation.LOAD_TABLE:
                state.load(given["offset"], given["part"].ljust(given["n_bytes"], b"\0")[: given["n_bytes"]])
            case Operation.COMMIT_TABLE:
                state.commit()
            case Operation.START_SCAN:
                state.start_scan()
            case Operation.STOP_SCAN:
                state.stop_scan()
            case Operation.REQUEST_FRAME | Operation.REQUEST_CHIP:
                code = self.request_pixels(command)
            case Operation.CLEAR_STORED:
                self.stored.clear()
            case Operation.SELF_TEST:
                code, values = self.self_test()
        return [ack(command, Stage.COMPLETED if code is Code.NONE else Stage.FAILED, code, tai_ns, values)]


def ack(command: Telecommand, stage: Stage, code: Code, tai_ns: int, values: tuple[float, float] = (0.0, 0.0)) -> bytes:
    """The ACK record that tells how far a command has got."""
    return _record(command.request, command.operation, stage, code, tai_ns, values)


def _record(request: int, operation: int, stage: Stage, code: Code, tai_ns: int, values: tuple[float, float]) -> bytes:
    return ACK.pack(
        {
            "t_tai_ns": tai_ns,
            "request": request,
            "operation": operation,
            "stage": int(stage),
            "code": int(code),
            "value_1": values[0],
            "value_2": values[1],
        }
    )
