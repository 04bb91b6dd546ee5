"""Markings fail closed: no message without a marking and a data mode, and no simulated frame leaves as REAL."""

import hashlib
import re
from dataclasses import dataclass

from sensorproc.downlink.dictionary import DATA_MODES
from sensorproc.errors import ReleaseError

MARKING = re.compile(r"[A-Z][A-Z0-9 ,:;&+/.()'_-]{0,255}")
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._+/()-]{0,63}")
CARRIED_CHARACTERS = 32  # of a marking in a SET record: of a longer one its digest
DIGEST = "SHA256-"


@dataclass(frozen=True)
class Marking:
    """What every message carries: a marking, a data mode, the source and the originator."""

    marking: str
    data_mode: str
    source: str
    originator: str


def carried(marking: str) -> str:
    """A marking as SET records carry it: itself, or what tells it from every other where it is too long for them."""
    if len(marking) <= CARRIED_CHARACTERS:
        return marking
    digest = hashlib.sha256(marking.encode("ascii")).hexdigest()
    return DIGEST + digest[: CARRIED_CHARACTERS - len(DIGEST)]


def check_mode(mark: Marking | None, recorded_mode: str | None) -> None:
    """Frames that say they are simulated, or hold injected targets, are never released as REAL.

    Raises
    ------
    ReleaseError
        If they would be.
    """
    if mark is None or mark.data_mode != "REAL" or recorded_mode is None:
        return
    if recorded_mode not in DATA_MODES:
        raise ReleaseError("the DATAMODE cards of the frames contradict each other, or name no mode: nothing leaves as REAL")
    raise ReleaseError(
        f"the frames say they are {recorded_mode}: they cannot be released as REAL; give --data-mode {recorded_mode}"
    )


def check(marking: str | None, data_mode: str | None, source: str, originator: str) -> Marking | None:
    """The marking to release under, None if neither marking nor mode is given.

    Raises
    ------
    ReleaseError
        If only one of the two is given, the marking is not of a marking's form, or a name could break a message.
    """
    if marking is None and data_mode is None:
        return None
    if marking is None or data_mode is None:
        given, lacking = ("--marking", "--data-mode") if data_mode is None else ("--data-mode", "--marking")
        raise ReleaseError(f"{given} without {lacking}: messages need both, and neither has a default")
    if not MARKING.fullmatch(marking) or marking.startswith(DIGEST) or marking == "UNSET":
        raise ReleaseError(f"marking {marking[:80]!r}: want at most 256 capitals, digits and ,:;&+/.()'_-, such as U")
    for name, text in (("source", source), ("originator", originator)):
        if not NAME.fullmatch(text):
            raise ReleaseError(f"{name} {text[:80]!r}: want letters, digits, blanks and ._+/()- of at most 64 characters")
    return Marking(marking, data_mode, source, originator)
