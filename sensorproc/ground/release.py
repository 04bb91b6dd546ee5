"""Markings fail closed: no message without a marking and a data mode, and no simulated frame leaves as REAL."""

import re
from dataclasses import dataclass

from sensorproc.downlink.dictionary import DATA_MODES
from sensorproc.errors import ReleaseError

MARKING = re.compile(r"[A-Z][A-Z0-9 ,/.()-]{0,31}")


@dataclass(frozen=True)
class Marking:
    """What every message carries: a portion marking, a data mode, the source and the originator."""

    marking: str
    data_mode: str
    source: str
    originator: str


def check_mode(mark: Marking | None, recorded_mode: str | None) -> None:
    """Frames that say they are simulated, or hold injected targets, are never released as REAL.

    Raises
    ------
    ReleaseError
        If they would be.
    """
    if mark is not None and mark.data_mode == "REAL" and recorded_mode is not None and recorded_mode not in DATA_MODES:
        raise ReleaseError(
            "a DATAMODE card of the frames names no mode, or another than the next: they cannot be released as REAL"
        )
    if mark is not None and mark.data_mode == "REAL" and recorded_mode is not None:
        raise ReleaseError(
            f"the frames say they are {recorded_mode}: they cannot be released as REAL; give --data-mode {recorded_mode}"
        )


def check(marking: str | None, data_mode: str | None, source: str, originator: str) -> Marking | None:
    """The marking to release under, None if neither marking nor mode is given.

    Raises
    ------
    ReleaseError
        If only one of the two is given, or the marking is not of portion-marking form.
    """
    if marking is None and data_mode is None:
        return None
    if marking is None or data_mode is None:
        given, lacking = ("--marking", "--data-mode") if data_mode is None else ("--data-mode", "--marking")
        raise ReleaseError(f"{given} without {lacking}: messages need both, and neither has a default")
    if not MARKING.fullmatch(marking):
        raise ReleaseError(f"marking {marking!r}: want a portion marking of at most 32 characters, such as U")
    return Marking(marking, data_mode, source, originator)
