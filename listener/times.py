"""Times in the forms that feeds, interfaces and spreadsheets write them, as UTC. Pure."""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime, timedelta, tzinfo
from email.utils import parsedate_to_datetime
from zoneinfo import ZoneInfo

EARLIEST_YEAR = 1990
FUTURE_ALLOWED = timedelta(days=2)  # clocks that run ahead, and zones read wrongly

_FORMS = "Write it as 2026-03-05T14:30:00Z"
_DAY_FIRST = re.compile(
    r"(?P<a>\d{1,2})(?P<sign>[/.-])(?P<b>\d{1,2})(?P=sign)(?P<year>\d{4}|\d{2})"
    r"(?:[ T,]+(?P<time>\d{1,2}:\d{2}.*))?"
)
_YEAR_FIRST = re.compile(r"(\d{4})[/.](\d{1,2})[/.](\d{1,2})(?:[ T,]+(\d{1,2}:\d{2}.*))?")
_NAMED_MONTH = re.compile(
    r"(?:[^\W\d]+\.?,? +)?(?P<day>\d{1,2})(?:\.|º|er|st|nd|rd|th)?(?: +de)? +(?P<month>[^\W\d]{3,})"
    r"\.?,?(?: +del?)? +(?P<year>\d{4})(?:[ T,]+(?:a las |à |às |um |at |- )?(?P<time>\d{1,2}[:h]\d{2}.*))?"
)
_MONTH_FIRST = re.compile(
    r"(?:[^\W\d]+\.?,? +)?(?P<month>[^\W\d]{3,})\.? +(?P<day>\d{1,2})(?:st|nd|rd|th)?,? +(?P<year>\d{4})"
    r"(?:[ T,]+(?:at |- )?(?P<time>\d{1,2}:\d{2}.*))?"
)
_CLOCK = re.compile(
    r"(?P<hour>\d{1,2})[:h](?P<minute>\d{2})(?::(?P<second>\d{2})(?:[.,](?P<part>\d+))?)?"
    r"(?: ?(?P<half>[ap])\.? ?m\.?)? *(?P<zone>.*)",
    re.IGNORECASE,
)
_OFFSET = re.compile(r"(?:UTC|GMT)?([+-])(\d{1,2}):?(\d{2})?")
_RFC822 = re.compile(
    r"(?:[A-Za-z]{3,9},? )?(?:\d{1,2}[ -][A-Za-z]{3,9}[ -]\d{2,4} \d{1,2}:\d{2}(?::\d{2})?"
    r"(?: (?:[+-]\d{4}|(?P<name>[A-Za-z]{1,5})))?(?: \(.*\))?"
    r"|[A-Za-z]{3} \d{1,2} \d{1,2}:\d{2}:\d{2} (?:[+-]\d{4} )?\d{4})"
)
_MONTHS = (
    ("jan", "ene", "gen", "janv"),
    ("feb", "fev", "fevr", "fév", "févr"),
    ("mar", "mär", "mrz", "mars"),
    ("apr", "abr", "avr"),
    ("may", "mai", "mag"),
    ("jun", "giu", "juin"),
    ("jul", "lug", "juil"),
    ("aug", "ago", "aoû", "aou", "août"),
    ("sep", "set", "sept"),
    ("oct", "okt", "ott", "out"),
    ("nov",),
    ("dec", "dic", "dez", "déc"),
)
_MONTH_OF = {name: number for number, names in enumerate(_MONTHS, 1) for name in names}
_ZONES = {"z": 0, "utc": 0, "gmt": 0, "ut": 0, "wet": 0, "west": 1, "bst": 1, "cet": 1, "cest": 2}
_ZONES |= {"eet": 2, "eest": 3, "est": -5, "edt": -4, "cst": -6, "cdt": -5, "mst": -7, "mdt": -6}
_ZONES |= {"pst": -8, "pdt": -7, "art": -3, "brt": -3}


def parse_time(
    value: object, default_tz: tzinfo = UTC, *, now: datetime | None = None, day_first: bool = True
) -> datetime:
    """`value` as an aware datetime in UTC.

    Read are datetimes, ISO 8601, RFC 822 and its relatives, seconds to nanoseconds since 1970
    (told apart by their size), dates with months in words (en es pt fr it de) or with slashes
    (`day_first` where both readings are possible). `default_tz` is the zone of times without one.

    Raises ValueError, saying what is wrong, for anything else, for years before 1990 and, given
    `now`, for times more than two days ahead of it.
    """
    try:
        moment = _read(value, day_first)
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=default_tz)
        moment = moment.astimezone(UTC)
    except (OverflowError, OSError):
        raise ValueError(f"the time {_shown(value)} is outside the calendar. {_FORMS}") from None
    if moment.year < EARLIEST_YEAR:
        raise ValueError(
            f"the time {_shown(value)} reads as {moment:%Y-%m-%d}, before {EARLIEST_YEAR}: no "
            "public post is that old. Look at the column or unit"
        )
    if now is not None and moment > now + FUTURE_ALLOWED:
        raise ValueError(
            f"the time {_shown(value)} reads as {moment.isoformat()}, more than two days in the "
            "future. Look at the column, the unit or the source's clock"
        )
    return moment


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def _refused(value: object) -> ValueError:
    return ValueError(f"{_shown(value)} is no time that can be read. {_FORMS}")


