"""Exposure time: the first of its cards that holds a time, in whatever unit."""

import re
from typing import Any

from sensorproc.recording.header.cards import SECONDS, Card, Cards
from sensorproc.recording.header.found import Found, Said

SECONDS_CARDS = ("EXPTIME", "AEXPTIME", "EXPOSURE", "XPOSURE", "EXP_TIME", "EXPOSTIM", "EXPTIMES", "ITIME", "INTTIME")
SHORT_CARDS = {"EXPOINUS": 1e-6, "EXPOMS": 1e-3, "EXPOSUS": 1e-6}  # what their numbers are worth, whose names are their units
DIT = re.compile(r"(?:.* )?DIT\d?")  # detector integration time of ESO's HIERARCH cards
ELAPSED = "TELAPSE"  # pauses counted: only where nothing better is known
MAX_EXPOSURE_S = 86400.0
SAME = 0.01  # Cards that differ by no more of it agree.


def exposure(cards: Cards, meta: dict[str, Any], said: Said) -> Found[float] | None:
    """Exposure time [s]; None if no card holds one that is positive and shorter than a day. Contradictions are ``said``."""
    found = [f for card in _candidates(cards) if (f := _seconds(card)) is not None]
    stated = Card("exposure_s of meta.json", meta.get("exposure_s"))
    if (value := _seconds(stated)) is not None:
        found.append(value)
    if not found:
        return None
    first = found[0]
    for other in found[1:]:
        if abs(other.value - first.value) > SAME * first.value and not other.source.startswith(ELAPSED):
            said.doubt(f"{first.source} and {other.source} contradict each other: the first is used")
    return first


def _candidates(cards: Cards) -> list[Card]:
    return [*cards.present(*SECONDS_CARDS, *SHORT_CARDS), *cards.matching(DIT), *cards.present(ELAPSED)]


def _seconds(card: Card) -> Found[float] | None:
    value = card.number(SECONDS, SHORT_CARDS.get(card.key, 1.0))
    return Found(value, str(card)) if value is not None and 0.0 < value < MAX_EXPOSURE_S else None
