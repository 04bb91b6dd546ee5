"""The cards of a frame, its own HDU's before the file's, as text and as numbers in units.

A number may be text (``'1.10    '``, ``'5,0'``, ``'5.0 s'``); its unit stands behind it or in square brackets in the comment.
"""

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from sensorproc.conventions import ARCSEC_PER_RAD

SECONDS = {
    "s": 1.0, "sec": 1.0, "secs": 1.0, "second": 1.0, "seconds": 1.0, "ms": 1e-3, "msec": 1e-3, "millisecond": 1e-3,
    "milliseconds": 1e-3, "us": 1e-6, "usec": 1e-6, "microsecond": 1e-6, "microseconds": 1e-6, "ns": 1e-9, "min": 60.0,
    "minute": 60.0, "minutes": 60.0, "h": 3600.0, "hr": 3600.0, "hour": 3600.0, "hours": 3600.0,
}  # fmt: skip
ARCSECONDS = {
    '"': 1.0, "arcsec": 1.0, "arcsecs": 1.0, "arcsecond": 1.0, "arcseconds": 1.0, "asec": 1.0, "mas": 1e-3, "arcmin": 60.0,
    "'": 60.0, "deg": 3600.0, "degree": 3600.0, "degrees": 3600.0, "rad": ARCSEC_PER_RAD, "urad": 1e-6 * ARCSEC_PER_RAD,
    "mrad": 1e-3 * ARCSEC_PER_RAD,
}  # fmt: skip
MILLIMETRES = {"mm": 1.0, "um": 1e-3, "micron": 1e-3, "microns": 1e-3, "cm": 10.0, "m": 1e3}
NO_UNITS: Mapping[str, float] = MappingProxyType({})
EXPONENT = str.maketrans("dD", "ee")  # Fortran writes 1.5D3
PER_PIXEL = re.compile(r"\s*(/|per)\s*(pix|px|pixel|pixels)$")
NUMBER = re.compile(r"\s*([+-]?(?:\d+\.?\d*|\.\d+)(?:[eEdD][+-]?\d+)?)\s*(.*?)\s*")
DECIMAL_COMMA = re.compile(r"\s*[+-]?\d+,\d+\b[^,.]*")
BRACKETS = re.compile(r"[\[(]\s*([^\])]+?)\s*[\])]")


@dataclass(frozen=True)
class Card:
    """One card: its value as it stands there and its comment."""

    key: str
    value: Any
    comment: str = ""

    def __str__(self) -> str:
        unit = self.bracketed if any(map(str.isalpha, self.bracketed)) else ""
        value = repr(self.value.strip()) if isinstance(self.value, str) else self.value
        return f"{self.key} = {value}" + (f" [{unit}]" if unit else "")

    @property
    def text(self) -> str:
        """The value as text without blanks around it."""
        return str(self.value if self.value is not None else "").strip()

    @property
    def bracketed(self) -> str:
        """What stands in brackets in the comment, where the unit has its place."""
        found = BRACKETS.search(self.comment)
        return found[1] if found else ""

    def number(self, units: Mapping[str, float] = NO_UNITS, usual: float = 1.0) -> float | None:
        """The value as a finite number, times what its unit is worth in ``units``, or ``usual`` where it names none of them; None
        where it is no number, or has a word behind it that is not one of them."""
        if isinstance(self.value, bool):
            return None
        text = str(self.value)
        found = NUMBER.fullmatch(text.replace(",", ".", 1) if DECIMAL_COMMA.fullmatch(text) else text)
        if found is None or (found[2] and _worth(found[2], units) is None):
            return None
        worth = _worth(found[2] or self.bracketed, units)
        value = float(found[1].translate(EXPONENT)) * (usual if worth is None else worth)
        return value if math.isfinite(value) else None


def _worth(unit: str, units: Mapping[str, float]) -> float | None:
    return units.get(PER_PIXEL.sub("", unit.strip().lower()))


@dataclass(frozen=True)
class Cards:
    """All cards of a frame: ``own`` are those of its HDU, ``file`` those of the first, where that is another."""

    own: Mapping[str, Any]
    file: Mapping[str, Any] = field(default_factory=dict)

    def all(self, key: str) -> list[Card]:
        """Every card of this name with a value, the frame's own first."""
        return [card for part in (self.own, self.file) for card in _of(part, key) if card.text]

    def card(self, key: str) -> Card | None:
        """The most specific card of this name."""
        return next(iter(self.all(key)), None)

    def present(self, *keys: str) -> list[Card]:
        """The most specific card of each of these names that is there."""
        return [card for key in keys if (card := self.card(key)) is not None]

    def matching(self, pattern: re.Pattern[str]) -> Iterator[Card]:
        """The most specific cards whose whole name fits a pattern."""
        names = dict.fromkeys(key for part in (self.own, self.file) for key in part if pattern.fullmatch(str(key)))
        return (card for name in names if (card := self.card(name)) is not None)

    def text(self, key: str) -> str:
        """The value of a card as text, empty where there is none."""
        card = self.card(key)
        return card.text if card else ""

    def number(self, *keys: str) -> float | None:
        """The first finite number under any of the names."""
        return next((value for card in self.present(*keys) if (value := card.number()) is not None), None)


def _of(header: Mapping[str, Any], key: str) -> list[Card]:
    if key not in header:
        return []
    count = getattr(header, "count", None)
    if count is None:
        return [Card(key, header[key])]
    cards: Any = header
    return [Card(key, cards[key, k], str(cards.comments[key, k])) for k in range(count(key))]