def _read(value: object, day_first: bool) -> datetime:
    if isinstance(value, datetime):
        return value
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise ValueError(f"{_shown(value)} is a {type(value).__name__}, not a time. {_FORMS}")
    if not isinstance(value, str):
        return _since_1970(value)
    text = " ".join(value.split())
    if not text:
        raise ValueError(f"the time is empty. {_FORMS}")
    if len(text) > 100 or not any(char.isdigit() for char in text):
        raise _refused(value)
    digits = re.fullmatch(r"[+-]?([0-9]+)(?:\.[0-9]+)?", text)
    if digits and not _is_compact_date(digits[1]):
        return _since_1970(float(text) if "." in text else int(text))
    if digits and len(digits[1]) in (12, 14):
        text = f"{text[:8]}T{text[8:]}"
    moment = _iso(text) or _rfc822(text) or _in_words(text) or _with_slashes(text, day_first)
    if moment is None:
        raise _refused(value)
    return moment


def _is_compact_date(digits: str) -> bool:
    return len(digits) in (4, 8, 12, 14) and digits[:2] in ("19", "20")


def _since_1970(value: float) -> datetime:
    if not math.isfinite(value):
        raise ValueError(f"{value} is no time. {_FORMS}")
    size = abs(value)
    if size >= 1e20:
        raise OverflowError
    # Seconds reach 1e11 in the year 5138, milliseconds were there in 1973.
    for limit, unit in ((1e11, 1), (1e14, 10**3), (1e17, 10**6), (1e20, 10**9)):
        if size < limit:
            whole, rest = divmod(value, unit)
            return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(
                seconds=whole, microseconds=rest * 10**6 // unit
            )
    raise OverflowError


def _iso(text: str) -> datetime | None:
    # Java and Go write "2026-03-05 14:30:00.123456789 UTC" and a zone's name in brackets.
    plain = re.sub(r"\[[^\]]*\]$", "", text)
    plain = re.sub(r" ?(?:UTC|GMT|Z)$", "Z", plain, flags=re.IGNORECASE)
    plain = re.sub(r"([.,]\d{6})\d+", r"\1", plain)
    plain = re.sub(r" ([+-]\d{2}:?\d{2})$", r"\1", plain)
    if re.fullmatch(r"\d{4}-\d{2}", plain):
        plain += "-01"
    try:
        return datetime.fromisoformat(plain)
    except ValueError:
        return None


def _rfc822(text: str) -> datetime | None:
    # The library passes over what it does not know, a zone's name for one.
    if not (found := _RFC822.fullmatch(text)):
        return None
    if found["name"]:
        if found["name"].lower() not in _ZONES:
            return None
        text = f"{text[: found.start('name')]}{_ZONES[found['name'].lower()] * 100:+05d}"
    try:
        return parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError):
        return None


def _in_words(text: str) -> datetime | None:
    for pattern in (_NAMED_MONTH, _MONTH_FIRST):
        found = pattern.fullmatch(text)
        month = found and _month(found["month"].lower())
        if found and month:
            return _at(int(found["year"]), month, int(found["day"]), found["time"])
    return None


def _month(name: str) -> int | None:
    for length in (5, 4, 3):
        if name[:length] in _MONTH_OF:
            return _MONTH_OF[name[:length]]
    return None


def _with_slashes(text: str, day_first: bool) -> datetime | None:
    found = _YEAR_FIRST.fullmatch(text)
    if found:
        return _at(int(found[1]), int(found[2]), int(found[3]), found[4])
    found = _DAY_FIRST.fullmatch(text)
    if not found:
        return None
    day, month = int(found["a"]), int(found["b"])
    if month > 12 or (day <= 12 and not day_first and found["sign"] == "/"):
        day, month = month, day
    year = int(found["year"])
    return _at(year if year > 99 else 2000 + year, month, day, found["time"])


def _at(year: int, month: int, day: int, clock: str | None) -> datetime | None:
    """A day and what is written of the hour and zone; None when it is none."""
    found = _CLOCK.fullmatch(clock or "0:00")
    if not found:
        return None
    hour = int(found["hour"])
    if found["half"]:
        hour = hour % 12 + (12 if found["half"].lower() == "p" else 0)
    micro = int((found["part"] or "0")[:6].ljust(6, "0"))
    second = int(found["second"] or 0)
    try:
        naive = datetime(year, month, day, hour, int(found["minute"]), second, micro)  # noqa: DTZ001
    except ValueError:
        return None
    return _in_zone(naive, found["zone"].strip(" ()hH."))


def _in_zone(naive: datetime, zone: str) -> datetime | None:
    if not zone:
        return naive
    if zone.lower() in _ZONES:
        return naive.replace(tzinfo=UTC) - timedelta(hours=_ZONES[zone.lower()])
    offset = _OFFSET.fullmatch(zone)
    if offset:
        shift = timedelta(hours=int(offset[2]), minutes=int(offset[3] or 0))
        return naive.replace(tzinfo=UTC) - (shift if offset[1] == "+" else -shift)
    try:
        return naive.replace(tzinfo=ZoneInfo(zone))
    except (ValueError, OSError, LookupError):
        return None
