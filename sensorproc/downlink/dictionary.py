"""Every number and name both sides must agree on: APIDs, reasons, events, severities, status bits, modes, origins."""

from enum import IntEnum, IntFlag

ICD_VERSION = 1  # of packets and records: one more whenever a layout or the meaning of a number changes


class Apid(IntEnum):
    """Application process identifiers, one per record type."""

    SET = 0x310  # housekeeping of a frame set, sent before and after it
    EVENT = 0x311
    ACK = 0x312  # answers to telecommands, as they fall due
    HEALTH = 0x313  # of the payload's computer, once a set; absent where no board is simulated
    DWELL = 0x314  # what became of each dwell of the scan table
    IMAGE = 0x330  # raw pixels the ground asked for
    FRAME = 0x320
    DETECTION = 0x321
    TRACKLET = 0x323


class Severity(IntEnum):
    """Event severities, in the order of F Prime."""

    DIAGNOSTIC = 0
    ACTIVITY_LO = 1
    ACTIVITY_HI = 2
    WARNING_LO = 3
    WARNING_HI = 4
    FATAL = 5


# Why a frame could not be used, or not be solved from its stars: the code is the place in this tuple. Append only.
REASONS = (
    "NONE",
    "SATURATED",
    "NO_DATA",
    "FLAT",
    "SLEWING",
    "NO_STARS",
    "NOT_REGISTERED",
    "NO_FRAMES",
    "UNREADABLE",
    "WRONG_SIZE",
    "THRESHOLD_RAISED",
    "PACKETS_DROPPED",
    "SAME_TIME",
    "NO_MEMORY",
    "DEADLINE_MISSED",
    "TABLE_DAMAGED",
    "NO_STAR_TABLE",
    "FEW_STARS",
    "NO_MATCH",
    "NO_SCALE",
    "NO_PATTERNS",
    "MEMORY_ERROR",
    "FRAME_LOST",
    "FRAME_LATE",
    "FRAME_TORN",
    "FRAME_STUCK",
    "CAMERA_RESET",
    "OVERLOAD",
    "STAGE_HANG",
    "WATCHDOG_RESET",
    "WRONG_MODE",
    "SCAN_STOPPED",
    "END_OF_RUN",
    "TABLE_RELOADED",
    "CLOCK_JUMP",
    "CLOCK_HOLDOVER",
    "CLOCK_LOCKED",
    "DEGRADED",
    "PING_LATE",
    "LINK_OUTAGE",
    "MODE_CHANGED",
    "SCAN_STARTED",
    "MEMORY_SQUEEZED",
    "FRAME_DUPLICATED",
    "CHECKOUT",
    "SEARCHED_AGAIN",
    "CLOUDED",
    "ARTEFACT",
    "TOO_MANY_TRACKS",
    "INTERLACED",
    "RESTARTED",
)

# Those that tell of a set or of the board, not of a frame that could not be used.
OF_BOARD = (
    "DEADLINE_MISSED", "TABLE_DAMAGED", "WATCHDOG_RESET", "TABLE_RELOADED", "CLOCK_JUMP", "CLOCK_HOLDOVER", "CLOCK_LOCKED",
    "DEGRADED", "PING_LATE", "LINK_OUTAGE", "MODE_CHANGED", "SCAN_STARTED", "SCAN_STOPPED", "MEMORY_SQUEEZED", "FRAME_DUPLICATED",
    "CHECKOUT", "SEARCHED_AGAIN", "RESTARTED",
)  # fmt: skip
OF_SEARCH = ("THRESHOLD_RAISED", "ARTEFACT", "TOO_MANY_TRACKS", "INTERLACED")
NOT_OF_FRAMES = frozenset(("NONE", "PACKETS_DROPPED", *OF_SEARCH, *OF_BOARD))

DATA_MODES = ("UNSET", "REAL", "TEST", "SIMULATED", "EXERCISE")
ORIGINS = ("unknown", "detector", "stars", "co-rotating", "linked", "mover", "bright", "streaks")


class FrameStatus(IntFlag):
    """What is true of a frame record (uint16)."""

    PROCESSED = 1
    HAS_SKY = 2  # the camera's attitude is known
    STAR_SOLUTION = 4  # ... from matched stars, not from the header alone
    HAS_OBSERVER = 8
    HAS_ZERO_POINT = 16
    GAIN_KNOWN = 32
    HAS_TIME = 64  # without it, times count frames and no message may carry them


def reason_name(code: int) -> str:
    """Name of a code that was received; UNKNOWN for one of a later version."""
    return REASONS[code] if code < len(REASONS) else "UNKNOWN"


def reason_code(reason: str) -> int:
    """Code of a reason; an unknown one is a defect."""
    return REASONS.index(reason)
