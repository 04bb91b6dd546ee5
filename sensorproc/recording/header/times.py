"""When a frame was exposed: start, middle or end, by whatever card says it, in whatever time scale.

The cards' meanings are those of the FITS standard 4.0, section 9 (DATE-OBS is the start unless its comment says otherwise), and
of what programs write beside it.
"""

import re
from fractions import Fraction

from sensorproc.errors import InputError
from sensorproc.recording.header.cards import Card, Cards
from sensorproc.recording.header.exposure import MAX_EXPOSURE_S
from sensorproc.recording.header.found import Found, Said
from sensorproc.timescales import GPS_BEHIND_TAI_S, MJD_OF_EPOCH, NS_PER_S, TT_AHEAD_NS, leap_seconds_at, tai_ns_from_utc

START, MIDDLE, END = 0.5, 0.0, -0.5  # What is to be added to a card's time for mid-exposure, in exposures.
DATES = (("DATE-OBS", START), ("DATE-BEG", START), ("DATE_OBS", START), ("DATE-AVG", MIDDLE), ("DATE-MID", MIDDLE),
         ("DATE-END", END))  # fmt: skip
CLOCKS = ("TIME-OBS", "UT", "UTC", "UT-OBS", "UTC-OBS", "UTSTART", "UT-START", "TIME-BEG", "TIME_OBS", "TAIHMS")
DAYS = (("MJD-OBS", START), ("MJD-BEG", START), ("MJD_OBS", START), ("MJD", START), ("JD-OBS", START), ("JD", START),
        ("JD_UTC", START), ("MJD-AVG", MIDDLE), ("MJD-MID", MIDDLE), ("MJD-END", END))  # fmt: skip
JD_OF_MJD = Fraction(4800001, 2)  # 2400000.5
UTC_NAMES = re.compile(r"UTC?(\(\w+\))?|GMT|Z|ZULU|UNIVERSAL", re.IGNORECASE)
TT_NAMES = ("TT", "TDT", "ET", "TDB")  # TDB differs from TT by less than 2 ms.
ISO = re.compile(
    r"(\d{4})[-/](\d\d)[-/](\d\d)(?:[T ]+(\d\d):(\d\d)(?::(\d\d)(?:[.,](\d*))?)?\s*(Z|[+-]\d\d:?\d\d)?)?", re.IGNORECASE
)
CLOCK = re.compile(r"(\d{1,2}):(\d\d)(?::(\d\d)(?:[.,](\d*))?)?\s*Z?", re.IGNORECASE)
MIDDLE_WORDS = re.compile(r"\bmid", re.IGNORECASE)
END_WORDS = re.compile(r"\b(end|stop)\b", re.IGNORECASE)
SAME_NS = NS_PER_S // 20  # Cards that differ by no more, and a tenth of an exposure, agree.


def mid_time(cards: Cards, exposure_s: float | None, said: Said) -> Found[int] | None:
    """Mid-exposure TAI [ns] and the card it is from; None if no card tells a time, what could not be understood is ``said``.

    A day without a clock is no time, and neither is one of a time scale that is not known.
    """
    scale = _scale(cards, said)
    if scale is None:
        return None
    found = [*_dates(cards, scale, exposure_s, said), *_days(cards, scale, exposure_s)]
    if not found:
        for card in cards.present(*(key for key, _ in (*DATES, *DAYS)), "UNIXTIME", "TAI"):
            said.doubt(f"{card} is no time that is understood (want ISO 8601 in UTC, or a day and a clock)")
        return None
    first, *others = found
    near_ns = SAME_NS + round(0.1 * (exposure_s or 0.0) * NS_PER_S)
    for other in others:
        if abs(other.value - first.value) > near_ns + (NS_PER_S if "JD" in other.source else 0):
            said.doubt(f"{first.source} and {other.source} contradict each other: the first is used")
    return first


def _scale(cards: Cards, said: Said) -> str | None:
    name = cards.text("TIMESYS") or "UTC"
    scale = "UTC" if UTC_NAMES.fullmatch(name) else name.upper()
    if scale in TT_NAMES:
        scale = "TT"
    if scale not in ("UTC", "TAI", "TT", "GPS"):
        said.doubt(f"TIMESYS = {name!r} is no time scale that is known (UTC, TAI, TT, TDB, GPS): no time")
        return None
    return scale


