"""What people read, in their language: gettext catalogues, compiled in memory from the .po files
so that adding a language is adding one file and no build step.

A sentence of the interface is looked up by its English text; a stored Reason by its key
(`reason.<key>`), with its values filled in; a stored word (a status, a channel) by its kind and
value (`status.closed`), or by its value alone (`value.closed`).
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from functools import lru_cache
from pathlib import Path
from zoneinfo import ZoneInfo

from babel import Locale, UnknownLocaleError
from babel.dates import format_date, format_datetime, format_time, format_timedelta
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.numbers import format_decimal, format_percent
from babel.support import Translations

from listener.domain import Reason
from listener.errors import Said, Sentence

_FOLDER = Path(__file__).parent / "locale"


def languages() -> tuple[str, ...]:
    return tuple(sorted(p.parent.parent.name for p in _FOLDER.glob("*/LC_MESSAGES/listener.po")))


@lru_cache(maxsize=32)
def translator(language: str) -> Translations:
    """The catalogue of a language (`.gettext(text)`); English where there is none."""
    path = _FOLDER / language / "LC_MESSAGES" / "listener.po"
    if not path.exists():
        path = _FOLDER / "en" / "LC_MESSAGES" / "listener.po"
    compiled = io.BytesIO()
    with path.open("rb") as source:
        write_mo(compiled, read_po(source, locale=path.parent.parent.name))
    compiled.seek(0)
    return Translations(compiled)


def text(message: str, language: str, values: Mapping[str, object] | None = None) -> str:
    """A message in a language, `{name}` filled from `values`."""
    found: str = translator(language).gettext(message)
    return found.format_map(_Shown(values)) if values else found


def told(sentence: Sentence, language: str) -> str:
    """What an error says. A value that is a sentence itself is translated too."""
    values = {name: _told_value(v, language) for name, v in sentence.values.items()}
    return text(sentence.key or sentence.text, language, values)


def retold(text: str, language: str) -> str:
    """What an error said, where only its text is at hand: translated where it knows its parts."""
    return told(text.sentence, language) if isinstance(text, Said) else text


def _told_value(value: object, language: str) -> object:
    if isinstance(value, Said):
        return retold(value, language)
    if isinstance(value, Sentence):
        return told(value, language)
    if isinstance(value, tuple):
        return "\n".join(str(_told_value(v, language)) for v in value)
    return value


def label(kind: str, value: object, language: str) -> str:
    """A stored word as people say it; one that no catalogue knows (a queue that somebody named)
    as it is."""
    word = {True: "yes", False: "no", None: "none"}.get(value, value)  # type: ignore[call-overload]
    for key in (f"{kind}.{word}", f"value.{word}"):
        found: str = translator(language).gettext(key)
        if found != key:
            return found
    return str(word)


def explain(reason: Reason, language: str, zone: ZoneInfo | None = None) -> str:
    """A stored reason as a sentence. A value that is a catalogue key itself is translated too:
    `{"category": "billing"}` reads "facturación" through `value.billing`. `{conditions}` of a
    routing rule are its values but the rule and the queue. A stored moment (`since`) is shown in
    `zone`, else in UTC."""
    shown = {name: _value(name, value, language, zone) for name, value in reason.values.items()}
    conditions = [
        f"{label('condition', name, language)} {value}"
        for name, value in shown.items()
        if name not in ("rule", "queue")
    ]
    shown["conditions"] = ", ".join(conditions) or text("any case", language)
    return text(f"reason.{reason.key}", language, shown)


def match_reason(stored: str, language: str) -> str:
    """A reason of a customer match, stored as `key:value`; the value may be what an error said."""
    key, _, value = stored.partition(":")
    value = retold(Said.from_text(value), language)
    return text(f"match.{key}", language, {"value": value})


def _value(name: str, value: object, language: str, zone: ZoneInfo | None) -> object:
    if name == "since" and isinstance(value, str):
        try:
            moment = datetime.fromisoformat(value)
        except ValueError:
            return value
        return when(moment, language, zone or ZoneInfo("UTC")) + ("" if zone else " UTC")
    if name == "error" and isinstance(value, str):
        return retold(Said.from_text(value), language)
    if name == "lang" and isinstance(value, str):
        return language_name(value, language)
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return number(value, language) if name == "reach" else value
    if value is None or isinstance(value, str):
        return label("value", value, language)
    return value


# ---------------------------------------------------------------------------- times and numbers


def when(moment: datetime, language: str, zone: ZoneInfo) -> str:
    """A moment in a person's own zone and language, for example «22 nov 2026, 9:05»."""
    return format_datetime(moment, "d MMM y, H:mm", tzinfo=zone, locale=language)


def clock(moment: datetime, language: str, zone: ZoneInfo) -> str:
    """The time of day, for example «9:05»."""
    return format_time(moment, "H:mm", tzinfo=zone, locale=language)


def day(moment: datetime, language: str, zone: ZoneInfo, pattern: str = "d MMM") -> str:
    return format_date(moment.astimezone(zone).date(), pattern, locale=language)


def day_of(on: date, language: str, pattern: str = "d MMM y") -> str:
    """A day that is of no zone any more."""
    return format_date(on, pattern, locale=language)


def span(length: timedelta, language: str) -> str:
    """A length of time in one or two units: «3 h 20 min», «2 días»."""
    minutes = int(abs(length).total_seconds()) // 60
    days, hours, rest = minutes // 1440, minutes % 1440 // 60, minutes % 60
    if days >= 2:
        return _unit(timedelta(days=days), "day", language)
    if days or hours >= 10:
        return _unit(timedelta(hours=days * 24 + hours), "hour", language)
    if hours:
        first = _unit(timedelta(hours=hours), "hour", language)
        return f"{first} {_unit(timedelta(minutes=rest), 'minute', language)}" if rest else first
    return _unit(timedelta(minutes=rest), "minute", language)


def days(count: int, language: str) -> str:
    return _unit(timedelta(days=count), "day", language)


def _unit(length: timedelta, unit: str, language: str) -> str:
    return format_timedelta(
        length,
        granularity=unit,  # type: ignore[arg-type]
        threshold=10_000,
        format="long" if unit == "day" else "short",
        locale=language,
    )


def number(value: float, language: str, decimals: int | None = None) -> str:
    """With so many decimals, always; None: as many as it has, up to three."""
    form = None if decimals is None else f"#,##0.{'0' * decimals}"
    return format_decimal(value, form, locale=language)


def percent(value: float, language: str, *, decimals: int = 0) -> str:
    """A share between 0 and 1, for example «12 %»."""
    if not decimals:
        return format_percent(value, locale=language)
    pattern = Locale.parse(language).percent_formats[None].pattern
    return format_percent(value, pattern.replace("#,##0", "#,##0.0"), locale=language)


def language_name(code: str, language: str | None = None) -> str:
    """A language's name, in itself or in another language."""
    try:
        name = Locale.parse(language or code).languages.get(code)
    except (UnknownLocaleError, ValueError):
        name = None
    # The locale data has a name for "und", too; ours says the same as the rest of the page.
    return name if name and code != "und" else label("lang", code, language or "en")


class _Shown(dict[str, object]):
    """A missing value shows its own name rather than breaking the page."""

    def __init__(self, values: Mapping[str, object]) -> None:
        super().__init__(values)

    def __missing__(self, key: str) -> str:
        return "{" + key + "}"
