"""UTC and TAI as integers. The only place that knows leap seconds.

TAI is counted in nanoseconds since 1958-01-01T00:00:00 TAI, the epoch of CCSDS 301.0-B-4 level 1 time codes.
UTC before 1972 is refused: it ran at another rate.
"""

import re
from bisect import bisect_right
from datetime import date, timedelta

from sensorproc.errors import InputError

EPOCH = date(1958, 1, 1)
MJD_OF_EPOCH = 36204  # modified Julian date of the epoch
LAST_DAY = date(2090, 1, 1)  # 4 octets of seconds since 1958 end in 2094
NS_PER_S = 1_000_000_000
MINUTE_NS = 60 * NS_PER_S
TT_AHEAD_NS = 32_184_000_000  # TT - TAI, by definition.
GPS_BEHIND_TAI_S = 19  # TAI - GPS time, by definition.

# (first UTC day, TAI - UTC in s), IERS Bulletin C. No leap second has been announced after 2017-01-01.
LEAP_SECONDS: tuple[tuple[date, int], ...] = tuple(
    (date(year, month, 1), 10 + i)
    for i, (year, month) in enumerate(
        [(1972, 1), (1972, 7), (1973, 1), (1974, 1), (1975, 1), (1976, 1), (1977, 1), (1978, 1), (1979, 1)]
        + [(1980, 1), (1981, 7), (1982, 7), (1983, 7), (1985, 7), (1988, 1), (1990, 1), (1991, 1), (1992, 7)]
        + [(1993, 7), (1994, 7), (1996, 1), (1997, 7), (1999, 1), (2006, 1), (2009, 1), (2012, 7), (2015, 7)]
        + [(2017, 1)]
    )
)
# No other leap second before this day: the expiry of IERS Bulletin C 72, as astropy-iers-data has it.
LEAP_SECONDS_KNOWN_UNTIL = date(2027, 6, 28)
_FIRST_DAYS = [day for day, _ in LEAP_SECONDS]
_STARTS_TAI_S = [(day - EPOCH).days * 86400 + offset for day, offset in LEAP_SECONDS]
FIRST_TAI_NS = _STARTS_TAI_S[0] * NS_PER_S  # 1972-01-01 UTC
LAST_TAI_NS = ((LAST_DAY - EPOCH).days * 86400 + LEAP_SECONDS[-1][1]) * NS_PER_S
_ISO = re.compile(r"(\d{4})-(\d{2})-(\d{2})(?:[T ](\d{2}):(\d{2})(?::(\d{2})(?:\.(\d{1,9}))?)?)?Z?\s*")


def tai_ns_from_utc(text: str) -> int:
    """TAI nanoseconds of an ISO 8601 UTC time with up to nine decimals; a second of 60 is accepted.

    Raises
    ------
    InputError
        If the text is not such a time or lies before 1972.
    """
    match = _ISO.fullmatch(text.strip() + " " if not text.endswith(" ") else text)
    if match is None:
        raise InputError(f"time {text!r}: want UTC as YYYY-MM-DDThh:mm:ss[.fffffffff]")
    year, month, day, hour, minute, second = (int(group or 0) for group in match.groups()[:6])
    try:
        utc_day = date(year, month, day)
    except ValueError as error:
        raise InputError(f"time {text!r}: {error}") from None
    if hour > 23 or minute > 59 or second > 60 or not _FIRST_DAYS[0] <= utc_day < LAST_DAY:
        raise InputError(f"time {text!r}: want hh 0-23, mm 0-59, ss 0-60 and a year from 1972 to 2089")
    offset = LEAP_SECONDS[bisect_right(_FIRST_DAYS, utc_day) - 1][1]
    seconds = (utc_day - EPOCH).days * 86400 + hour * 3600 + minute * 60 + second + offset
    return seconds * NS_PER_S + int((match.group(7) or "").ljust(9, "0"))


def doubt_of(tai_ns: int) -> str:
    """What to say of UTC at a TAI time: nothing while the leap seconds up to then are known."""
    known = ((LEAP_SECONDS_KNOWN_UNTIL - EPOCH).days * 86400 + LEAP_SECONDS[-1][1]) * NS_PER_S
    if tai_ns < known:
        return ""
    day = LEAP_SECONDS_KNOWN_UNTIL.isoformat()
    return f"leap seconds are known up to {day}: UTC after that day assumes that none was added (take a newer version)"


def leap_seconds_at(tai_ns: int) -> int:
    """TAI - UTC [s] in force at a TAI time."""
    return LEAP_SECONDS[max(bisect_right(_STARTS_TAI_S, tai_ns // NS_PER_S) - 1, 0)][1]


def utc_from_tai_ns(tai_ns: int, decimals: int = 6) -> str:
    """ISO 8601 UTC of a TAI time, rounded half up to ``decimals``; an inserted leap second reads ``:60``."""
    quantum = 10 ** (9 - decimals)
    tai_ns = (int(tai_ns) + quantum // 2) // quantum * quantum
    tai_s, ns = divmod(tai_ns, NS_PER_S)
    if tai_s < _STARTS_TAI_S[0]:
        raise InputError(f"TAI time {tai_ns} ns lies before 1972, where UTC is not defined here")
    index = bisect_right(_STARTS_TAI_S, tai_s) - 1
    utc_s = tai_s - LEAP_SECONDS[index][1]
    is_leap = index + 1 < len(LEAP_SECONDS) and tai_s == _STARTS_TAI_S[index + 1] - 1
    days, in_day = divmod(utc_s - is_leap, 86400)
    day = EPOCH + timedelta(days=days)
    fraction = f".{ns // quantum:0{decimals}d}" if decimals else ""
    second = in_day % 60 + is_leap
    return f"{day.isoformat()}T{in_day // 3600:02d}:{in_day // 60 % 60:02d}:{second:02d}{fraction}"


def julian_centuries_tt(tai_ns: int) -> float:
    """Julian centuries of TT since J2000.0 (2000-01-01T12:00 TT), good to a microsecond."""
    j2000_tai_ns = (date(2000, 1, 1) - EPOCH).days * 86400 * NS_PER_S + 43200 * NS_PER_S - TT_AHEAD_NS
    return (tai_ns - j2000_tai_ns) / (36525.0 * 86400.0 * NS_PER_S)
