"""What a frame says of itself: whether its pixels are of the real sky, and whether it shows the sky at all."""

import re
from collections.abc import Iterable

from sensorproc.recording.header.cards import Cards

NOT_REAL = ("SIMULATED", "EXERCISE", "TEST")  # data modes; in this order where a recording holds several
UNKNOWN_MODE = "UNKNOWN"  # a DATAMODE card that names no mode, or cards that contradict each other: nothing may be released
KINDS = ("IMAGETYP", "IMAGETYPE", "OBSTYPE", "IMTYPE", "FRAMETYP")
CALIBRATION = re.compile(r"\b(master[ -]?)?(dark|bias|flat|zero|offset|skyflat|domeflat|lamp|arc|standard dark)", re.IGNORECASE)


def data_mode(headers: Iterable[Cards]) -> str | None:
    """What a file says it is where it is not all of the real sky (cards DATAMODE of all its HDUs); None where no card says
    anything but REAL, which permits nothing more than no card at all."""
    said = {card.text.upper() for cards in headers for card in cards.all("DATAMODE")}
    if not said or said == {"REAL"}:
        return None
    if len(said) == 1 and said <= set(NOT_REAL):
        return said.pop()
    return UNKNOWN_MODE


def calibration_kind(cards: Cards) -> str | None:
    """Which calibration a frame is (dark, bias, flat); None for a light."""
    for card in cards.present(*KINDS):
        found = CALIBRATION.search(card.text)
        if found:
            kind = found[2].lower()
            return "bias" if kind in ("zero", "offset") else "flat" if "flat" in kind or kind in ("lamp", "arc") else kind[-4:]
    return None