def _dates(cards: Cards, scale: str, exposure_s: float | None, said: Said) -> list[Found[int]]:
    found = []
    for key, part in DATES:
        card = cards.card(key)
        parts = ISO.fullmatch(card.text) if card else None
        if card is None or parts is None:
            continue
        clock, source, own_scale = parts.group(4, 5, 6, 7), str(card), scale
        if clock[0] is None or not any(int(group or 0) for group in clock):
            beside = _clock_beside(cards) if key in ("DATE-OBS", "DATE_OBS") else None
            if beside is not None:
                (clock, name), source = beside, f"{card} with {beside[1]}"
                own_scale = "TAI" if name.startswith("TAIHMS") else scale
            elif clock[0] is None:
                continue
        if parts[8] and parts[8].upper() != "Z":
            source += f" (zone {parts[8]})"
        try:
            tai_ns = _tai_ns(parts.group(1, 2, 3), clock, own_scale) - _zone_ns(parts[8])
        except InputError as error:
            said.doubt(f"{card}: {error}")
            continue
        meant = _meant(card, part) if key == "DATE-OBS" else part
        if meant is not END or exposure_s is not None:
            found.append(_middle(tai_ns, meant, exposure_s, f"{source}, {own_scale}"))
    return found


def span_s(cards: Cards) -> Found[float] | None:
    """Exposure time [s] between the cards of start and end, where it is written nowhere else."""
    ends = [_dates(Cards({key: cards.text(key)}), "TAI", 1.0, Said()) for key in ("DATE-BEG", "DATE-END")]
    start, end = ends if all(ends) else (_dates(Cards({"DATE-OBS": cards.text("DATE-OBS")}), "TAI", 1.0, Said()), ends[1])
    if not start or not end:
        return None
    seconds = (end[0].value - start[0].value) / NS_PER_S + 1.0
    return Found(seconds, "from start to end") if 0.0 < seconds < MAX_EXPOSURE_S else None


def _clock_beside(cards: Cards) -> tuple[tuple[str | None, ...], str] | None:
    """Clock of the day that DATE-OBS names, and the card that tells it."""
    for card in cards.present(*CLOCKS):
        alone, with_day = CLOCK.fullmatch(card.text), ISO.fullmatch(card.text)
        if alone or (with_day and with_day[4]):
            return alone.groups() if alone else with_day.group(4, 5, 6, 7), str(card)  # type: ignore[union-attr]
    return None


def _meant(card: Card, usual: float) -> float:
    """Which part of the exposure a card's own comment says it is of."""
    return MIDDLE if MIDDLE_WORDS.search(card.comment) else END if END_WORDS.search(card.comment) else usual


def _tai_ns(day: tuple[str | None, ...], clock: tuple[str | None, ...], scale: str) -> int:
    hour, minute, second, fraction = (group or "0" for group in clock)
    text = f"{'-'.join(str(group) for group in day)}T{int(hour):02d}:{minute}:{int(second):02d}.{fraction[:9] or '0'}"
    return _from_scale(tai_ns_from_utc(text), scale, counts_leaps=True)


def _from_scale(tai_ns: int, scale: str, counts_leaps: bool) -> int:
    """TAI of a time that was read as if it were UTC (``counts_leaps``) or TAI, and is one of ``scale``."""
    if scale == "UTC":
        return tai_ns if counts_leaps else tai_ns + leap_seconds_at(tai_ns) * NS_PER_S
    if counts_leaps:
        tai_ns -= leap_seconds_at(tai_ns) * NS_PER_S
    return tai_ns + {"TAI": 0, "TT": -TT_AHEAD_NS, "GPS": GPS_BEHIND_TAI_S * NS_PER_S}[scale]


def _zone_ns(zone: str | None) -> int:
    if not zone or zone.upper() == "Z":
        return 0
    minutes = int(zone[1:3]) * 60 + int(zone[-2:])
    return (-minutes if zone[0] == "-" else minutes) * 60 * NS_PER_S


def _days(cards: Cards, scale: str, exposure_s: float | None) -> list[Found[int]]:
    """From Julian days. A whole one is a day without a clock."""
    found = []
    for key, part in DAYS:
        card = cards.card(key)
        value = card.number() if card else None
        if card is None or value is None or (part is END and exposure_s is None):
            continue
        text = card.text if isinstance(card.value, str) else repr(float(value))
        try:
            day = Fraction(text)
        except ValueError:
            day = Fraction(value)
        mjd = day - JD_OF_MJD if key.startswith("JD") else day
        if mjd.denominator == 1 or not 41317 <= mjd < 88069:  # 1972 to 2100
            continue
        ns = round((mjd - MJD_OF_EPOCH) * 86400 * NS_PER_S)
        found.append(_middle(_from_scale(ns, scale, counts_leaps=False), part, exposure_s, f"{card}, {scale}"))
    return found


def _middle(tai_ns: int, part: float, exposure_s: float | None, source: str) -> Found[int]:
    name = {START: "start", MIDDLE: "middle", END: "end"}[part]
    return Found(tai_ns + round(part * (exposure_s or 0.0) * NS_PER_S), f"{source}, {name} of exposure")
